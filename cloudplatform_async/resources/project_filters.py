"""Which projects a list is about (API contract §4)."""

import re
from collections.abc import Sequence
from datetime import datetime

from cloudplatform_async._protocol.encoding import Query
from cloudplatform_async.errors import InvalidRequestError
from cloudplatform_async.models.projects import ProjectStatus
from cloudplatform_async.settings import CallOptions


class ProjectFilters(CallOptions, total=False):
    """Which projects a list is about, and the options of its calls; ``None`` means any.

    Attributes:
        name: With this name.
        slug: With this slug.
        status: With this status.
        created_after: Made after this moment; it needs a time zone.
        created_before: Made before this moment; it needs a time zone.
        label: With this ``"key:value"``, or with each of several.
        filters: Query parameters that are newer than this package, sent as they are.
    """

    name: str | None
    slug: str | None
    status: ProjectStatus | str | None
    created_after: datetime | None
    created_before: datetime | None
    label: str | Sequence[str] | None
    filters: Query | None


def check_filters(filters: ProjectFilters) -> None:
    """Refuse filters that the platform could never accept.

    Raises:
        InvalidRequestError: Naming the filter.
    """
    _check_moment("created_after", filters.get("created_after"))
    _check_moment("created_before", filters.get("created_before"))
    label = filters.get("label")
    for each in label if isinstance(label, (list, tuple)) else () if label is None else (label,):
        _check_label(each)


def _check_moment(name: str, moment: object) -> None:
    if moment is not None and not isinstance(moment, datetime):  # one without a zone is refused later
        raise InvalidRequestError(f"`{name}` must be a datetime with a time zone, not {moment!r}.")


def _check_label(label: object) -> None:
    if not isinstance(label, str) or not re.fullmatch("[^:]+:.+", label, re.DOTALL):
        raise InvalidRequestError(f"`label` must be 'key:value', or a list of such, not {label!r}.")
