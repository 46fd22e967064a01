"""The blocking client keeps the promises of the awaited one, for code without an event loop."""

import asyncio
import gc
import inspect
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from datetime import date
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn
from unittest.mock import create_autospec

import httpx
import pytest
import trio

from cloudplatform_async import (
    APIConnectionError,
    AsyncClient,
    ClientStateError,
    CreateResults,
    EventTail,
    NotFoundError,
    Paginator,
    PermissionDeniedError,
    RetryPolicy,
)
from cloudplatform_async.blocking import Client, Stream, Tail, Walk, portal
from cloudplatform_async.blocking.resources import (
    BlockingEvents,
    BlockingProjects,
    BlockingUsage,
    BlockingWorkflows,
)
from cloudplatform_async.sandbox import Sandbox
from cloudplatform_async.testing import no_waiting
from tests.resources.listing import Gate, Listing, names, turns

THREAD = "cloudplatform blocking client"
RESOURCES = ["projects", "usage", "workflows", "events"]


def portal_threads() -> int:
    """How many clients have an event loop now."""
    return sum(thread.name == THREAD for thread in threading.enumerate())


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A platform with 250 projects and no limit."""
    with Sandbox(projects=250, rate_limit=None) as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    """A client of it."""
    with Client(base_url=sandbox.base_url, api_key=sandbox.api_key) as client:
        yield client


def parameters(function: object) -> dict[str, tuple[object, object]]:
    """Names, kinds and defaults of a function's parameters."""
    assert callable(function)
    found = inspect.signature(function).parameters.values()
    return {each.name: (each.kind, each.default) for each in found}


@pytest.mark.parametrize("resource", RESOURCES)
def test_each_resource_has_the_same_methods_and_parameters(client: Client, resource: str) -> None:
    """Who knows the one client knows the other."""
    awaited, blocking = getattr(client._client, resource), getattr(client, resource)
    names = {name for name in dir(type(awaited)) if not name.startswith("_")}
    own = {name for name in dir(type(blocking)) if not name.startswith("_")}
    assert own == names
    for name in names:
        assert parameters(getattr(blocking, name)) == parameters(getattr(awaited, name)), name
        assert getattr(blocking, name).__doc__


def test_type_checkers_are_asked_about_each_method() -> None:
    """What they make of it is pinned in one file, which mypy and pyright read."""
    pinned = (Path(__file__).parents[1] / "typing/check_blocking.py").read_text(encoding="utf-8")
    of = {"client.": Client, "client.projects.": BlockingProjects, "client.usage.": BlockingUsage}
    of |= {"client.workflows.": BlockingWorkflows, "client.events.": BlockingEvents}
    for prefix, kind in of.items():
        found = vars(kind).items()
        methods = [name for name, it in found if not name.startswith("_") and not isinstance(it, type)]
        assert [name for name in methods if f"assert_type({prefix}{name}(" not in pinned] == []


@pytest.mark.parametrize("name", ["__init__", "with_options", "request", "iter_all", "statistics"])
def test_the_client_has_the_same_parameters(name: str) -> None:
    """And the same defaults."""
    assert parameters(getattr(Client, name)) == parameters(getattr(AsyncClient, name))


def test_the_options_of_a_view_are_the_same_to_type_checkers_too() -> None:
    """As those that `OMIT` leaves out."""
    blocking, awaited = (inspect.signature(kind.with_options).parameters for kind in (Client, AsyncClient))
    for name in set(awaited) - {"self"}:
        assert blocking[name].annotation == awaited[name].annotation, name


@pytest.mark.parametrize("instance", [True, False])
def test_mocks_with_a_specification_know_its_resources(instance: bool) -> None:
    """As those of the awaited client."""
    mock: Any = create_autospec(Client, instance=instance)
    made = mock if instance else mock.return_value
    made.projects.get.return_value = "answer"
    assert made.projects.get("prj_01") == "answer"
    with pytest.raises(TypeError):
        made.projects.get()
    with pytest.raises(AttributeError):
        made.projects.gett("prj_01")


@pytest.mark.parametrize(
    ("awaited", "blocking"), [(Paginator, Walk), (CreateResults, Stream), (EventTail, Tail)]
)
def test_what_a_method_gives_has_the_same_methods_and_parameters(awaited: type, blocking: type) -> None:
    """Also the lists, the results and the events that are walked."""
    names = {name for name in dir(awaited) if not name.startswith("_")} - {
        "of"
    }  # for tests, without a client
    names |= {"after"} if awaited is EventTail else set()  # an attribute of the object
    own = {name for name in dir(blocking) if not name.startswith("_")}
    assert own - {"close"} == names - {"aclose"}
    for name in own - {"close"}:
        if callable(getattr(blocking, name)):
            assert parameters(getattr(blocking, name)) == parameters(getattr(awaited, name)), name


def test_a_walk_outlives_its_client_without_an_error(sandbox: Sandbox) -> None:
    """What has ended stays ended, and closing what is closed already does nothing."""
    client = Client(base_url=sandbox.base_url, api_key=sandbox.api_key)
    walked, begun, tail = client.projects.iter_all(), client.projects.iter_all(), client.events.tail()
    assert len(list(walked)) == 250
    with begun:
        next(begun)
        client.close()
    tail.close()
    assert (list(walked), list(begun), list(tail)) == ([], [], [])


def test_a_walk_that_is_closed_before_it_began_needs_no_thread(sandbox: Sandbox) -> None:
    """Nothing is under way."""
    with Client(base_url=sandbox.base_url, api_key=sandbox.api_key) as client:
        before = portal_threads()
        walk = client.projects.iter_all()
        walk.close()
        assert portal_threads() == before
        assert list(walk) == []


@pytest.mark.parametrize("stop", [2, 11, 30])
def test_a_break_ends_the_pages_on_their_way(stop: int) -> None:
    """The loop's own walk goes with the loop, and its requests go with it, though another thread has them."""
    listing = Listing(names(100), gates={4: Gate(), 5: Gate()})
    with Client(api_key="key", transport=listing) as client:
        for number, _ in enumerate(client.projects.iter_all(ahead=3), start=1):
            if number == stop:
                break
        assert listing.loop is not None
        asyncio.run_coroutine_threadsafe(turns(), listing.loop).result()
        assert (listing.under_way, client.statistics().in_flight) == (0, 0)


def test_a_list_becomes_arrow_columns(client: Client) -> None:
    """As one table, or batch by batch."""
    pytest.importorskip("pyarrow", reason="needs the extra parquet")
    assert len(client.projects.iter_all().arrow()) == 250
    batches = client.projects.iter_all().record_batches(batch_size=200)
    assert [batch.num_rows for batch in batches] == [200, 50]


def test_there_is_no_thread_before_the_first_call_and_one_after_it(sandbox: Sandbox) -> None:
    """A client that is only made costs nothing, and a closed one leaves nothing."""
    before = portal_threads()
    with Client(base_url=sandbox.base_url, api_key=sandbox.api_key) as client:
        walk = client.projects.iter_all()
        assert portal_threads() == before
        next(walk)
        client.projects.get("prj_000001")
        assert portal_threads() == before + 1
    assert portal_threads() == before


def test_a_list_is_walked_lazily(client: Client, sandbox: Sandbox) -> None:
    """One request for the first item, three for all of them."""
    walk = client.projects.iter_all(page_size=100)
    assert walk.peek() == next(walk)
    assert sandbox.served == 1
    assert len([project.id for project in walk]) == 249
    assert sandbox.served == 3
    assert walk.total == 250


def test_a_checkpoint_stands_after_the_item_handed_out_last(client: Client) -> None:
    """In the middle of a page too, though whole pages cross the threads."""
    walk = client.projects.iter_all(page_size=100)
    seen = [next(walk).id for _ in range(130)]
    rest = [project.id for project in client.projects.iter_all(resume_from=walk.checkpoint)]
    assert len(set(seen + rest)) == len(seen + rest) == 250
    walk.close()


def test_pages_first_and_collect_go_on_where_the_walk_stands(client: Client) -> None:
    """They may be mixed, as with the awaited ones."""
    walk = client.projects.iter_all(page_size=100)
    first = walk.first()
    assert first is not None
    assert first.id == "prj_000001"
    assert [len(page) for page in walk.pages()] == [99, 100, 50]
    assert client.projects.iter_all(slug="none-such").first() is None


def test_an_error_in_a_list_carries_the_checkpoint(client: Client, sandbox: Sandbox) -> None:
    """So that it can be resumed after the cause is mended."""
    walk = client.projects.iter_all(page_size=100, ahead=0)
    seen = [next(walk).id for _ in range(100)]
    sandbox.faults.add(status=403, times=1)
    with pytest.raises(PermissionDeniedError) as caught:
        next(walk)
    again = client.projects.iter_all(resume_from=caught.value.checkpoint)
    assert len(set(seen) | {project.id for project in again}) == 250


def test_a_write_whose_answer_is_lost_is_done_once(client: Client, sandbox: Sandbox) -> None:
    """Retries and keys are the awaited client's own."""
    sandbox.faults.add(kind="lost_answer", times=1)
    with no_waiting():
        client.projects.create(name="Search", slug="search-once")
    assert len(client.projects.iter_all(slug="search-once").collect()) == 1
    assert client.statistics().retries == 1


def test_an_error_is_the_same_error(client: Client) -> None:
    """With outcome and status, raised where the call stands."""
    with pytest.raises(NotFoundError) as caught:
        client.projects.get("prj_gone")
    assert caught.value.outcome == "rejected"


def test_usage_workflows_and_events_speak_too(client: Client) -> None:
    """All of the platform, not only projects."""
    assert client.usage.get(date(2026, 3, 1), date(2026, 3, 2)).start == date(2026, 3, 1)
    assert len(client.usage.iter_windows(date(2026, 3, 1), date(2026, 3, 5)).collect()) == 5
    run = client.workflows.trigger("wfl_build", inputs={"sandbox": {"seconds": 0}})
    with no_waiting():
        assert client.workflows.wait(run, timeout=10).status == "succeeded"
    event = client.events.iter_all(type="workflow.run.succeeded").first()
    assert event is not None
    with client.events.tail(after=event.id, poll_interval=0.01) as tail:
        client.projects.create(name="Seen", slug="seen-by-tail")
        assert next(tail).type == "project.created"


def test_many_projects_are_created_from_an_iterable_that_uses_the_client_itself(client: Client) -> None:
    """The items are taken in a thread of their own, so that they may wait for this very client."""

    def items() -> Iterator[dict[str, str]]:
        for number in range(5):
            yield {"name": client.projects.get("prj_000001").name, "slug": f"made-{number}"}

    results = list(client.projects.create_many(items(), concurrency=2))
    assert [result.project.slug for result in results if result.project] == [f"made-{n}" for n in range(5)]


def test_items_of_a_list_need_no_further_thread(sandbox: Sandbox) -> None:
    """They are there already: nothing has to be waited for."""
    items = [{"name": "Made", "slug": f"made-{number}"} for number in range(3)]
    with Client(base_url=sandbox.base_url, api_key=sandbox.api_key) as client:
        client.projects.list()
        before = threading.active_count()
        for result in client.projects.create_many(items):
            assert result.project is not None
            assert threading.active_count() == before


def test_any_endpoint_and_any_list_can_be_reached(client: Client) -> None:
    """Under the same rules."""
    assert client.request("GET", "/projects/prj_000001").data["id"] == "prj_000001"
    assert len(client.iter_all("/projects").collect()) == 250


def test_a_view_speaks_with_other_options_and_its_close_does_nothing(
    client: Client, sandbox: Sandbox
) -> None:
    """It shares thread and connections with its client."""
    view = client.with_options(access_token=sandbox.issue_token(), timeout=5)
    view.close()
    assert view.projects.get("prj_000001").id == client.projects.get("prj_000001").id


@pytest.mark.slow
class Branded(Client):
    """A subclass of a user, with a field in a slot and one made once."""

    __slots__ = ("brand",)

    @cached_property
    def owner(self) -> list[Client]:
        return [self]


def test_a_view_of_a_subclass_is_of_it_and_keeps_its_state(sandbox: Sandbox) -> None:
    """As a view of the awaited client does."""
    with Branded(base_url=sandbox.base_url, api_key=sandbox.api_key) as client:
        client.brand = "b"
        assert client.owner == [client]
        view = client.with_options(timeout=5)
        assert (type(view), view.brand, view.owner) == (Branded, "b", [view])
        assert view.projects is not client.projects
        assert view.projects.list(limit=1).items == client.projects.list(limit=1).items


@pytest.mark.slow
def test_eight_threads_share_a_client(client: Client) -> None:
    """8,000 calls, each with its own answer."""

    def ask(thread: int) -> int:
        right = 0
        for number in range(1_000):
            wanted = f"prj_{(thread * 31 + number) % 250 + 1:06}"
            right += client.projects.get(wanted).id == wanted
        return right

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(ask, range(8))) == 8_000


def test_where_asyncio_runs_it_refuses_and_names_the_other_client(client: Client) -> None:
    """It would bring that loop to a halt."""

    async def ask() -> None:
        client.projects.get("prj_000001")

    with pytest.raises(ClientStateError, match="AsyncClient"):
        asyncio.run(ask())


def test_where_trio_runs_it_refuses_too(client: Client) -> None:
    """As above."""

    async def ask() -> None:
        client.projects.get("prj_000001")

    with pytest.raises(ClientStateError, match="AsyncClient"):
        trio.run(ask)


def test_after_close_it_refuses_and_close_may_be_repeated(sandbox: Sandbox) -> None:
    """A clear error, not a thread that is gone."""
    client = Client(base_url=sandbox.base_url, api_key=sandbox.api_key)
    client.projects.get("prj_000001")
    client.close()
    client.close()
    with pytest.raises(ClientStateError, match="closed"):
        client.projects.get("prj_000001")


def test_closing_ends_a_call_of_another_thread(sandbox: Sandbox) -> None:
    """Nobody waits for an answer that cannot come."""
    sandbox.faults.add(kind="hang")
    client = Client(base_url=sandbox.base_url, api_key=sandbox.api_key)
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(client.projects.get, "prj_000001")
        while not client.statistics().in_flight:
            call.exception(timeout=0.01) if call.done() else None
        client.close()
        with pytest.raises(ClientStateError):
            call.result()


def test_two_threads_may_close_a_client_at_once(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both find it open; one ends it, or the other would meet a loop that has ended."""
    client = Client(base_url=sandbox.base_url, api_key=sandbox.api_key)
    client.projects.get("prj_000001")
    close, closed = client._client.aclose, list[int]()

    async def counted() -> None:
        closed.append(1)
        await close()

    both = threading.Barrier(2)

    def getpid_with_the_other() -> int:
        both.wait(timeout=30)
        return os.getpid()

    monkeypatch.setattr(portal, "os", SimpleNamespace(getpid=getpid_with_the_other))
    monkeypatch.setattr(client._client, "aclose", counted)
    with ThreadPoolExecutor(2) as threads:
        for closing in [threads.submit(client.close) for _ in range(2)]:
            closing.result(timeout=30)
    assert closed == [1]


def test_a_loop_that_cannot_begin_is_an_error_of_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as where no file descriptor is left; the next call tries again."""
    answer = httpx.MockTransport(lambda _: httpx.Response(200, json={"id": "prj_01", "name": "core-api"}))

    def full() -> NoReturn:
        raise OSError("Too many open files")

    with Client(api_key="key", transport=answer) as client:
        with monkeypatch.context() as patch:
            patch.setattr(asyncio.events, "new_event_loop", full)
            with pytest.raises(OSError, match="Too many"):
                client.projects.get("prj_01")
        assert client.projects.get("prj_01").name == "core-api"


def test_a_call_has_the_context_of_whoever_makes_it() -> None:
    """Though it runs in another thread: the user's functions find the tenant, a tracer its span."""
    tenant: ContextVar[str] = ContextVar("tenant")
    seen = list[str]()

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["x-api-key"])
        return httpx.Response(200, json={"id": "prj_01", "name": "core-api"})

    with Client(api_key=tenant.get, transport=httpx.MockTransport(answer)) as client:
        for name in ("key-of-one", "key-of-two"):
            tenant.set(name)
            client.projects.get("prj_01")
    assert seen == ["key-of-one", "key-of-two"]


def test_an_exit_in_a_function_of_the_users_own_ends_its_call_alone(sandbox: Sandbox) -> None:
    """It is raised where the call stands; the client goes on to serve other threads, and to be closed."""
    codes = [5]

    def key() -> str:
        if codes:
            sys.exit(codes.pop())
        return sandbox.api_key

    with Client(base_url=sandbox.base_url, api_key=key) as client:
        with pytest.raises(SystemExit) as caught:
            client.projects.get("prj_000001")
        assert caught.value.code == 5
        assert client.projects.get("prj_000001").id == "prj_000001"


@pytest.mark.parametrize("fate", ["never begun", "refused"])
def test_a_call_that_meets_the_end_of_its_loop_ends(
    sandbox: Sandbox, fate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of the two threads is first: nobody waits for a loop that has turned for the last time."""
    client = Client(base_url=sandbox.base_url, api_key=sandbox.api_key)
    client.projects.get("prj_000001")
    schedule, fates = asyncio.run_coroutine_threadsafe, [fate]

    def schedule_too_late(coroutine: Any, loop: asyncio.AbstractEventLoop) -> Any:
        if not fates:
            return schedule(coroutine, loop)
        if fates.pop() == "refused":
            raise RuntimeError("Event loop is closed")
        return Future[Any]()

    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", schedule_too_late)
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(client.projects.get, "prj_000001")
        while fates or not (client._portal._waiting or call.done()):
            pass
        client.close()
        with pytest.raises(ClientStateError, match="closed while"):
            call.result()


def test_a_client_is_not_closed_by_a_call_of_its_own(sandbox: Sandbox) -> None:
    """Which would wait for itself."""
    clients: list[Client] = []

    def key() -> str:
        clients[0].close()
        return "key"

    with Client(base_url=sandbox.base_url, api_key=key) as client:
        clients.append(client)
        with pytest.raises(ClientStateError, match="calls itself"):
            client.projects.get("prj_000001")


@pytest.fixture
def _idle_signal() -> Iterator[None]:
    """SIGUSR1 does nothing but to end a wait."""
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    yield
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.usefixtures("_idle_signal")
def test_an_interrupt_ends_a_call_that_waits_and_cancels_it(client: Client, sandbox: Sandbox) -> None:
    """Ctrl-C in a script: the prompt comes back, and nothing goes on behind it."""
    sandbox.faults.add(kind="hang", times=1)
    main = threading.get_ident()

    is_over = threading.Event()

    def interrupt() -> None:
        while not sandbox.requests:  # else the fault would wait for the next call
            pass
        signal.pthread_kill(main, signal.SIGINT)
        while not is_over.wait(0.05):  # a signal just before a wait is seen with the next one
            signal.pthread_kill(main, signal.SIGUSR1)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        client.projects.get("prj_000001")
    is_over.set()
    thread.join()
    while client.statistics().in_flight:  # until the loop has ended it
        pass
    assert client.projects.get("prj_000001").id == "prj_000001"


def test_an_interrupt_while_a_call_is_handed_over_cancels_it_too(
    client: Client, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However early Ctrl-C comes, nothing goes on behind the prompt."""
    assert client.projects.get("prj_000001").id == "prj_000001"
    sandbox.faults.add(kind="hang", times=1)
    hand_over = asyncio.run_coroutine_threadsafe

    def interrupted(*args: Any, **options: Any) -> None:
        hand_over(*args, **options)
        while len(sandbox.requests) < 2:
            pass
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(asyncio, "run_coroutine_threadsafe", interrupted)
        with pytest.raises(KeyboardInterrupt):
            client.projects.get("prj_000001")
    while client.statistics().in_flight:
        pass
    assert len(sandbox.requests) == 2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system with fork")
def test_after_a_fork_the_child_is_told_to_make_its_own() -> None:
    """A socket that two processes read is nobody's."""
    program = """
import os, sys
from cloudplatform_async import ClientStateError
from cloudplatform_async.blocking import Client
from cloudplatform_async.sandbox import Sandbox
with Sandbox(projects=1) as sandbox:
    client = Client(base_url=sandbox.base_url, api_key=sandbox.api_key)
    client.projects.get("prj_000001")
    child = os.fork()
    if not child:
        try:
            client.projects.get("prj_000001")
        except ClientStateError as error:
            os._exit(7 if "forked" in str(error) else 8)
        os._exit(9)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    client.close()
sys.exit(code)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 7


def test_a_forgotten_client_warns_and_its_thread_ends(sandbox: Sandbox) -> None:
    """It is a mistake to be told of, not a leak."""
    before = {thread for thread in threading.enumerate() if thread.name == THREAD}
    client = Client(base_url=sandbox.base_url, api_key=sandbox.api_key)
    client.projects.get("prj_000001")
    (mine,) = {thread for thread in threading.enumerate() if thread.name == THREAD} - before
    with pytest.warns(ResourceWarning, match="never closed"):
        del client
        gc.collect()
    mine.join(timeout=30)
    assert not mine.is_alive()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_thread_of_a_forgotten_client_ends_where_warnings_are_errors(sandbox: Sandbox) -> None:
    """As in a suite that runs with ``-W error``, which would gather them."""
    before = {thread for thread in threading.enumerate() if thread.name == THREAD}
    client = Client(base_url=sandbox.base_url, api_key=sandbox.api_key)
    client.projects.get("prj_000001")
    (mine,) = {thread for thread in threading.enumerate() if thread.name == THREAD} - before
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        del client
        gc.collect()
    mine.join(timeout=30)
    assert not mine.is_alive()


@pytest.mark.parametrize(
    "use",
    [
        lambda client: client.projects.get("prj_000001"),
        lambda client: list(client.projects.iter_all()),
        lambda client: client.with_options(timeout=5).projects.list(),
    ],
    ids=["a call", "a list", "a view"],
)
def test_a_client_without_a_name_serves_its_line_and_warns(sandbox: Sandbox, use: Any) -> None:
    """What was made of it still holds it; each time its thread ends, or a worker would gather them."""
    before = {thread for thread in threading.enumerate() if thread.name == THREAD}
    with pytest.warns(ResourceWarning, match=r"<Client .* was never closed; use `with` or close\(\)"):
        assert use(Client(base_url=sandbox.base_url, api_key=sandbox.api_key))
        gc.collect()
    for thread in {thread for thread in threading.enumerate() if thread.name == THREAD} - before:
        thread.join(timeout=30)
        assert not thread.is_alive()


def test_a_client_that_was_never_used_is_told_how_to_close_it() -> None:
    """In its own words, not in those of the awaited one."""
    client = Client(api_key="key")
    with pytest.warns(ResourceWarning, match=r"<Client .* was never closed; use `with` or close\(\)"):
        del client
        gc.collect()


@pytest.mark.slow
def test_a_program_that_forgets_its_client_exits_with_one_warning() -> None:
    """No thread keeps the interpreter."""
    program = """
from cloudplatform_async.blocking import Client
from cloudplatform_async.sandbox import Sandbox
sandbox = Sandbox(projects=1).__enter__()
client = Client(base_url=sandbox.base_url, api_key=sandbox.api_key)
print(client.projects.get("prj_000001").id)
sandbox.stop()
"""
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", program],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "prj_000001\n")
    assert done.stderr.count("was never closed; use `with` or close()") == 1


def test_a_transport_of_the_users_own_serves_it_as_well() -> None:
    """A mock is enough for a test."""
    answer = httpx.MockTransport(lambda _: httpx.Response(200, json={"id": "prj_01", "name": "core-api"}))
    with Client(api_key="key", transport=answer) as client:
        assert client.projects.get("prj_01").name == "core-api"


def test_no_network_is_the_usual_error(unused_tcp_port: int) -> None:
    """Raised in the calling thread, with its outcome."""
    once = RetryPolicy(max_retries=0)
    with (
        Client(base_url=f"http://127.0.0.1:{unused_tcp_port}/v1", api_key="key", retries=once) as client,
        pytest.raises(APIConnectionError) as caught,
    ):
        client.projects.get("prj_000001")
    assert caught.value.outcome == "not_sent"
