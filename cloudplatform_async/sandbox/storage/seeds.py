"""Projects and workflows to begin with: the same ones each time, on every machine."""

from collections.abc import Iterator

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
