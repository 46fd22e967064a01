"""``cloudplatform usage``: request counts and error rates."""

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from cloudplatform_async import ConfigurationError
from cloudplatform_async.cli.output.show import AS_USUAL, Output, View
from cloudplatform_async.cli.output.streams import on_terminal, write
from cloudplatform_async.cli.session.options import CONFIGURED, Connection

if TYPE_CHECKING:
    from cloudplatform_async import AsyncClient, Usage

app: App = App(name="usage", help="Request counts and error rates.")

COLUMNS = ("from", "to", "requests", "error_rate")
_DAY = timedelta(days=1)
_BLOCKS = 30


@app.command(name="show")
async def show_usage(
    *,
    start: Annotated[str, Parameter(name="--from")],
    end: Annotated[str, Parameter(name="--to")],
    daily: bool = False,
    chart: Path | None = None,
    output: Output = AS_USUAL,
    connection: Connection = CONFIGURED,
) -> None:
    """Show what was used from one day to another; a terminal shows its course as well.

    Args:
        start: First day, such as 2026-03-01, included.
        end: Last day, included.
        daily: Show each day, not only the sum.
        chart: Draw it day by day into this file, .png or .svg (extra charts).
        output: How.
        connection: Where.
    """
    from cloudplatform_async.cli.session.connect import connect

    first, last = _day("--from", start), _day("--to", end)
    view = View(output, COLUMNS)
    if chart is not None:
        from cloudplatform_async.cli.output.charts import check_chart

        check_chart(chart)
    async with connect(connection) as client:
        days = await _windows(client, first, last, _DAY) if daily or chart is not None else []
        view.rows(days if daily else [await client.usage.get(first, last)])
        if on_terminal() and view.options.output == "table" and view.options.query is None:
            step = _DAY * max(1, -(-((last - first).days + 1) // _BLOCKS))
            days = days or await _windows(client, first, last, step)
            _draw_line(days)
        if chart is not None:
            _draw_file(chart, days)


async def _windows(client: "AsyncClient", start: date, end: date, step: timedelta) -> "list[Usage]":
    return [usage async for usage in client.usage.iter_windows(start, end, step=step)]


def _draw_line(days: "list[Usage]") -> None:
    from cloudplatform_async.cli.output.charts import sparkline

    if len(days) > 1:
        write(f"{sparkline([usage.requests for usage in days])}\n".encode())


def _draw_file(path: Path, days: "list[Usage]") -> None:
    from cloudplatform_async.cli.output.charts import draw_chart

    rates = [usage.error_rate for usage in days]
    draw_chart(path, [usage.start for usage in days], [usage.requests for usage in days], rates)


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"{option} takes a day such as 2026-03-01, not {text!r}.") from None
