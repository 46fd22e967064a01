"""``cloudplatform events``: what happened on the platform, as a list and as it happens."""

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter, validators

from cloudplatform_async.cli.output.show import AS_USUAL, Output, View
from cloudplatform_async.cli.projects import Moment
from cloudplatform_async.cli.session.options import CONFIGURED, Connection, Limit, PageSize

if TYPE_CHECKING:
    from cloudplatform_async import Event, EventTail

app: App = App(name="events", help="What happened on the platform.")

FIELDS = ("id", "type", "created_at", "data", "api_version")
COLUMNS = ("created_at", "id", "type", "data.id")
Types = Annotated[tuple[str, ...] | None, Parameter(name="--type")]


@app.command(name="list")
async def list_events(
    *,
    type: Types = None,  # noqa: A002 - the platform's own word
    since: Moment = None,
    after: str | None = None,
    order: Literal["asc", "desc"] | None = None,
    limit: Limit = None,
    page_size: PageSize = 100,
    output: Output = AS_USUAL,
    connection: Connection = CONFIGURED,
) -> None:
    """List events, oldest first.

    Args:
        type: Only events of this type, or of a family such as project.*; may be given more than once.
        since: Only what happened at this moment or later, such as 2026-03-17T00:00:00Z.
        after: Only what follows the event with this id.
        order: asc is oldest first, desc newest first.
        limit: Stop after this many.
        page_size: Events asked for with one request (1 to 100).
        output: How.
        connection: Where.
    """
    from cloudplatform_async.cli.session.connect import connect

    view = View(output, FIELDS, COLUMNS)
    async with connect(connection) as client:
        events = client.events.iter_all(
            page_size=page_size, max_items=limit, model=dict, type=type, since=since, after=after, order=order
        )
        await view.list(events)


@app.command(name="tail")
async def tail_events(
    *,
    type: Types = None,  # noqa: A002 - the platform's own word
    since: Moment = None,
    after: str | None = None,
    poll_interval: Annotated[float, Parameter(validator=validators.Number(gt=0))] = 2.0,
    limit: Limit = None,
    output: Output = AS_USUAL,
    connection: Connection = CONFIGURED,
) -> None:
    """Follow the events as they happen, each one once, until Ctrl-C; outages only make it late.

    Args:
        type: As of list.
        since: Begin with what happened at this moment or later; default: now.
        after: Begin with what follows the event with this id.
        poll_interval: Seconds between two looks while nothing happens.
        limit: Stop after this many.
        output: How.
        connection: Where.
    """
    from cloudplatform_async.cli.session.connect import connect

    view = View(output, FIELDS, COLUMNS)
    writer = view.stream()
    async with (
        connect(connection) as client,
        client.events.tail(type=type, since=since, after=after, poll_interval=poll_interval) as tail,
    ):
        left = limit
        while left is None or left > 0:
            event = await _next_of(tail, poll_interval)
            writer.rows([event.to_dict()])
            left = None if left is None else left - 1


async def _next_of(tail: "EventTail", pause: float) -> "Event":
    """Wait for the next event; an outage of a profile's token endpoint makes it late too."""
    import anyio

    from cloudplatform_async import TokenRefreshError

    while True:
        try:
            return await anext(tail)
        except TokenRefreshError as error:
            if error.status_code is not None and error.status_code < 500:
                raise
            await anyio.sleep(pause)
