"""The tables of workflows and their runs, and how runs go on as time passes."""

import secrets
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from cloudplatform_async.sandbox.api.answers import RefusedError
from cloudplatform_async.sandbox.storage.database import Database
from cloudplatform_async.sandbox.storage.events import append_event
from cloudplatform_async.sandbox.storage.seeds import FIRST_CREATED, WORKFLOWS
from cloudplatform_async.sandbox.storage.timestamps import timestamp

LONGEST = 31_536_000  # seconds: a year, so that each time can be written
FINISHED = frozenset({"succeeded", "failed", "cancelled"})
_WORKFLOWS = """
CREATE TABLE IF NOT EXISTS workflows (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    document TEXT NOT NULL
)
"""
_RUNS = """
CREATE TABLE IF NOT EXISTS runs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    workflow_id TEXT NOT NULL,
    status TEXT NOT NULL,
    next_at REAL,
    plan TEXT NOT NULL,
    document TEXT NOT NULL
)
"""
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS runs_by_workflow ON runs (workflow_id, seq)",
    "CREATE INDEX IF NOT EXISTS runs_by_time ON runs (next_at, seq) WHERE next_at IS NOT NULL",
)


class RunError(msgspec.Struct, forbid_unknown_fields=True):
    """Why a run failed."""

    code: str = "run_failed"
    message: str = "The run failed, as its input `sandbox` asked."


class Plan(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How a run will go: the input `sandbox` with which it is triggered.

    Attributes:
        seconds: How long it runs, at most a year.
        result: How it ends.
        outputs: What it gives, if it succeeds.
        error: Why it fails, if it does.
    """

    seconds: Annotated[float, msgspec.Meta(ge=0, le=LONGEST)] = 1.0
    result: Literal["succeeded", "failed"] = "succeeded"
    outputs: dict[str, object] | None = None
    error: RunError | None = None


def create_workflows(database: Database) -> None:
    """Make the tables where they are missing, with the seeded workflows."""
    database.create(_WORKFLOWS, _RUNS, *_INDEXES)
    rows = [(id_, _workflow(id_, name, description)) for id_, name, description in WORKFLOWS]
    database.write_many("INSERT OR IGNORE INTO workflows (id, document) VALUES (?, ?)", rows)


def select_workflow(database: Database, id_: str) -> str:
    """The document of a workflow.

    Raises:
        RefusedError: 404 `workflow_not_found`.
    """
    rows = database.read("SELECT document FROM workflows WHERE id = ?", (id_,))
    if not rows:
        raise RefusedError(404, "workflow_not_found", "There is no workflow with this id.")
    return str(rows[0][0])


def insert_run(
    database: Database, workflow_id: str, inputs: Mapping[str, object], plan: Plan, now: float
) -> str:
    """Queue a run, to start at once, and return its document."""
    run: dict[str, object] = {
        "id": f"run_{secrets.token_hex(8)}",
        "workflow_id": workflow_id,
        "status": "queued",
        "inputs": inputs,
        "outputs": {},
        "error": None,
        "created_at": timestamp(now),
        "started_at": None,
        "finished_at": None,
    }
    document = msgspec.json.encode(run).decode()
    values = (str(run["id"]), workflow_id, "queued", now, msgspec.json.encode(plan).decode(), document)
    columns = "(id, workflow_id, status, next_at, plan, document)"
    database.write(f"INSERT INTO runs {columns} VALUES (?, ?, ?, ?, ?, ?)", values)  # noqa: S608 - constant
    return document


def select_run(database: Database, workflow_id: str, id_: str) -> str:
    """The document of a run.

    Raises:
        RefusedError: 404 `run_not_found`.
    """
    statement = "SELECT document FROM runs WHERE id = ? AND workflow_id = ?"
    rows = database.read(statement, (id_, workflow_id))
    if not rows:
        raise RefusedError(404, "run_not_found", "This workflow has no run with this id.")
    return str(rows[0][0])


def cancel_run(database: Database, workflow_id: str, id_: str, now: float) -> str:
    """End a run before its time, and return its document.

    Raises:
        RefusedError: 404 `run_not_found`, 409 `run_finished`.
    """
    run = msgspec.json.decode(select_run(database, workflow_id, id_), type=dict[str, object])
    status = run["status"]
    if status in FINISHED:
        message = f"The run has {status}." if status != "cancelled" else "The run was cancelled."
        raise RefusedError(409, "run_finished", message, details={"status": status})
    return _change(database, run, now, None, status="cancelled", finished_at=timestamp(now))


def next_run_at(database: Database) -> float | None:
    """When the next run starts or ends by itself; None: none does."""
    rows = database.read("SELECT min(next_at) FROM runs WHERE next_at IS NOT NULL")
    return None if rows[0][0] is None else float(rows[0][0])


def advance_runs(database: Database, now: float) -> None:
    """Let every run start and end that is to do so until `now`, in the order of these times."""
    due = "SELECT document, plan, next_at FROM runs WHERE next_at <= ? ORDER BY next_at, seq LIMIT 1"
    while rows := database.read(due, (now,)):
        document, plan, at = rows[0]
        run = msgspec.json.decode(document, type=dict[str, object])
        _advance(database, run, msgspec.json.decode(plan, type=Plan), float(at))


def _advance(database: Database, run: dict[str, object], plan: Plan, at: float) -> None:
    moment = timestamp(at)
    if run["status"] == "queued":
        _change(database, run, at, at + plan.seconds, status="running", started_at=moment)
    elif plan.result == "succeeded":
        _change(database, run, at, None, status="succeeded", finished_at=moment, outputs=plan.outputs or {})
    else:
        error = msgspec.to_builtins(plan.error or RunError())
        _change(database, run, at, None, status="failed", finished_at=moment, error=error)


def _change(
    database: Database, run: dict[str, object], at: float, next_at: float | None, **fields: object
) -> str:
    run |= fields
    document, id_, status = msgspec.json.encode(run).decode(), str(run["id"]), str(run["status"])
    statement = "UPDATE runs SET status = ?, next_at = ?, document = ? WHERE id = ?"
    database.write(statement, (status, next_at, document, id_))
    kind = "started" if status == "running" else status
    append_event(database, f"workflow.run.{kind}", document, at, subject=id_)
    return document


def _workflow(id_: str, name: str, description: str) -> str:
    created = timestamp(FIRST_CREATED)
    workflow = {"id": id_, "name": name, "description": description, "created_at": created}
    return msgspec.json.encode(workflow).decode()
