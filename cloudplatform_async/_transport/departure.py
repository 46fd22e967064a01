"""What a request and the transport below tell each other at the moment of sending."""

from abc import ABC, abstractmethod
from typing import cast

import httpx

from cloudplatform_async._transport.exceptions import HeldBackError

EXTENSION = "cloudplatform_async.departure"
"""Name in ``httpx.Request.extensions``, where nobody else puts anything."""


class Departure(ABC):
    """Carried by a request; a transport that knows of it calls both, each once."""

    __slots__ = ()

    @abstractmethod
    def may_leave(self) -> bool:
        """Tell whether the request may still be sent, now that its turn for a connection has come.

        After ``False`` the transport raises ``HeldBackError``, and its place goes to the next.
        """

    @abstractmethod
    def leaves(self) -> None:
        """Take in that the first byte of the request is about to be written."""


def announce(departure: Departure) -> None:
    """Do what a transport that knows of departures does at the moment of sending.

    Raises:
        HeldBackError: When the request may not leave now.
    """
    if not departure.may_leave():
        raise HeldBackError("The endpoint group was closed while this request waited.")
    departure.leaves()


def departure_of(request: httpx.Request) -> Departure | None:
    """Find what a request carries."""
    return cast("Departure | None", request.extensions.get(EXTENSION))


def leave(request: httpx.Request) -> None:
    """Say that the first byte of a request is about to be written, to whoever wants to know."""
    departure = departure_of(request)
    if departure is not None:
        departure.leaves()


def announces_departures(transport: httpx.AsyncBaseTransport) -> bool:
    """Tell whether a transport calls ``Departure``; of any other nothing is certain once it has a request."""
    return getattr(transport, "announces_departures", False) is True
