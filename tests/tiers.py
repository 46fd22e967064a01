"""Tells which rows of a table the quick tier leaves to the whole suite."""

from typing import Any

import pytest


def slow(*rows: Any) -> list[Any]:
    """Rows of a parameter table, one value or a tuple each, that take long or are much like another one."""
    return [
        pytest.param(*(row if isinstance(row, tuple) else (row,)), marks=pytest.mark.slow) for row in rows
    ]
