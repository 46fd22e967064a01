"""Where the next link of a list may lead: never out of the base URL's origin and version (API contract §5)."""

import re
from urllib.parse import unquote, urljoin, urlsplit

from cloudplatform_async.errors import PaginationError
from cloudplatform_async.settings import BaseURL

_PARAMETER = r"""[\w!#$%&'*+\-.^`|~]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s",;<>]+))?"""
_LINK = re.compile(rf"\s*<([^<>]*)>((?:\s*;\s*{_PARAMETER})*)\s*(?:,|$)")  # RFC 8288 §3
_RELATION = re.compile(r""";\s*rel\s*=\s*(?:"([^"]*)"|([^\s",;]+))""", re.IGNORECASE)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def next_in_header(header: str) -> str | None:
    """Find the target of ``rel="next"`` in a ``Link`` header; a malformed header has none."""
    position, found = 0, None
    while position < len(header):
        link = _LINK.match(header, position)
        if link is None:
            return None
        relation = _RELATION.search(link[2])
        if relation and "next" in (relation[1] or relation[2] or "").lower().split():
            found = found or link[1]
        position = link.end()
    return found


def follow(link: str, base: BaseURL, current: str) -> str:
    """Resolve a link to a path below the version prefix, with its query.

    Args:
        link: As the server sent it; absolute or relative to the current request.
        base: The client's base URL.
        current: Path below the prefix of the request that was answered.

    Raises:
        PaginationError: For a link with another origin, prefix or scheme, with userinfo, a backslash or a control
            character, or with dot segments.
    """
    if re.search(r"[\x00-\x20\x7f-\uffff\\]", link):
        raise _refused("has characters that no URL has")
    try:
        target = urlsplit(urljoin(str(base) + current, link))
        authority = target.netloc.lower().removesuffix(_DEFAULT_PORTS.get(target.scheme, "")).removesuffix(":")
    except ValueError:
        raise _refused("is not a URL") from None
    if (target.scheme, authority) != (base.scheme, base.authority.removesuffix(_DEFAULT_PORTS[base.scheme])):
        raise _refused("leads to another origin")
    if not target.path.startswith(base.prefix + "/") or {".", ".."} & set(unquote(target.path).split("/")):
        raise _refused("leads out of the version prefix")
    return target.path.removeprefix(base.prefix) + (f"?{target.query}" if target.query else "")


def _refused(why: str) -> PaginationError:
    return PaginationError(f"The next page's link {why}; it was not followed, and nothing was sent to it.")
