"""An error that several tasks wait for reaches each of them as one of its own, which says the same."""

import json
import sqlite3
import subprocess
from collections.abc import Callable
from typing import Any

import attrs
import pydantic
import pytest

from cloudplatform_async import CloudPlatformError, RateLimitError
from cloudplatform_async._runtime.raised import RaisedByUser, another


@attrs.define
class SlottedError(Exception):
    """As attrs makes one."""

    code: int
    hint: str = "none"


@attrs.frozen
class FrozenError(Exception):
    """The same, and nobody can set its fields."""

    code: int


class OwnNewError(Exception):
    """Made by arguments that it does not keep."""

    def __new__(cls, *, code: int) -> "OwnNewError":
        return super().__new__(cls)

    def __init__(self, *, code: int) -> None:
        super().__init__("own")
        self.code = code


class Row(pydantic.BaseModel):
    """Of a store."""

    id: int


def met(function: Callable[[], object]) -> Exception:
    """What a function raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any of them
        function()
    return caught.value


MADE: dict[str, Callable[[], Exception]] = {
    "no file": lambda: met(lambda: open("/nowhere/at/all")),  # noqa: SIM115
    "a full disk": lambda: OSError(28, "No space left", "/tmp/tokens"),
    "no JSON": lambda: met(lambda: json.loads("{")),
    "no UTF-8": lambda: met(lambda: b"\xff".decode()),
    "no module": lambda: ImportError("none", name="redis"),
    "a database": lambda: met(lambda: sqlite3.connect("/nowhere/at/all")),
    "a process": lambda: subprocess.CalledProcessError(3, ["vault"], "out", "err"),
    "a group": lambda: ExceptionGroup("several", [KeyError("a"), OSError(1, "b")]),
    "of attrs": lambda: SlottedError(5, "disk"),
    "of attrs, frozen": lambda: FrozenError(5),
    "made in its own way": lambda: OwnNewError(code=5),
    "of pydantic": lambda: met(lambda: Row.model_validate({"id": "x"})),
    "of a client": lambda: RateLimitError("slow down", status_code=429, retry_after=3.0),
}
FIELDS = ("code", "hint", "errno", "filename", "start", "reason", "name", "returncode", "exceptions")


@pytest.mark.parametrize("case", MADE)
def test_another_error_says_what_the_first_says(case: str) -> None:
    """In all of its fields, whatever its class is made by."""
    error = MADE[case]()
    error.__cause__ = KeyError("why")
    error.add_note("a note")
    twin: Any = another(error)
    assert twin is not error
    assert (type(twin), str(twin), twin.__cause__) == (type(error), str(error), error.__cause__)
    for name in FIELDS:
        assert getattr(twin, name, None) == getattr(error, name, None)
    twin.add_note("of one call")
    assert error.__notes__ == ["a note"]


def test_an_error_that_is_carried_is_carried_again() -> None:
    """So that no call signs the other one either."""
    carried = RaisedByUser(CloudPlatformError("theirs", attempts=7))
    twin = another(carried)
    assert isinstance(twin, RaisedByUser)
    assert twin.error is not carried.error
    assert twin.error.attempts == 7
