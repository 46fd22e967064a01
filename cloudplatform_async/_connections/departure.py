"""What a request and the transport below tell each other at the moment of sending."""

from abc import ABC, abstractmethod
from typing import cast

import httpx

from cloudplatform_async._connections.admission import Admission

EXTENSION = "cloudplatform_async.departure"
"""Name in ``httpx.Request.extensions``, where nobody else puts anything."""


class Departure(ABC):
    """Asked before a request is made, and carried by it for the transport that sends it.

    Attributes:
        permit: The queue whose permit the request brings along, until a pool takes it over.
    """

    __slots__ = ("permit",)

    def __init__(self) -> None:
        self.permit: Admission | None = None

    @abstractmethod
    def may_leave(self) -> bool:
        """Tell whether a request may still be sent, now that its turn for a connection has come."""

    @abstractmethod
    def leaves(self) -> None:
        """Take in that the first byte of the request is about to be written."""

    def hand_over(self, admission: Admission) -> bool:
        """Give the permit to the pool behind a queue; ``False`` where it is not one of that queue."""
        if self.permit is not admission:
            return False
        self.permit = None
        return True

    def give_back(self) -> None:
        """Give back a permit that nobody has taken over."""
        if self.permit is not None:
            self.permit.release()
            self.permit = None


def departure_of(request: httpx.Request) -> Departure | None:
    """Find what a request carries."""
    return cast("Departure | None", request.extensions.get(EXTENSION))


def leave(request: httpx.Request) -> None:
    """Say that the first byte of a request is about to be written, to whoever wants to know."""
    departure = departure_of(request)
    if departure is not None:
        departure.leaves()


def announces_departures(transport: httpx.AsyncBaseTransport) -> bool:
    """Tell whether a transport calls ``leaves``; of any other nothing is certain once it has a request."""
    return getattr(transport, "announces_departures", False) is True


def admission_of(transport: httpx.AsyncBaseTransport) -> Admission | None:
    """Find the queue for a transport's connections, where calls may wait before there is a request.

    Only where its very class has one: one that is derived from it may send another request than it is
    given, without the permit, and would wait for a second one while it holds the first.
    """
    admission = getattr(transport, "admission", None) if "admission" in vars(type(transport)) else None
    return admission if isinstance(admission, Admission) else None
