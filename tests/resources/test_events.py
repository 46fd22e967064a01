"""The list of events, and the tail that hands out each one once, whatever the platform does."""

import gc
import ssl
from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from cloudplatform_async import (
    APIConnectionError,
    AsyncClient,
    AuthenticationError,
    BadRequestError,
    ClientStateError,
    Event,
    EventTail,
    InvalidRequestError,
    PermissionDeniedError,
    ProjectCreated,
    RetryPolicy,
)
from cloudplatform_async.testing import no_waiting
from tests.blocking.awaited import awaited_when_quick, over_both_clients
from tests.resources.feed import Feed, event, ids
from tests.resources.listing import client_of, settle
from tests.resources.wire import always

pytestmark = pytest.mark.anyio

MOMENT = datetime(2026, 3, 1, 0, 5, tzinfo=UTC)


@pytest.fixture
def waits() -> Iterator[list[float]]:
    """The pauses, skipped."""
    with no_waiting() as skipped:
        yield skipped


def near(seconds: float) -> Any:
    """A pause of so many seconds, of which a busy machine may have used some."""
    return pytest.approx(seconds, abs=1)


async def take(tail: EventTail, count: int) -> list[str]:
    """The ids of so many events."""
    return [(await anext(tail)).id for _ in range(count)]


async def test_events_are_listed_typed_and_filtered() -> None:
    """Every filter has the platform's own name; of several types each is sent."""
    wire = always(
        {"data": [event(1), {**event(2), "type": "project.created", "data": {"id": "p", "name": "n"}}]}
    )
    async with client_of(wire) as client:
        page = await client.events.list(
            limit=5, cursor="c", type=["project.*", "a.b"], since=MOMENT, after="evt_1", order="desc"
        )
        walked = await client.events.iter_all(type="a.b", filters={"newer": 1}).collect()
    assert [type(each) for each in page.items] == [type(each) for each in walked] == [Event, ProjectCreated]
    first, second = (path for _, path, _ in wire.sent)
    assert first == (
        "/v1/events?type=project.%2A&type=a.b&since=2026-03-01T00%3A05%3A00%2B00%3A00&after=evt_1&order=desc"
        "&cursor=c&limit=5"
    )
    assert second == "/v1/events?type=a.b&newer=1&limit=100"


async def test_a_walk_ends_with_the_last_event_and_may_give_another_model() -> None:
    """Page by page, by cursor."""
    feed = Feed(most=3)
    feed.add(*range(8))
    async with client_of(feed) as client:
        rows = await client.events.iter_all(model=dict, after="evt_00001").collect()
    assert [row["id"] for row in rows] == ids(*range(2, 8))


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"type": ""}, "`type`"),
        ({"type": ["a", ""]}, "`type`"),
        ({"type": 5}, "`type`"),
        ({"since": "2026-03-01"}, "`since`"),
        ({"since": datetime(2026, 3, 1)}, "time zone"),
        ({"after": ""}, "`after`"),
        ({"after": 5}, "`after`"),
    ],
)
async def test_filters_that_are_none_are_refused(filters: Any, message: str) -> None:
    """At once, by the list, the walk and the tail; nothing is sent."""
    wire = always({"data": []})
    async with client_of(wire) as client:
        with pytest.raises(InvalidRequestError, match=message):
            await client.events.list(**filters)
        with pytest.raises(InvalidRequestError, match=message):
            client.events.iter_all(**filters)
        with pytest.raises(InvalidRequestError, match=message):
            client.events.tail(**filters)
        with pytest.raises(InvalidRequestError, match="`order`"):
            await client.events.list(order="up")  # type: ignore[arg-type]  # refused at run time too
        with pytest.raises(TypeError, match="newer"):
            await client.events.list(newer=1)  # type: ignore[call-arg]  # as above
    assert wire.sent == []


@pytest.mark.parametrize("interval", [0, -1, float("nan"), float("inf"), "2", None, True])
async def test_an_interval_that_is_none_is_refused(interval: Any) -> None:
    """At once."""
    async with client_of(Feed()) as client:
        with pytest.raises(InvalidRequestError, match="`poll_interval`"):
            client.events.tail(poll_interval=interval)


@over_both_clients
async def test_a_tail_begins_with_what_happens_from_now_on(
    waits: list[float], client_class: type[AsyncClient]
) -> None:
    """It asks once for the newest event, and then for what follows; nothing is sent before."""
    feed = Feed()
    feed.add(*range(5))
    async with client_of(feed, client_class) as client:
        tail = client.events.tail()
        assert feed.queries == []
        async with tail:
            feed.add(5, 6)
            assert await take(tail, 2) == ids(5, 6)
            feed.add(7)
            assert await take(tail, 1) == ids(7)
    asked = [{name: query[name] for name in ("order", "after") if name in query} for query in feed.queries]
    assert asked == [{"order": "desc"}, {"after": "evt_00004"}, {"after": "evt_00006"}]
    assert waits == [near(2.0)]


@over_both_clients
async def test_a_tail_of_a_platform_where_nothing_has_happened_hands_out_the_first(
    waits: list[float],
    client_class: type[AsyncClient],
) -> None:
    """There is no newest event to go on from, and all that comes is new."""
    feed = Feed()
    async with client_of(feed, client_class) as client, client.events.tail(poll_interval=5) as tail:
        feed.add(0)
        assert await take(tail, 1) == ids(0)
        feed.add(1)
        assert await take(tail, 1) == ids(1)
    assert waits == [near(5.0)]


@over_both_clients
@pytest.mark.parametrize(
    ("start", "first"),
    [({"after": "evt_00003"}, 4), ({"since": MOMENT}, 5), ({"type": ["x.y"], "since": MOMENT}, 9)],
)
async def test_a_tail_may_begin_earlier(
    start: Any, first: int, waits: list[float], client_class: type[AsyncClient]
) -> None:
    """Behind an event, or at a moment, included; of some types alone."""
    feed = Feed()
    feed.add(*range(9))
    feed.add(9, kind="x.y")
    async with client_of(feed, client_class) as client:
        tail = client.events.tail(**start)
        assert await take(tail, 1) == ids(first)
        assert tail.after == ids(first)[0]


@awaited_when_quick
async def test_a_backlog_is_fetched_without_a_pause(
    waits: list[float], client_class: type[AsyncClient]
) -> None:
    """While more follows the next look is at once; 100 events are asked for at a time."""
    feed = Feed()
    feed.add(*range(1000))
    async with client_of(feed, client_class) as client:
        assert await take(client.events.tail(since=MOMENT), 995) == ids(*range(5, 1000))
    assert (len(feed.queries), waits) == (10, [])


async def test_a_tail_waits_between_looks_and_holds_nothing(waits: list[float]) -> None:
    """Each look is a request of its own, the interval apart, for as long as nothing happens."""
    scope = anyio.CancelScope()
    feed = Feed(script=[None, None, None, scope.cancel])
    feed.add(0)
    async with client_of(feed) as client:
        with scope:
            await anext(client.events.tail(after="evt_00000", poll_interval=7.5))
        assert client.statistics().in_flight == 0
    assert waits == [near(7.5)] * 3
    assert len(feed.queries) == 4


async def test_overlapping_pages_hand_out_each_event_once(waits: list[float]) -> None:
    """A platform of many machines shows the last ones again; a page of nothing else is no progress."""
    feed = Feed(most=10, overlap=4)
    feed.add(*range(50))
    async with client_of(feed) as client:
        tail = client.events.tail(since=MOMENT)
        assert await take(tail, 45) == ids(*range(5, 50))
        before = len(waits)
        with anyio.CancelScope() as scope:
            feed.script = [None, None, scope.cancel]
            await anext(tail)
        assert len(waits) - before >= 2
        feed.add(50)
        assert await take(tail, 1) == ids(50)


@over_both_clients
async def test_an_outage_is_outlived(waits: list[float], client_class: type[AsyncClient]) -> None:
    """Refused connections, lost answers, 5xx, 429 and 408 after the retries are spent: it looks again."""
    outage: list[Any] = [
        httpx.ConnectError("refused"),
        httpx.ReadError("lost"),
        httpx.ReadTimeout("silent"),
        *(httpx.Response(status) for status in (500, 502, 503, 504, 408)),
    ]
    feed = Feed(script=outage)
    feed.add(*range(3))
    async with client_of(feed, client_class) as client:
        assert await take(client.events.tail(after="evt_00000"), 2) == ids(1, 2)
    assert (len(waits), outage) == (8, [])
    assert max(waits) <= 30
    assert all(wait >= 1 for wait in waits)
    assert waits[0] <= 4 < waits[-1]


@over_both_clients
async def test_what_a_server_asks_for_is_respected(
    waits: list[float], client_class: type[AsyncClient]
) -> None:
    """An outage's own word is the least pause."""
    feed = Feed(script=[httpx.Response(503, headers={"retry-after": "50"})])
    feed.add(*range(2))
    async with client_of(feed, client_class) as client:
        assert await take(client.events.tail(after="evt_00000"), 1) == ids(1)
    assert waits[0] == near(50)


@over_both_clients
async def test_an_outage_at_the_very_beginning_is_outlived_too(
    waits: list[float], client_class: type[AsyncClient]
) -> None:
    """Now is when the platform can be asked again."""
    feed = Feed(script=[httpx.Response(503), httpx.ReadError("lost")])
    feed.add(0)
    async with client_of(feed, client_class) as client, client.events.tail() as tail:
        feed.add(1)
        assert await take(tail, 1) == ids(1)
    assert len(waits) == 2


@over_both_clients
@pytest.mark.parametrize(
    ("status", "kind"), [(400, BadRequestError), (401, AuthenticationError), (403, PermissionDeniedError)]
)
async def test_a_refusal_is_raised_and_the_tail_goes_on_after_it(
    status: int, kind: type[Exception], waits: list[float], client_class: type[AsyncClient]
) -> None:
    """A key that was revoked does not come back by itself; where the user mends it, nothing is lost."""
    feed = Feed(script=[httpx.Response(status)])
    feed.add(*range(3))
    async with client_of(feed, client_class) as client:
        tail = client.events.tail(after="evt_00000")
        with pytest.raises(kind):
            await anext(tail)
        assert await take(tail, 2) == ids(1, 2)


async def test_a_certificate_that_is_not_trusted_is_no_outage(waits: list[float]) -> None:
    """It is raised at once: no waiting would mend it."""
    refused = httpx.ConnectError("certificate verify failed")
    refused.__cause__ = ssl.SSLCertVerificationError("self-signed certificate")
    feed = Feed(script=[refused])
    feed.add(*range(2))
    async with client_of(feed) as client:
        tail = client.events.tail(after="evt_00000")
        with pytest.raises(APIConnectionError, match="not trusted"):
            await anext(tail)
        assert await take(tail, 1) == ids(1)
    assert waits == []


@over_both_clients
async def test_a_tail_ends_on_break_and_leaves_nothing_behind(
    waits: list[float], client_class: type[AsyncClient]
) -> None:
    """It is no generator: neither event loop has anything to finalize."""
    feed = Feed()
    feed.add(*range(5))
    async with client_of(feed, client_class) as client:
        async for each in client.events.tail(after="evt_00000"):
            if each.id == "evt_00002":
                break
        gc.collect()
        assert client.statistics().in_flight == 0


@pytest.mark.parametrize("place", range(4))
async def test_a_tail_that_is_cancelled_in_a_look_loses_nothing(place: int, waits: list[float]) -> None:
    """The next event is the one after the last that was handed out."""
    feed = Feed(most=2)
    feed.add(*range(8))
    async with client_of(feed) as client:
        tail = client.events.tail(after="evt_00000")
        found = []
        with anyio.CancelScope() as scope:
            feed.script = [*[None] * place, scope.cancel]
            while True:
                found.append((await anext(tail)).id)
        found += await take(tail, 7 - len(found))
    assert found == ids(*range(1, 8))


async def test_a_pause_goes_on_where_it_was_cancelled(waits: list[float]) -> None:
    """Who asks for an event again and again, with little patience, gets there, whatever the interval."""
    feed = Feed()
    feed.add(0)
    async with client_of(feed) as client:
        tail = client.events.tail(after="evt_00000", poll_interval=60)
        with anyio.CancelScope() as scope:
            feed.script = [None, scope.cancel]  # in the look after the first pause
            await anext(tail)
        feed.add(1)
        assert await take(tail, 1) == ids(1)
    assert waits == [near(60.0)]  # it was over already


async def test_closing_ends_the_task_that_waits_for_an_event() -> None:
    """Its loop ends as loops do; a closed tail stays closed."""
    feed, ended = Feed(), []
    feed.add(0)
    async with client_of(feed) as client:
        tail = client.events.tail(after="evt_00000", poll_interval=3600)

        async def follow() -> None:
            ended.extend([each async for each in tail])
            ended.append("ended")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(follow)
            await settle()
            await tail.aclose()
        assert ended == ["ended"]
        await tail.aclose()
        assert [each async for each in tail] == []
        async with aclosing(client.events.tail(after="evt_00000")) as another:
            pass
        assert [each async for each in another] == []


async def test_a_tail_serves_one_task_at_a_time() -> None:
    """A second one gets an error, and takes no event from the first."""
    feed = Feed()
    feed.add(0)
    async with client_of(feed) as client:
        tail = client.events.tail(after="evt_00000", poll_interval=3600)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anext, tail, None)
            await settle()
            with pytest.raises(ClientStateError, match="one task"):
                await anext(tail)
            await tail.aclose()


async def follow_with_restarts(count: int) -> tuple[list[str], int]:
    """Follow so many events through faults, with a new client every 500 of them."""
    feed = Feed(most=37, overlap=3, failing=0.1)
    feed.add(0)
    found, position, restarts = [], "evt_00000", 0
    while len(found) < count:
        client = AsyncClient(transport=feed, api_key="key", retries=RetryPolicy(max_retries=0))
        tail = client.events.tail(after=position)
        for _ in range(min(500, count - len(found))):
            if len(feed.events) <= count:
                feed.add(len(feed.events), len(feed.events) + 1)
            found.append((await anext(tail)).id)
        position, restarts = str(tail.after), restarts + 1
        await tail.aclose()
        await client.aclose()
    return found, restarts


@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
async def test_each_event_comes_once_and_in_order_through_faults_and_restarts(
    count: int, waits: list[float]
) -> None:
    """Of ten requests one fails, by a 503 or a lost answer, and every 500 events a new process goes on."""
    found, restarts = await follow_with_restarts(count)
    assert found == ids(*range(1, count + 1))
    assert restarts == count / 500
    assert len(waits) > restarts
