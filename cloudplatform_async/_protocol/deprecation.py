"""What the server says of an endpoint's end: `Deprecation` (RFC 9745) and `Sunset` (RFC 8594)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from msgspec import Struct

from cloudplatform_async._protocol.lists.links import target_in_header

_NOT = frozenset({"false", "?0"})
_MOMENT = r"@(-?[0-9]{1,12})"  # RFC 9651 §3.3.7


class Deprecation(Struct, frozen=True, kw_only=True):
    """An endpoint that will go.

    Attributes:
        since: When it was, or will be, deprecated, where the server names a time.
        sunset: When it will stop to answer, likewise.
        link: Where to read about it, without a query.
    """

    since: datetime | None
    sunset: datetime | None
    link: str | None


def deprecation_of(headers: Mapping[str, str]) -> Deprecation | None:
    """Read what an answer says of its endpoint's end; ``None`` where it says nothing of it.

    Times that cannot be read are left out; the endpoint is deprecated all the same.

    Args:
        headers: Of the answer, by lower-case name.
    """
    said = headers.get("deprecation", "").partition(";")[0].strip()  # parameters have no meaning
    if (not said or said.lower() in _NOT) and "sunset" not in headers:
        return None
    link = headers.get("link", "")
    target = target_in_header(link, "deprecation") or target_in_header(link, "sunset")
    return Deprecation(
        since=_moment(said),
        sunset=_http_date(headers.get("sunset", "")),
        link=None if target is None else _without_query(target),
    )


def _moment(text: str) -> datetime | None:
    match = re.fullmatch(_MOMENT, text)
    if match is None:
        return _http_date(text)  # as the drafts before the RFC had it
    try:
        return datetime.fromtimestamp(int(match[1]), UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text.strip())
    except (TypeError, ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _without_query(link: str) -> str | None:
    try:
        return urlsplit(link)._replace(query="").geturl()
    except ValueError:
        return None
