"""The tree of errors: drawn as it is, and every error survives being copied, pickled and noted."""

import copy
import inspect
import pickle
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import cloudplatform_async
from cloudplatform_async import errors
from cloudplatform_async.errors import CloudPlatformError

CLASSES = [
    each
    for _, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, CloudPlatformError) and each.__module__ == errors.__name__
]
CONTEXT: dict[str, Any] = {
    "outcome": "unknown",
    "attempts": 3,
    "request_id": "req_1",
    "status_code": 409,
    "code": "slug_taken",
    "details": {"slug": ["a", None, 5]},
    "retry_after": 1.5,
    "idempotency_key": "key_1",
    "checkpoint": "cp1.abc",
}
COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{
        f"pickle {protocol}": lambda error, protocol=protocol: pickle.loads(pickle.dumps(error, protocol))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}


def drawn() -> Iterator[tuple[str, str]]:
    """Each class of the docstring's tree with the one it hangs under; a level is four characters wide."""
    branch: list[str] = []
    for line in inspect.cleandoc(errors.__doc__ or "").splitlines():
        if found := re.match(r"([│├└─ ]*)([A-Z]\w+(?:Error))\b", line):
            level = len(found[1]) // 4
            branch[level:] = [found[2]]
            yield found[2], branch[level - 1] if level else "Exception"


def full(kind: type[CloudPlatformError]) -> CloudPlatformError:
    """An error with every attribute set."""
    more = {"path": "$.data[0].id"} if kind is errors.ResponseDecodeError else {}
    return kind("It went wrong.", **CONTEXT, **more)


def test_the_tree_is_drawn_as_it_is() -> None:
    """Every class stands in the docstring, under its base."""
    assert dict(drawn()) == {each.__name__: each.__bases__[0].__name__ for each in CLASSES}


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_is_named_public_and_explained(kind: type[CloudPlatformError]) -> None:
    """Its name ends in ``Error``, it stands at the front door, and it has a sentence of its own."""
    assert kind.__name__.endswith("Error")
    assert getattr(cloudplatform_async, kind.__name__) is kind
    assert kind.__name__ in cloudplatform_async.__all__
    assert kind.__doc__ not in {base.__doc__ for base in kind.__mro__[1:]}


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_is_copied_whole(kind: type[CloudPlatformError]) -> None:
    """All attributes, the message and the notes come through a copy and a pickle."""
    error = full(kind)
    error.add_note("Not tried again: the next wait of 2.00 s would pass the deadline.")
    for way, copied in COPIES.items():
        twin = copied(error)
        assert (way, type(twin)) == (way, kind)
        assert twin is not error
        assert (way, vars(twin)) == (way, vars(error))
        assert {name: getattr(twin, name) for name in CONTEXT} == CONTEXT
        assert (twin.args, str(twin), repr(twin)) == (error.args, str(error), repr(error))
        assert (way, twin.__notes__) == (way, error.__notes__)


def test_a_deep_copy_shares_nothing() -> None:
    """To change its details leaves the first error as it was."""
    error = full(errors.ConflictError)
    copy.deepcopy(error).details["slug"].clear()
    assert error.details == CONTEXT["details"]


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_without_context_claims_nothing(kind: type[CloudPlatformError]) -> None:
    """Nothing was sent, and nothing is known."""
    error = kind()
    assert (error.message, error.outcome, error.attempts) == ("", "not_sent", 0)
    rest = CONTEXT.keys() - {"outcome", "attempts"}
    assert {getattr(error, name) for name in rest} == {None}


@pytest.mark.parametrize("kind", [each for each in CLASSES if not issubclass(each, errors.APIStatusError)])
def test_an_error_says_its_message(kind: type[CloudPlatformError]) -> None:
    """And nothing else."""
    assert str(full(kind)) == "It went wrong."


@pytest.mark.parametrize(
    ("context", "text"),
    [
        ({"status_code": 503}, "503: m"),
        ({"status_code": 409, "code": "slug_taken"}, "409 slug_taken: m"),
        ({"status_code": 409, "code": "slug_taken", "request_id": "r"}, "409 slug_taken: m (request r)"),
    ],
)
def test_an_error_of_a_status_says_what_support_needs(context: dict[str, Any], text: str) -> None:
    """Status, code, message and request id in one line."""
    assert str(errors.APIStatusError("m", **context)) == text


def test_an_argument_that_is_refused_is_a_value_error_too() -> None:
    """Code that knows nothing of this package catches it as what it is."""
    assert issubclass(errors.InvalidRequestError, ValueError)


def test_a_decode_error_says_where() -> None:
    """The whole answer, unless a path is known."""
    assert errors.ResponseDecodeError("m").path == "$"
    assert full(errors.ResponseDecodeError).path == "$.data[0].id"  # type: ignore[attr-defined]
