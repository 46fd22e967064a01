"""What the user's own functions raise: carried past whatever handles our errors, and one object a waiter."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from copy import copy
from inspect import isawaitable
from types import MemberDescriptorType
from typing import Any, ParamSpec, TypeVar, overload
from weakref import WeakValueDictionary

from cloudplatform_async.errors import CloudPlatformError

E = TypeVar("E", bound=BaseException)
P = ParamSpec("P")
T = TypeVar("T")

# By identity, for a class of theirs may compare as it likes.
_OF_USERS: WeakValueDictionary[int, CloudPlatformError] = WeakValueDictionary()


class RaisedByUser(Exception):  # noqa: N818 - not an error itself: it never leaves the package
    """Carries one of our errors that a user's function raised, so that no call signs it or acts on it.

    Attributes:
        error: As it was raised.
    """

    def __init__(self, error: CloudPlatformError) -> None:
        super().__init__(error)
        self.error = error
        _OF_USERS[id(error)] = error


def is_of_user(error: CloudPlatformError) -> bool:
    """Tell whether one of our errors was raised by a user's function: nobody signs it, or acts on it."""
    return _OF_USERS.get(id(error)) is error


@overload
async def of_user(function: Callable[P, Awaitable[T]], *args: P.args, **options: P.kwargs) -> T: ...
@overload
async def of_user(function: Callable[P, T | Awaitable[T]], *args: P.args, **options: P.kwargs) -> T: ...
async def of_user(function: Callable[P, Any], *args: P.args, **options: P.kwargs) -> Any:
    """Ask a user's function, such as the method of a store that is theirs, for what it gives or promises.

    Raises:
        RaisedByUser: Round one of our errors; any other passes as it is.
    """
    try:
        answer = function(*args, **options)
        return await answer if isawaitable(answer) else answer
    except CloudPlatformError as error:
        raise RaisedByUser(error) from None


def another(error: BaseException) -> BaseException:
    """Make an error like this one, for one more task that waits for the same: each adds its own traceback."""
    return RaisedByUser(_copied(error.error)) if isinstance(error, RaisedByUser) else _copied(error)


def _copied(error: E) -> E:
    """Copy an error; one that no copy can be made of is given as it is."""
    try:
        twin = _remade(error)
    except TypeError:  # not written in Python
        try:
            twin = copy(error)
        except (TypeError, ValueError):
            return error
    if notes := error.__dict__.get("__notes__"):
        twin.__dict__["__notes__"] = [*notes]
    twin.__cause__, twin.__context__ = error.__cause__, error.__context__
    twin.__suppress_context__ = error.__suppress_context__
    return twin.with_traceback(error.__traceback__)


def _remade(error: E) -> E:
    """Make an error anew without calling its class, which may want other arguments than it keeps."""
    kind = type(error)
    lineage = kind.__mro__[: kind.__mro__.index(BaseException)]
    base = next((each for each in lineage if each.__module__ == "builtins"), BaseException)
    twin: E = base.__new__(kind, *error.args)
    twin.__dict__.update(error.__dict__)
    for each in lineage:
        for name, member in vars(each).items():  # slots, and what Python's own keep beside their arguments
            if isinstance(member, MemberDescriptorType) and getattr(error, name, None) is not None:
                with suppress(AttributeError):  # read-only: made of the arguments
                    member.__set__(twin, member.__get__(error))
    return twin
