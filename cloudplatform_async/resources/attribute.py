"""The resources of a client as its attributes: made when asked for, and known to the class."""

from collections import ChainMap
from collections.abc import Callable
from functools import cached_property
from inspect import getattr_static
from typing import Generic, Protocol, TypeVar, cast, overload

from cloudplatform_async._calls.sender import Sender

R = TypeVar("R")
C = TypeVar("C")


_State = dict[str, object]


class _Client(Protocol):
    _sender: Sender


class ResourceAttribute(Generic[R]):
    """A resource of a client; on the class, the resource's own class.

    So mocks with a specification (``create_autospec``) know its methods, and a view that never asks for
    it pays nothing for it.
    """

    def __init__(self, kind: Callable[[Sender], R]) -> None:
        self._kind = kind
        self.__doc__ = kind.__doc__

    def __set_name__(self, owner: type[object], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, client: None, owner: type[object]) -> Callable[[Sender], R]: ...

    @overload
    def __get__(self, client: _Client, owner: type[object]) -> R: ...

    def __get__(self, client: _Client | None, owner: type[object]) -> Callable[[Sender], R] | R:
        if client is None:
            return self._kind
        resource = client.__dict__[self._name] = self._kind(client._sender)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - made for it
        return resource


def copied(client: C, **changes: object) -> C:
    """Copy a client with the attributes of its subclass, and without what it made of itself.

    Resources and cached properties speak for the client that they were made for: the copy makes its own.

    Args:
        client: Or a view.
        **changes: Attributes that the copy has others of.
    """
    copy = object.__new__(type(client))
    # All of it, whatever a subclass pickles: a dict, or one and another of what is in slots.
    state = cast("_State | tuple[_State, _State]", object.__getstate__(client))
    parts = state if isinstance(state, tuple) else (state,)
    for name, value in ChainMap(changes, *parts).items():
        if not isinstance(getattr_static(type(client), name, None), (ResourceAttribute, cached_property)):
            object.__setattr__(copy, name, value)
    return copy
