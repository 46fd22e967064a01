"""Makes a method that blocks of one that is awaited: the same name, arguments and documentation."""

from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, cast, overload

from cloudplatform_async import EventTail, Paginator
from cloudplatform_async.blocking.portal import Portal
from cloudplatform_async.blocking.walks import Tail, Walk

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
R = TypeVar("R")


class Method(Protocol[P, T_co]):
    """A method as type checkers see it."""

    @overload
    def __get__(self, instance: None, owner: type) -> Callable[Concatenate[Any, P], T_co]: ...

    @overload
    def __get__(self, instance: object, owner: type) -> Callable[P, T_co]: ...


class Resource(Generic[R]):
    """One resource of a blocking client.

    Attributes:
        portal: Where its calls run.
        awaited: The same resource of the awaited client.
    """

    def __init__(self, portal: Portal, awaited: R) -> None:
        self.portal = portal
        self.awaited = awaited


# Any: the class whose method it is; what matters stands behind it.
def waits(method: Callable[Concatenate[Any, P], Awaitable[T]]) -> Method[P, T]:
    """Make a method that waits for what the awaited one gives."""

    @wraps(method)
    def call(self: Resource[Any], *args: P.args, **kwargs: P.kwargs) -> T:
        return self.portal.call(partial(method, self.awaited, *args, **kwargs))

    return cast("Method[P, T]", call)


def walks(method: Callable[Concatenate[Any, P], Paginator[T]]) -> Method[P, Walk[T]]:
    """Make a method that gives a list to be walked with a plain ``for``."""

    @wraps(method)
    def walk(self: Resource[Any], *args: P.args, **kwargs: P.kwargs) -> Walk[T]:
        return Walk(self.portal, method(self.awaited, *args, **kwargs))

    return cast("Method[P, Walk[T]]", walk)


def follows(method: Callable[Concatenate[Any, P], EventTail]) -> Method[P, Tail]:
    """Make a method that gives events one by one as they happen."""

    @wraps(method)
    def follow(self: Resource[Any], *args: P.args, **kwargs: P.kwargs) -> Tail:
        return Tail(self.portal, method(self.awaited, *args, **kwargs))

    return cast("Method[P, Tail]", follow)
