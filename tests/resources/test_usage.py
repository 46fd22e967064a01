"""Usage: one span of days, or many in order, several fetched side by side."""

from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from datetime import date, datetime, timedelta
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
from attrs import define, field

from cloudplatform_async import (
    AsyncClient,
    ClientStateError,
    InvalidRequestError,
    ResponseDecodeError,
    ServerError,
    Usage,
)
from tests.blocking.awaited import over_both_clients
from tests.resources.listing import client_of, settle
from tests.resources.stops import AtStop
from tests.resources.wire import always
from tests.tiers import slow

pytestmark = pytest.mark.anyio

SAMPLE = b"""{
      "from": "2026-03-01",
      "to": "2026-03-17",
      "requests": 184203,
      "error_rate": 0.0021
    }"""
MARCH = [date(2026, 3, day) for day in range(1, 32)]
WEEK = MARCH[:7]


@define(eq=False)
class Meter(httpx.AsyncBaseTransport):
    """Serves usage; days may be held back, or fail.

    Attributes:
        gates: Days that wait until their event is set.
        failing: Days that are answered with 500.
        asked: First days that were asked for.
        under_way: Requests being served now.
    """

    gates: dict[date, anyio.Event] = field(factory=dict)
    failing: set[date] = field(factory=set)
    asked: list[date] = field(factory=list)
    under_way: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Serve one span."""
        params = dict(request.url.params)
        start = date.fromisoformat(params["from"])
        self.asked.append(start)
        self.under_way += 1
        try:
            await anyio.lowlevel.checkpoint()
            if start in self.gates:
                await self.gates[start].wait()
        finally:
            self.under_way -= 1
        if start in self.failing:
            return httpx.Response(500)
        return httpx.Response(200, json={**params, "requests": start.day, "error_rate": 0.5})


async def read(windows: AsyncIterator[Usage], days: list[date]) -> None:
    """Consume windows, and keep the first day of each even where the walk ends with an error."""
    async for usage in windows:
        days.append(usage.start)  # noqa: PERF401 - a comprehension would keep nothing of a walk that fails


async def test_the_documented_usage_is_read() -> None:
    """The vendor's own sample, byte for byte, and the documented query."""
    wire = always(SAMPLE)
    async with client_of(wire) as client:
        usage = await client.usage.get(date(2026, 3, 1), date(2026, 3, 17))
    assert usage == Usage(start=date(2026, 3, 1), end=date(2026, 3, 17), requests=184203, error_rate=0.0021)
    assert wire.sent == [("GET", "/v1/usage?from=2026-03-01&to=2026-03-17", b"")]


async def test_usage_in_an_envelope_is_read_and_checked() -> None:
    """The same model, and the same strictness, wherever it stands."""
    body: dict[str, Any] = {"from": "2026-03-01", "to": "2026-03-01", "requests": 1, "error_rate": 0}
    async with client_of(always({"data": body})) as client:
        assert (await client.usage.get(MARCH[0], MARCH[0])).requests == 1
    async with client_of(always({"data": {**body, "requests": "1"}})) as client:
        with pytest.raises(ResponseDecodeError) as caught:
            await client.usage.get(MARCH[0], MARCH[0])
    assert caught.value.path == "$.data.requests"


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (date(2026, 3, 2), date(2026, 3, 1), "swap"),
        (datetime(2026, 3, 1), date(2026, 3, 2), r"start.*\.date\(\)"),
        (date(2026, 3, 1), datetime(2026, 3, 2), r"end.*\.date\(\)"),
        ("2026-03-01", date(2026, 3, 2), "must be a date"),
        (None, date(2026, 3, 2), "must be a date"),
    ],
)
async def test_a_span_that_is_none_is_refused(start: Any, end: Any, message: str) -> None:
    """At once, by both methods, and nothing is sent."""
    meter = Meter()
    async with client_of(meter) as client:
        with pytest.raises(InvalidRequestError, match=message):
            await client.usage.get(start, end)
        with pytest.raises(InvalidRequestError, match=message):
            client.usage.iter_windows(start, end)
    assert meter.asked == []


@pytest.mark.parametrize(
    "step", [timedelta(0), timedelta(days=-1), timedelta(hours=36), timedelta(hours=5), 1]
)
async def test_a_step_of_no_whole_days_is_refused(step: Any) -> None:
    """Windows neither overlap nor leave hours out."""
    async with client_of(Meter()) as client:
        with pytest.raises(InvalidRequestError, match="whole days"):
            client.usage.iter_windows(MARCH[0], MARCH[-1], step=step)
        with pytest.raises(InvalidRequestError, match="ahead"):
            client.usage.iter_windows(MARCH[0], MARCH[-1], ahead=-1)


@over_both_clients
@pytest.mark.parametrize("days", [1, 7, 30, 31, 100, 999_999_999])
@pytest.mark.parametrize("ahead", [0, 40, *slow(3)])
async def test_windows_cover_each_day_once_and_in_order(
    days: int, ahead: int, client_class: type[AsyncClient]
) -> None:
    """The last one ends with the span, however long a window would be."""
    async with client_of(Meter(), client_class) as client:
        windows = client.usage.iter_windows(MARCH[0], MARCH[-1], step=timedelta(days=days), ahead=ahead)
        spans = [(usage.start, usage.end) async for usage in windows]
    covered = [start + timedelta(day) for start, end in spans for day in range((end - start).days + 1)]
    assert covered == MARCH
    assert all((end - start).days + 1 == days for start, end in spans[:-1])


async def test_windows_reach_the_last_day_of_the_calendar() -> None:
    """No day beyond it is ever computed."""
    async with client_of(Meter()) as client:
        windows = client.usage.iter_windows(date.max - timedelta(2), date.max)
        assert [usage.end async for usage in windows][-1] == date.max


@pytest.mark.parametrize("ahead", [0, 3, *slow(1, 8)])
async def test_windows_are_fetched_side_by_side_within_bounds(ahead: int) -> None:
    """Nothing before the first is asked for, that one alone, then ``ahead`` more than are handed out."""
    meter = Meter(gates={day: anyio.Event() for day in MARCH})
    days: list[date] = []
    async with client_of(meter) as client, anyio.create_task_group() as tasks:
        windows = client.usage.iter_windows(MARCH[0], MARCH[-1], ahead=ahead)
        await settle()
        assert meter.asked == []
        tasks.start_soon(read, windows, days)
        await settle()
        assert meter.asked == MARCH[:1]
        meter.gates[MARCH[0]].set()
        for day in reversed(MARCH[1 : 1 + max(1, ahead)]):
            await settle()
            assert (meter.under_way, days) == (
                max(1, ahead) - sum(meter.gates[each].is_set() for each in MARCH[1:]),
                MARCH[:1],
            )
            meter.gates[day].set()
        for day in MARCH:
            await settle()
            assert meter.under_way <= max(1, ahead)
            meter.gates[day].set()
    assert days == MARCH == sorted(meter.asked)


@over_both_clients
@pytest.mark.parametrize("ahead", [0, 8, *slow(1)])
async def test_a_peek_at_windows_costs_one_request(ahead: int, client_class: type[AsyncClient]) -> None:
    """Whoever looks at the first window pays for it alone, and it is still the first of the loop."""
    meter = Meter()
    async with client_of(meter, client_class) as client:
        async with client.usage.iter_windows(WEEK[0], WEEK[-1], ahead=ahead) as windows:
            assert windows.total is None
            peeked = await windows.peek()
            assert peeked is not None
            assert (peeked.start, windows.total) == (WEEK[0], 7)
            await settle()
            assert meter.asked == WEEK[:1]
            assert await windows.first() == peeked
            assert [usage.start for usage in await windows.collect()] == WEEK[1:]
            assert (await windows.peek(), await windows.first()) == (None, None)
        windows = client.usage.iter_windows(WEEK[0], WEEK[-1], ahead=ahead)
        assert [page.items[0].start async for page in windows.pages()] == WEEK


@over_both_clients
@pytest.mark.parametrize("ahead", [0, 3])
@pytest.mark.parametrize("step", [1, 3])
async def test_windows_are_resumed_where_they_stopped(
    step: int, ahead: int, client_class: type[AsyncClient]
) -> None:
    """In another client, from a text; windows of another span or length are refused."""
    async with client_of(Meter(), client_class) as client:
        first = client.usage.iter_windows(MARCH[0], MARCH[-1], step=timedelta(step), ahead=ahead)
        days = [(await anext(first)).start for _ in range(5)]
        checkpoint = first.checkpoint
    async with client_of(Meter(), client_class) as client:
        usage = client.usage
        rest = usage.iter_windows(
            MARCH[0], MARCH[-1], step=timedelta(step), ahead=ahead, resume_from=checkpoint
        )
        await read(rest, days)
        for start, end, other in (
            (MARCH[1], MARCH[-1], step),
            (MARCH[0], MARCH[-2], step),
            (MARCH[0], MARCH[-1], 2),
        ):
            with pytest.raises(InvalidRequestError, match="belongs to another list"):
                usage.iter_windows(start, end, step=timedelta(other), resume_from=checkpoint)
    assert days == MARCH[::step]


@over_both_clients
async def test_an_error_among_windows_says_where_to_go_on(client_class: type[AsyncClient]) -> None:
    """Its checkpoint stands before the window that failed."""
    meter, days = Meter(failing={MARCH[4]}), list[date]()
    async with client_of(meter, client_class) as client:
        with pytest.raises(ServerError) as caught:
            await read(client.usage.iter_windows(MARCH[0], MARCH[-1]), days)
        meter.failing.clear()
        rest = client.usage.iter_windows(MARCH[0], MARCH[-1], resume_from=caught.value.checkpoint)
        await read(rest, days)
    assert days == MARCH


@over_both_clients
@pytest.mark.parametrize("ahead", [0, 8, *slow(1)])
async def test_after_an_error_the_same_window_is_tried_again(
    ahead: int, client_class: type[AsyncClient]
) -> None:
    """The windows before it come first, and none is left out or repeated."""
    meter, days = Meter(failing={MARCH[4]}), list[date]()
    async with client_of(meter, client_class) as client:
        windows = client.usage.iter_windows(MARCH[0], MARCH[-1], ahead=ahead)

        for _ in range(2):
            with pytest.raises(ServerError):
                await read(windows, days)
            assert days == MARCH[:4]
        meter.failing.clear()
        await read(windows, days)
    assert days == MARCH


@pytest.mark.parametrize("ahead", [0, 8, *slow(1)])
async def test_after_a_cancel_the_same_window_is_waited_for(ahead: int) -> None:
    """A cancelled wait loses nothing."""
    meter = Meter(gates={MARCH[1]: anyio.Event()})
    async with client_of(meter) as client:
        windows = client.usage.iter_windows(MARCH[0], MARCH[-1], ahead=ahead)
        assert (await anext(windows)).start == MARCH[0]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anext, windows)
            await settle()
            tasks.cancel_scope.cancel()
        meter.gates[MARCH[1]].set()
        assert [usage.start async for usage in windows] == MARCH[1:]
    assert meter.asked.count(MARCH[1]) == (1 if ahead else 2)


@pytest.mark.parametrize("ahead", [0, 3])
async def test_two_tasks_on_one_walk_get_a_clear_error(ahead: int) -> None:
    """No window goes to the wrong task, and none is lost."""
    meter = Meter(gates={MARCH[0]: anyio.Event()})
    days: list[date] = []
    async with client_of(meter) as client, anyio.create_task_group() as tasks:
        windows = client.usage.iter_windows(MARCH[0], MARCH[-1], ahead=ahead)

        async def read() -> None:
            days.extend([usage.start async for usage in windows])

        tasks.start_soon(read)
        await settle()
        with pytest.raises(ClientStateError, match="one task at a time"):
            await anext(windows)
        meter.gates[MARCH[0]].set()
    assert days == MARCH


@pytest.mark.parametrize("ahead", [0, 8, *slow(1)])
async def test_closing_ends_the_walk_and_its_requests(ahead: int) -> None:
    """A task that waits for a window is told; afterwards there is no further window."""
    meter = Meter(gates={day: anyio.Event() for day in MARCH[2:]})
    days: list[date] = []
    async with client_of(meter) as client, anyio.create_task_group() as tasks:
        async with aclosing(client.usage.iter_windows(MARCH[0], MARCH[-1], ahead=ahead)) as windows:

            async def read_until_closed() -> None:
                with pytest.raises(ClientStateError, match="closed"):
                    await read(windows, days)

            tasks.start_soon(read_until_closed)
            await settle()
        await settle()
        assert meter.under_way == 0
        assert [usage async for usage in windows] == []
    assert days == MARCH[:2]


@pytest.mark.parametrize("ahead", [1, 8])
async def test_a_break_ends_what_was_fetched_ahead(ahead: int) -> None:
    """The walk goes with its loop."""
    meter = Meter(gates={day: anyio.Event() for day in MARCH[1:]})
    async with client_of(meter) as client:
        async for _ in client.usage.iter_windows(MARCH[0], MARCH[-1], ahead=ahead):
            break
        await settle()
        assert meter.under_way == 0


@pytest.mark.parametrize("ahead", [1, 8])
async def test_a_consumer_that_never_pauses_has_its_next_windows_under_way(ahead: int) -> None:
    """They are asked for before a window is handed out, without a further turn of the loop."""
    meter = Meter()
    async with client_of(meter) as client:
        async for usage in client.usage.iter_windows(MARCH[0], MARCH[-1], ahead=ahead):
            assert len(meter.asked) == (1 if usage.start.day == 1 else min(31, usage.start.day + ahead))


async def stops_of(ahead: int) -> int:
    """How often a consumer of a week is suspended."""
    async with client_of(Meter()) as client:
        counted = AtStop(read(client.usage.iter_windows(WEEK[0], WEEK[-1], ahead=ahead), []))
        await counted
    assert counted.stops >= len(WEEK)
    return counted.stops


@pytest.mark.parametrize("ahead", [0, 3, *slow(1)])
async def test_a_cancel_at_any_await_loses_no_window(ahead: int) -> None:
    """Each suspension of the consumer is cancelled once; the walk then goes on."""
    for number in range(1, 1 + await stops_of(ahead)):
        days: list[date] = []
        async with client_of(Meter()) as client:
            windows = client.usage.iter_windows(WEEK[0], WEEK[-1], ahead=ahead)
            with anyio.CancelScope() as scope:
                await AtStop(read(windows, days), scope.cancel, number)
            await read(windows, days)
        assert days == WEEK


@pytest.mark.parametrize("ahead", [0, 3, *slow(1)])
async def test_closing_at_any_await_is_not_taken_for_the_end(ahead: int) -> None:
    """Another task closes the walk: the consumer has had all windows, or gets an error."""
    for number in range(1, 1 + await stops_of(ahead)):
        days: list[date] = []
        async with client_of(Meter()) as client, anyio.create_task_group() as tasks:
            windows = client.usage.iter_windows(WEEK[0], WEEK[-1], ahead=ahead)

            def close(walk: Any = windows, tasks: Any = tasks) -> None:
                tasks.start_soon(walk.aclose)

            with suppress(ClientStateError):
                await AtStop(read(windows, days), close, number)
                assert days == WEEK
        assert days == WEEK[: len(days)]
