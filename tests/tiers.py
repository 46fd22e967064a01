"""Tells which rows of a table the quick tier leaves to the whole suite."""

from typing import Any

import pytest


def slow(*rows: Any) -> list[Any]:
    """Rows of a parameter table, one value or a tuple each, that take long or are much like another one."""
    return [
        pytest.param(*(row if isinstance(row, tuple) else (row,)), marks=pytest.mark.slow) for row in rows
    ]


quick_on_asyncio = pytest.mark.parametrize("anyio_backend", ["asyncio", *slow("trio")])
"""For a test that takes long: on trio in the whole suite alone."""
