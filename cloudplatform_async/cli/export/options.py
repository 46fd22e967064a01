"""The options of an export that is worked off in parts, and the formats that a target's ending says."""

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Literal

from attrs import frozen
from cyclopts import Parameter, validators

from cloudplatform_async import ConfigurationError
from cloudplatform_async.cli.session.options import WHOLE

if TYPE_CHECKING:
    from cloudplatform_async.collect import RedisLimit

Kind = Literal["ndjson", "csv", "sqlite", "parquet"]

_ENDINGS: dict[str, Kind] = {
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".csv": "csv",
    ".sqlite": "sqlite",
    ".sqlite3": "sqlite",
    ".db": "sqlite",
    ".parquet": "parquet",
}
_CUTS = ("by_filter", "by_created", "by_days", "by_pages", "by_credentials")

_Count = Annotated[int | None, WHOLE, Parameter(validator=validators.Number(gte=1))]


@Parameter(name="*")
@frozen(kw_only=True)
class Work:
    """Who works on an export, and in which parts.

    Attributes:
        processes: Work in so many processes of this machine (0: in this one); FILE is a folder of chunks.
        workers: Work on the cluster of this Dask scheduler, such as tcp://127.0.0.1:8786 (extra dask).
        shared_limit: One rate limit for all who name this Redis: redis://HOST, or '$REDIS_URL' (extra redis).
        requests_per_minute: Of the shared limit, for each key and endpoint group.
        chunk_rows: Rows of one chunk; what is lost at most when a worker is killed.
        by_filter: Cut by the values of a filter, each as key=value; no row may fit two of them.
        by_created: Cut projects that were made from --from to --to into so many spans.
        by_days: Cut usage into spans of so many days.
        by_pages: Cut a numbered list that stands still into ranges of so many pages.
        by_credentials: Cut by workspace; TEAM-A has its key in CLOUD_API_KEY_TEAM_A wherever work is done.
    """

    processes: Annotated[int | None, WHOLE, Parameter(validator=validators.Number(gte=0))] = None
    workers: str | None = None
    shared_limit: str | None = None
    requests_per_minute: Annotated[int, WHOLE, Parameter(validator=validators.Number(gte=1))] = 600
    chunk_rows: Annotated[int, WHOLE, Parameter(validator=validators.Number(gte=1))] = 10_000
    by_filter: tuple[str, ...] = ()
    by_created: _Count = None
    by_days: _Count = None
    by_pages: _Count = None
    by_credentials: tuple[str, ...] = ()


ALONE = Work()


def is_job(target: str, work: Work) -> bool:
    """Tell whether an export is worked off in parts, into chunks.

    Raises:
        ConfigurationError: The options contradict each other.
    """
    if work.processes is not None and work.workers is not None:
        raise ConfigurationError("--processes are of this machine, --workers of a cluster: choose one.")
    if work.processes is not None or work.workers is not None or is_url(target):
        return True
    for name in (*_CUTS, "chunk_rows"):
        if getattr(work, name) != getattr(ALONE, name):
            raise ConfigurationError(
                f"--{name.replace('_', '-')} is for exports in parts: pass --processes or --workers too, "
                "or export to s3://."
            )
    return False


def is_url(target: str) -> bool:
    """Tell whether a target is no path."""
    return "://" in target


def kind_of(target: str, chosen: Kind | None) -> Kind:
    """Find the format of a target.

    Raises:
        ConfigurationError: Nothing says it.
    """
    name = PurePosixPath(target.replace("\\", "/")).name
    kind = chosen or _ENDINGS.get(PurePosixPath(name).suffix.lower())
    if kind is None:
        raise ConfigurationError(
            f"{name!r} does not say its format: end it in {' '.join(_ENDINGS)}, or pass --format."
        )
    return kind


def limit_of(work: Work) -> "RedisLimit | None":
    """Make the shared limit.

    Raises:
        ConfigurationError: The extra is missing, or the URL leads nowhere or has a password.
    """
    url = work.shared_limit
    if url is None:
        return None
    if "@" in url or "password=" in url:
        raise ConfigurationError(
            "A password is no argument, which others can read: put the URL into a variable wherever work is "
            "done, and pass its name, as in --shared-limit '$REDIS_URL'."
        )
    from cloudplatform_async.collect import RedisLimit

    return RedisLimit(url, requests=work.requests_per_minute, per=60.0)
