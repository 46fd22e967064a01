"""What the pool promises a slot, whatever the slot is made of."""

import anyio
import anyio.lowlevel
import httpx
import pytest

from cloudplatform_async._transport.slot_pool import SlotPool
from cloudplatform_async._transport.slots import Origin, Slot
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
