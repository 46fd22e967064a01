"""``cloudplatform workflows``: what the platform can be told to do, and its runs."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from cloudplatform_async import AUTO, ConfigurationError
from cloudplatform_async.cli.output.show import AS_USUAL, Output, View
from cloudplatform_async.cli.output.streams import say
from cloudplatform_async.cli.session.options import CONFIGURED, Connection, Limit, PageSize

app: App = App(name="workflows", help="Workflows and their runs.")

FIELDS = ("id", "name", "description", "created_at")
RUN_FIELDS = (
    "id",
    "workflow_id",
    "status",
    "inputs",
    "outputs",
    "error",
    "created_at",
    "started_at",
    "finished_at",
)
RUN_COLUMNS = ("id", "workflow_id", "status", "created_at", "finished_at")
Key = Annotated[str | None, Parameter(name="--idempotency-key")]


@app.command(name="list")
async def list_workflows(
    *,
    limit: Limit = None,
    page_size: PageSize = 100,
    output: Output = AS_USUAL,
    connection: Connection = CONFIGURED,
) -> None:
    """List the workflows.

    Args:
        limit: Stop after this many.
        page_size: Workflows asked for with one request (1 to 100).
        output: How.
        connection: Where.
    """
    from cloudplatform_async.cli.session.connect import connect

    view = View(output, FIELDS)
    async with connect(connection) as client:
        await view.list(client.workflows.iter_all(page_size=page_size, max_items=limit))


@app.command(name="trigger")
async def trigger_workflow(
    id: str,  # noqa: A002 - the platform's own word
    /,
    *,
    inputs: str | None = None,
    wait: bool = False,
    idempotency_key: Key = None,
    output: Output = AS_USUAL,
    connection: Connection = CONFIGURED,
) -> None:
    """Have a workflow run, exactly once however the network fails.

    Args:
        id: Of the workflow.
        inputs: What it takes, as a JSON object; @FILE reads it from a file.
        wait: Wait for the end of the run, which is then shown; exit code 10 unless it succeeded.
        idempotency_key: Makes this the same trigger as an earlier one with the same key.
        output: How to show the run.
        connection: Where.
    """
    from cloudplatform_async.cli.session.connect import connect

    view, given = View(output, RUN_FIELDS, RUN_COLUMNS), _object(inputs)
    async with connect(connection) as client:
        run = await client.workflows.trigger(id, inputs=given, idempotency_key=idempotency_key or AUTO)
        if wait:
            say(f"Waiting for {run.id} of {run.workflow_id}.")
            await _shown_at_its_end(client, run, view, connection)
        else:
            view.one(run)


@app.command(name="runs")
async def list_runs(
    workflow: str,
    /,
    *,
    status: str | None = None,
    limit: Limit = None,
    page_size: PageSize = 100,
    output: Output = AS_USUAL,
    connection: Connection = CONFIGURED,
) -> None:
    """List the runs of a workflow.

    Args:
        workflow: Its id.
        status: Only runs that are queued, running, succeeded, failed or cancelled.
        limit: Stop after this many.
        page_size: Runs asked for with one request (1 to 100).
        output: How.
        connection: Where.
    """
    from cloudplatform_async.cli.session.connect import connect

    view = View(output, RUN_FIELDS, RUN_COLUMNS)
    async with connect(connection) as client:
        runs = client.workflows.iter_runs(workflow, status=status, page_size=page_size, max_items=limit)
        await view.list(runs)


@app.command(name="run")
async def get_run(
    workflow: str, run: str, /, *, output: Output = AS_USUAL, connection: Connection = CONFIGURED
) -> None:
    """Show one run.

    Args:
        workflow: Id of the workflow.
        run: Id of the run.
        output: How.
        connection: Where.
    """
    from cloudplatform_async.cli.session.connect import connect

    view = View(output, RUN_FIELDS, RUN_COLUMNS)
    async with connect(connection) as client:
        view.one(await client.workflows.get_run(workflow, run))


@app.command(name="wait")
async def wait_for_run(
    workflow: str, run: str, /, *, output: Output = AS_USUAL, connection: Connection = CONFIGURED
) -> None:
    """Wait for the end of a run and show it; exit code 10 unless it succeeded.

    It waits as long as it takes, or with --timeout for that many seconds.

    Args:
        workflow: Id of the workflow.
        run: Id of the run.
        output: How.
        connection: Where.
    """
    from cloudplatform_async.cli.session.connect import connect

    view = View(output, RUN_FIELDS, RUN_COLUMNS)
    async with connect(connection) as client:
        begun = await client.workflows.get_run(workflow, run)
        await _shown_at_its_end(client, begun, view, connection)


@app.command(name="cancel")
async def cancel_run(
    workflow: str,
    run: str,
    /,
    *,
    idempotency_key: Key = None,
    output: Output = AS_USUAL,
    connection: Connection = CONFIGURED,
) -> None:
    """Cancel a run that has not ended.

    Args:
        workflow: Id of the workflow.
        run: Id of the run.
        idempotency_key: Makes this the same cancel as an earlier one with the same key.
        output: How to show the run.
        connection: Where.
    """
    from cloudplatform_async.cli.session.connect import connect

    view = View(output, RUN_FIELDS, RUN_COLUMNS)
    async with connect(connection) as client:
        cancelled = await client.workflows.cancel_run(workflow, run, idempotency_key=idempotency_key or AUTO)
        view.one(cancelled)


async def _shown_at_its_end(client: Any, run: Any, view: View, connection: Connection) -> None:
    """Show a run when it has ended, also one that did not succeed, whose error then ends the command."""
    from cloudplatform_async import Timeouts, WorkflowFailedError

    try:
        run = await client.workflows.wait(run, timeout=Timeouts(total=connection.timeout))
    except WorkflowFailedError as error:
        view.one(error.run)
        raise
    view.one(run)


def _object(text: str | None) -> dict[str, Any] | None:
    """Read a JSON object as it is typed, or from the file that ``@`` names."""
    if text is None:
        return None
    import msgspec

    try:
        data = Path(text[1:]).read_bytes() if text.startswith("@") else text.encode()
        return msgspec.json.decode(data, type=dict[str, Any])
    except OSError as error:
        raise ConfigurationError(f"--inputs {text}: {error.strerror}.") from None
    except msgspec.DecodeError as error:
        example = '{"ref": "main"}'
        raise ConfigurationError(f"--inputs takes a JSON object such as {example}; {error}.") from None
