"""What the pool promises a slot, whatever the slot is made of."""

import anyio
import anyio.lowlevel
import httpx
import pytest

from cloudplatform_async._connections.slot_pool import SlotPool
from cloudplatform_async._connections.slots import Origin, Slot
from cloudplatform_async.settings import PoolLimits
from tests.transport.servers import request_for

pytestmark = pytest.mark.anyio


class SlowSlot(Slot):
    """Answers never, and closes in several steps."""

    closed = False

    async def send(self, request: httpx.Request) -> httpx.Response:
        await anyio.sleep_forever()
        raise AssertionError

    def translate(self, error: Exception) -> httpx.TransportError:
        raise NotImplementedError

    def is_usable(self) -> bool:
        return True

    async def aclose(self) -> None:
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
        self.closed = True


async def test_a_cancelled_request_still_closes_its_slot_to_the_end() -> None:
    """The cancellation waits for the clean-up, and only then is the permit free."""
    slots: list[SlowSlot] = []

    def open_slot(url: httpx.URL, origin: Origin) -> Slot:
        slots.append(SlowSlot(origin))
        return slots[-1]

    pool = SlotPool(PoolLimits(max_connections=1), open_slot)
    async with anyio.create_task_group() as group:
        group.start_soon(pool.send, request_for("http://api.example/"))
        await anyio.wait_all_tasks_blocked()
        assert pool.connections == 1
        group.cancel_scope.cancel()
    assert [slot.closed for slot in slots] == [True]
    assert (pool.connections, pool.waiting) == (0, 0)


async def test_an_answer_that_comes_as_the_pool_is_closed_is_not_handed_out() -> None:
    """Nothing would be there to read its body from."""
    slots: list[SlowSlot] = []

    class ClosedOnArrival(SlowSlot):
        async def send(self, request: httpx.Request) -> httpx.Response:
            await pool.aclose()
            return httpx.Response(200, stream=httpx.ByteStream(b""))

    def open_slot(url: httpx.URL, origin: Origin) -> Slot:
        slots.append(ClosedOnArrival(origin))
        return slots[-1]

    pool = SlotPool(PoolLimits(), open_slot)
    with pytest.raises(httpx.CloseError):
        await pool.send(request_for("http://api.example/"))
    assert [slot.closed for slot in slots] == [True]
    assert pool.connections == 0
