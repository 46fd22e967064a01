"""Projects and workflows to begin with: the same ones each time, on every machine."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from cloudplatform_async.sandbox.storage.database import Value

FIRST_CREATED = 1_704_067_200  # 2024-01-01T00:00:00Z, in seconds since the epoch
_AREAS = ("core", "payments", "search", "billing", "identity", "catalog", "media")
_PARTS = ("api", "worker", "web", "gateway", "jobs")
_TEAMS = ("blue", "green", "red")

WORKFLOWS = (
    ("wfl_build", "Build", "Builds a project from its sources."),
    ("wfl_deploy", "Deploy", "Brings what was built to where it is used."),
    ("wfl_report", "Report", "Sums up what a project used."),
)


def seed_projects(count: int) -> Iterator[tuple[Value, ...]]:
    """Rows (id, name, slug, status, labels, created, updated), one created each minute from 2024 on.

    Args:
        count: How many, at least 0.
    """
    for number in range(1, count + 1):
        name = f"{_AREAS[number % 7]}-{_PARTS[number % 5]}"
        status = "archived" if number % 10 == 0 else "active"
        labels = f'{{"team":"{_TEAMS[number % 3]}"}}'
        created = FIRST_CREATED + 60 * number
        yield f"prj_{number:06d}", name, f"{name}-{number}", status, labels, created, created


class _Given(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    id: str
    name: str
    slug: str
    status: Literal["active", "archived"] = "active"
    labels: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    created_at: Annotated[datetime, msgspec.Meta(tz=True)] = datetime.fromtimestamp(FIRST_CREATED, UTC)
    updated_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


def given_projects(items: Iterable[Mapping[str, object]]) -> Iterator[tuple[Value, ...]]:
    """The same rows for projects of the user's own.

    Args:
        items: Each with `id`, `name`, `slug`, and perhaps `status`, `labels`, `created_at`, `updated_at`.

    Raises:
        ValueError: For one that lacks something, or has what is none.
    """
    for item in items:
        try:
            given = msgspec.convert(dict(item), _Given)
        except msgspec.ValidationError as error:
            raise ValueError(f"A project to begin with is not valid: {error}.") from error
        created = int(given.created_at.timestamp())
        updated = created if given.updated_at is None else int(given.updated_at.timestamp())
        labels = msgspec.json.encode(given.labels).decode()
        yield given.id, given.name, given.slug, given.status, labels, created, updated
