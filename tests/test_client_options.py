"""Options of one call, of a view and of a subclass; and a client that tests can replace in parts."""

from collections.abc import Callable
from datetime import date
from functools import cached_property
from typing import Any
from unittest.mock import create_autospec

import httpx
import pytest
from attrs import define

from cloudplatform_async import (
    OMIT,
    AsyncClient,
    ConfigurationError,
    InvalidRequestError,
    Project,
    RetryPolicy,
    ServerError,
    Timeouts,
    WorkflowRun,
)
from cloudplatform_async.testing import no_waiting
from tests.resources.wire import Wire, always

pytestmark = pytest.mark.anyio

ROW = {"id": "a", "name": "b"}
RUN = {
    "id": "r",
    "workflow_id": "w",
    "status": "succeeded",
    "inputs": {},
    "created_at": "2026-01-01T00:00:00Z",
}
USAGE = {"from": "2026-03-01", "to": "2026-03-02", "requests": 1, "error_rate": 0}
DAYS = (date(2026, 3, 1), date(2026, 3, 2))
Method = Callable[..., Any]

CALLS: dict[str, Callable[[AsyncClient, dict[str, Any]], Any]] = {
    "projects.list": lambda c, o: c.projects.list(**o),
    "projects.iter_all": lambda c, o: c.projects.iter_all(**o).collect(),
    "projects.create": lambda c, o: c.projects.create(name="n", slug="s", **o),
    "projects.create_many": lambda c, o: anext(c.projects.create_many([{"name": "n", "slug": "s"}], **o)),
    "projects.get": lambda c, o: c.projects.get("a", **o),
    "projects.update": lambda c, o: c.projects.update("a", name="n", **o),
    "projects.delete": lambda c, o: c.projects.delete("a", **o),
    "usage.get": lambda c, o: c.usage.get(*DAYS, **o),
    "usage.iter_windows": lambda c, o: c.usage.iter_windows(*DAYS, **o).collect(),
    "workflows.list": lambda c, o: c.workflows.list(**o),
    "workflows.iter_all": lambda c, o: c.workflows.iter_all(**o).collect(),
    "workflows.get": lambda c, o: c.workflows.get("w", **o),
    "workflows.trigger": lambda c, o: c.workflows.trigger("w", **o),
    "workflows.list_runs": lambda c, o: c.workflows.list_runs("w", **o),
    "workflows.iter_runs": lambda c, o: c.workflows.iter_runs("w", **o).collect(),
    "workflows.get_run": lambda c, o: c.workflows.get_run("w", "r", **o),
    "workflows.cancel_run": lambda c, o: c.workflows.cancel_run("w", "r", **o),
    "events.list": lambda c, o: c.events.list(**o),
    "events.iter_all": lambda c, o: c.events.iter_all(**o).collect(),
}


def everything(request: httpx.Request) -> httpx.Response:
    """A platform on which every operation succeeds."""
    path = request.url.path
    if request.method == "DELETE":
        return httpx.Response(204)
    if path.endswith("/usage"):
        return httpx.Response(200, json=USAGE)
    if path.endswith(("/runs/r", "/cancel")) or (path.endswith("/runs") and request.method == "POST"):
        return httpx.Response(200, json=RUN)
    if request.method == "GET" and path.endswith(("/projects", "/workflows", "/runs", "/events")):
        return httpx.Response(200, json={"data": [], "meta": {"next_cursor": None}})
    return httpx.Response(200, json=ROW)


@pytest.mark.parametrize("name", CALLS)
async def test_every_method_takes_headers_and_a_timeout(name: str) -> None:
    """Of this call alone: they go out with it, and the next one is as before."""
    wire = Wire(everything)
    async with AsyncClient(api_key="k", transport=wire, headers={"x-tenant": "all"}, retries=0) as client:
        await CALLS[name](client, {"headers": {"X-Tenant": "one"}, "timeout": 7})
        await CALLS[name](client, {})
    one, after = wire.requests[0], wire.requests[-1]
    assert (one.headers["x-tenant"], after.headers["x-tenant"]) == ("one", "all")


@pytest.mark.parametrize("options", [{"headers": {"host": "h"}}, {"headers": {"a\n": "b"}}])
async def test_options_that_cannot_be_are_refused_before_anything_is_sent(options: dict[str, Any]) -> None:
    """As those of the client."""
    for call in CALLS.values():
        wire = Wire(everything)
        async with AsyncClient(api_key="k", transport=wire) as client:
            with pytest.raises(InvalidRequestError):
                await call(client, options)
        assert wire.requests == []


async def test_an_argument_that_no_method_has_is_a_type_error() -> None:
    """A typing error is never a header that is not sent."""
    for call in CALLS.values():
        async with AsyncClient(api_key="k", transport=Wire(everything)) as client:
            with pytest.raises(TypeError, match="header"):
                await call(client, {"header": {"a": "b"}})


async def test_the_timeout_of_a_call_bounds_all_of_it() -> None:
    """Retries and their waits included: a wait that would pass it is not begun."""
    wire = always({}, 503, retry_after="20")
    async with AsyncClient(api_key="k", transport=wire) as client:
        with pytest.raises(ServerError) as caught:
            await client.projects.get("a", timeout=10)
    assert caught.value.attempts == 1


async def test_headers_of_the_client_go_with_every_call_and_those_of_views_replace_them() -> None:
    """The innermost wins, name by name."""
    wire = Wire(everything)
    async with AsyncClient(api_key="k", transport=wire, headers={"x-a": "1", "x-b": "1"}) as client:
        await client.with_options(headers={"X-B": "2"}).projects.get("a", headers={"x-c": "3"})
    seen = wire.requests[0].headers
    assert (seen["x-a"], seen["x-b"], seen["x-c"]) == ("1", "2", "3")


@pytest.mark.parametrize(("retries", "attempts"), [(0, 1), (1, 2), (3, 4), (RetryPolicy(max_retries=2), 3)])
async def test_a_number_of_retries_is_the_most_of_one_call(retries: int | RetryPolicy, attempts: int) -> None:
    """Of a client, and of a view."""
    wire = always({}, 503, retry_after_ms="0.01")
    async with AsyncClient(api_key="k", transport=wire, retries=retries) as client:
        for each in (client, AsyncClient.with_options(client, retries=retries)):
            with pytest.raises(ServerError) as caught:
                await each.projects.get("a")
            assert caught.value.attempts == attempts


async def test_a_view_can_speak_without_the_services_key() -> None:
    """A user's token alone: what the user may not do is not done with the service's rights."""
    wire = Wire(everything)
    async with AsyncClient(api_key="service", transport=wire) as client:
        await client.with_options(access_token="user", api_key=OMIT).projects.get("a")
        both = client.with_options(access_token="user")
        await both.with_options(access_token=OMIT).projects.get("a")
        with pytest.raises(ConfigurationError, match="no credentials"):
            client.with_options(api_key=OMIT)
        with pytest.raises(ConfigurationError, match="no credentials"):
            both.with_options(api_key=OMIT, access_token=OMIT)
    seen = [(each.headers.get("x-api-key"), each.headers.get("authorization")) for each in wire.requests]
    assert seen == [(None, "Bearer user"), ("service", None)]


class Tenant(AsyncClient):
    """A user's own client, with a field and a method."""

    def __init__(self, tenant: str, **options: Any) -> None:
        super().__init__(**options)
        self.tenant = tenant

    async def own(self) -> Project:
        """A call with the field in it."""
        return await self.projects.get(self.tenant)


class Slotted(AsyncClient):
    """A field in a slot."""

    __slots__ = ("tenant",)


@define(slots=False, init=False, repr=False, eq=False)
class WithAttrs(AsyncClient):
    """A field by attrs."""

    tenant: str = "none"


class Sub(Tenant):
    """A subclass of a subclass."""


@pytest.mark.parametrize("kind", [Tenant, Sub, Slotted, WithAttrs])
async def test_a_view_of_a_subclass_is_of_it_and_keeps_its_state(kind: Any) -> None:
    """Also the view of a view; and each changes its own state alone."""
    options: dict[str, Any] = {"api_key": "k", "transport": Wire(everything)}
    client = kind("t", **options) if issubclass(kind, Tenant) else kind(**options)
    async with client:
        client.tenant = "t"
        view = client.with_options(timeout=5)
        inner = view.with_options(headers={"x-a": "1"})
        assert [type(each) for each in (view, inner)] == [kind, kind]
        assert (view.tenant, inner.tenant) == ("t", "t")
        inner.tenant = "other"
        assert (client.tenant, view.tenant) == ("t", "t")
        assert repr(view).startswith(f"<{kind.__name__} https://")
        await inner.projects.get("a")
        assert inner.projects is not client.projects
        await view.aclose()
        await client.projects.get("a")


class Billing:
    """Speaks for a client that it holds."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client


class WithBilling(AsyncClient):
    """A resource of a user's own, made once."""

    @cached_property
    def billing(self) -> Billing:
        return Billing(self)


async def test_what_a_subclass_made_of_a_client_does_not_speak_for_its_view() -> None:
    """Else calls for one user would carry the credentials of another."""
    async with WithBilling(api_key="k", transport=Wire(everything)) as client:
        assert client.billing.client is client
        view = client.with_options(access_token="user", api_key=OMIT)
        assert view.billing.client is view
        assert (client.billing.client, view.billing) == (client, view.billing)


async def test_a_view_calls_with_its_own_options_also_where_its_client_has_called_before() -> None:
    """A resource that the client made is not the view's."""
    wire = Wire(everything)
    async with Tenant("t", api_key="k", transport=wire) as client:
        await client.own()
        await client.with_options(headers={"x-a": "1"}).own()
    assert [each.headers.get("x-a") for each in wire.requests] == [None, "1"]


@pytest.mark.parametrize("instance", [True, False])
async def test_a_mock_of_the_client_knows_its_resources(instance: bool) -> None:
    """With the signatures of their methods: a test that calls what is not there fails."""
    mock: Any = create_autospec(AsyncClient, instance=instance)
    client = mock if instance else mock.return_value
    client.projects.get.return_value = Project(id="a", name="b")
    assert (await client.projects.get("a")).name == "b"
    client.projects.get.assert_awaited_once_with("a")
    for resource in ("usage", "workflows", "events"):
        assert not hasattr(getattr(client, resource), "no_such_method")
    with pytest.raises(AttributeError):
        client.projects.fetch  # noqa: B018 - looked up for its error
    with pytest.raises(TypeError):
        client.projects.get()


@pytest.mark.parametrize(
    ("resource", "method"),
    [("projects", "get"), ("usage", "get"), ("workflows", "get_run"), ("events", "list")],
)
async def test_a_method_of_a_resource_can_be_replaced(
    resource: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As tests do; a view, which is another client, keeps the real one."""

    async def fake(*_: object, **__: object) -> str:
        return "fake"

    wire = Wire(everything)
    async with AsyncClient(api_key="k", transport=wire) as client:
        monkeypatch.setattr(getattr(client, resource), method, fake)
        assert await getattr(getattr(client, resource), method)("a") == "fake"
        assert wire.requests == []
        monkeypatch.undo()
        await client.projects.get("a")
    assert len(wire.requests) == 1


async def test_a_whole_resource_can_be_replaced() -> None:
    """By a fake of one's own."""
    async with AsyncClient(api_key="k", transport=Wire(everything)) as client:
        fake: Any = object()
        client.projects = fake
        assert client.projects is fake


async def test_waiting_for_a_run_sends_the_headers_of_the_wait() -> None:
    """With each look at it."""
    wire = Wire(everything)
    async with AsyncClient(api_key="k", transport=wire) as client:
        run = await client.workflows.get_run("w", "r")
        queued = WorkflowRun(**{**{name: getattr(run, name) for name in RUN}, "status": "queued"})
        with no_waiting():
            await client.workflows.wait(queued, headers={"x-a": "1"}, timeout=Timeouts(total=30))
    assert wire.requests[-1].headers["x-a"] == "1"


@pytest.mark.parametrize("day", ["2026-03-01", "yesterday", ""])
async def test_a_day_as_text_is_told_how_it_becomes_a_date(day: str) -> None:
    """The message names the function."""
    async with AsyncClient(api_key="k", transport=Wire(everything)) as client:
        for arguments in ((day, DAYS[1]), (DAYS[0], day)):
            with pytest.raises(InvalidRequestError, match=r"date\.fromisoformat\("):
                await client.usage.get(*arguments)  # type: ignore[arg-type]  # that is the mistake
