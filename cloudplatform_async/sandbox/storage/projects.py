"""The table of projects: each row keeps its own JSON document, made by SQLite when the row is written."""

import secrets
import sqlite3
from collections.abc import Iterable, Mapping

import msgspec

from cloudplatform_async.sandbox.api.answers import RefusedError
from cloudplatform_async.sandbox.storage.database import Database, Row
from cloudplatform_async.sandbox.storage.events import append_event
from cloudplatform_async.sandbox.storage.seeds import given_projects, seed_projects

_TABLE = """
CREATE TABLE IF NOT EXISTS projects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    slug TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL,
    labels TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    document TEXT NOT NULL GENERATED ALWAYS AS (json_object(
        'id', id, 'name', name, 'slug', slug, 'status', status, 'labels', json(labels),
        'created_at', strftime('%Y-%m-%dT%H:%M:%SZ', created, 'unixepoch'),
        'updated_at', strftime('%Y-%m-%dT%H:%M:%SZ', updated, 'unixepoch')
    )) STORED
)
"""
_COLUMNS = "(id, name, slug, status, labels, created, updated) VALUES (?, ?, ?, ?, ?, ?, ?)"


def create_projects(database: Database, seeds: int | Iterable[Mapping[str, object]]) -> None:
    """Make the table where it is missing, and seed it where it is empty.

    Raises:
        ValueError: For a given seed that is none, or two with one id or slug.
    """
    database.create(_TABLE)
    rows = list(seed_projects(seeds) if isinstance(seeds, int) else given_projects(seeds))
    if rows and not database.read("SELECT 1 FROM projects LIMIT 1"):
        try:
            database.write_many(f"INSERT INTO projects {_COLUMNS}", rows)
        except sqlite3.IntegrityError as error:
            raise ValueError("Two of the given projects have one id or slug.") from error


def insert_project(database: Database, fields: dict[str, object], now: float) -> str:
    """Store a new project and return its document.

    Raises:
        RefusedError: 409 `slug_taken`.
    """
    values = (f"prj_{secrets.token_hex(8)}", str(fields["name"]), str(fields["slug"]), "active")
    labels = msgspec.json.encode(fields.get("labels", {})).decode()
    statement = f"INSERT INTO projects {_COLUMNS} RETURNING document"
    try:
        rows = database.write(statement, (*values, labels, int(now), int(now)))
    except sqlite3.IntegrityError as error:
        raise _slug_taken(fields) from error
    return _told(database, "created", _document(rows), values[0], now)


def select_project(database: Database, id_: str) -> str:
    """The document of a project.

    Raises:
        RefusedError: 404 `project_not_found`.
    """
    return _document(database.read("SELECT document FROM projects WHERE id = ?", (id_,)))


def update_project(database: Database, id_: str, fields: dict[str, object], now: float) -> str:
    """Change the given fields only, and return the document afterwards.

    Raises:
        RefusedError: 404 `project_not_found`, 409 `slug_taken`.
    """
    name, slug, status = (str(fields[key]) if key in fields else None for key in ("name", "slug", "status"))
    labels = msgspec.json.encode(fields["labels"]).decode() if "labels" in fields else None
    statement = (
        "UPDATE projects SET name = coalesce(?, name), slug = coalesce(?, slug),"
        " status = coalesce(?, status), labels = coalesce(?, labels), updated = ?"
        " WHERE id = ? RETURNING document"
    )
    try:
        rows = database.write(statement, (name, slug, status, labels, int(now), id_))
    except sqlite3.IntegrityError as error:
        raise _slug_taken(fields) from error
    return _told(database, "updated", _document(rows), id_, now)


def delete_project(database: Database, id_: str, now: float) -> None:
    """Delete a project.

    Raises:
        RefusedError: 404 `project_not_found`.
    """
    rows = database.write("DELETE FROM projects WHERE id = ? RETURNING document", (id_,))
    _told(database, "deleted", _document(rows), id_, now)


def _told(database: Database, change: str, document: str, id_: str, now: float) -> str:
    append_event(database, f"project.{change}", document, now, subject=id_)
    return document


def _document(rows: list[Row]) -> str:
    if not rows:
        raise RefusedError(404, "project_not_found", "There is no project with this id.")
    return str(rows[0][0])


def _slug_taken(fields: dict[str, object]) -> RefusedError:
    slug = str(fields.get("slug"))
    message = f"The slug {slug} is taken in this workspace."
    return RefusedError(409, "slug_taken", message, details={"slug": slug})
