"""Takes turns at a limit that other processes share, for the calls of one client and its views."""

from collections import OrderedDict
from itertools import islice

from cloudplatform_async._calls.gate import HELD_BACK, Place
from cloudplatform_async._calls.progress import Progress
from cloudplatform_async._oauth.authentication import Authentication
from cloudplatform_async._protocol.rate_limits import SharedLimit, shared_name
from cloudplatform_async._runtime.raised import of_user
from cloudplatform_async.credentials import Secret
from cloudplatform_async.credentials.oauth import OAuthClientCredentials, OAuthRefreshToken
from cloudplatform_async.errors import RateLimitError

_Queue = OrderedDict[Place, None]


class SharedTurns:
    """Asks the shared limit for whoever waits: one question at a time for each credential and group."""

    def __init__(self, limit: SharedLimit) -> None:
        self._limit = limit
        self._queues: dict[str, _Queue] = {}

    async def enter(self, progress: Progress, authentication: Authentication) -> None:
        """Wait for this call's turn.

        Raises:
            RateLimitError: At once, when the turn would come after the call's deadline.
        """
        name = await self._name(progress, authentication)
        queue, place = self._queues.setdefault(name, OrderedDict()), Place()
        queue[place] = None
        try:
            while not place.has_turn:
                if next(iter(queue)) is place:
                    await self._ask(name, queue, progress)
                else:
                    await place.rung()
        finally:
            del queue[place]
            if queue:
                next(iter(queue)).ring()
            else:
                self._queues.pop(name, None)

    async def pause(self, progress: Progress, authentication: Authentication, seconds: float | None) -> None:
        """Have every process wait, where a 429 has named a time."""
        if seconds:
            await of_user(self._limit.pause, await self._name(progress, authentication), seconds)

    async def _ask(self, name: str, queue: _Queue, progress: Progress) -> None:
        """Reserve turns for the first ones of a queue, and wait until they come."""
        given, wait = await of_user(self._limit.acquire, name, len(queue))
        if wait >= progress.remaining:
            raise RateLimitError(
                f"The shared limit of {progress.call.group!r} is used up for another {wait:.1f} s, "
                "longer than this call may wait; nothing was sent.",
                code=HELD_BACK,
                retry_after=wait,
            )
        if wait > 0:
            await progress.clock.sleep(wait)
        for place in islice(queue, given):
            place.has_turn = True
            place.ring()

    async def _name(self, progress: Progress, authentication: Authentication) -> str:
        """Name a group, and whom the server counts there, the same in each process."""
        holder = authentication.credentials.api_key or authentication.credentials.access_token
        if isinstance(holder, Secret):
            identity = holder.reveal()
        elif isinstance(holder, (OAuthClientCredentials, OAuthRefreshToken)):
            identity = f"{holder.token_url} {holder.client_id}"
        else:  # a function, which is asked for it afresh
            identity = (await authentication.headers(None))[0][1].decode("latin-1")
        return shared_name(identity, progress.call.group)
