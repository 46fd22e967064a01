"""Where the next link of a list may lead: never out of the base URL's origin and version."""

import re
from urllib.parse import unquote, urljoin, urlsplit

from cloudplatform_async.errors import PaginationError
from cloudplatform_async.settings import BaseURL

_VALUE = r"""\s*+=\s*+("(?:[^"\\]|\\.)*+"|[^\s",;<>]++)"""
_PARAMETER = rf"\s*+;\s*+(?:([\w!#$%&'*+\-.^`|~]++)(?:{_VALUE})?)?"
_LINK = rf"\s*+<([^<>]*+)>((?:{_PARAMETER})*+)\s*+(?:,|$)"  # RFC 8288 §3
_REFUSED = r"[^\x21-\x7e]|\\"
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def next_in_header(header: str) -> str | None:
    """Find the target of ``rel="next"`` in a ``Link`` header; a malformed header has none."""
    return target_in_header(header, "next")


def target_in_header(header: str, relation: str) -> str | None:
    """Find the target of a relation, in lower case, in a ``Link`` header; a malformed header has none."""
    position, found = 0, None
    while position < len(header):
        link = re.compile(_LINK).match(header, position)
        if link is None:
            return None
        if relation in _relations(link[2]):
            found = found or link[1]
        position = link.end()
    return found


def _relations(parameters: str) -> list[str]:
    """List what the first ``rel`` says (RFC 8288 §3.3); a ``rel`` within another's quotes says nothing."""
    named = ((str(name).lower(), str(value)) for name, value in re.findall(_PARAMETER, parameters))
    relation = next((value for name, value in named if name == "rel"), "")
    return relation.strip('"').lower().split()


def follow(link: str, base: BaseURL, current: str) -> str:
    """Resolve a link to a path below the version prefix, with its query.

    Args:
        link: As the server sent it; absolute or relative to the current request.
        base: The client's base URL.
        current: Path below the prefix of the request that was answered.

    Raises:
        PaginationError: For a link with another origin, prefix or scheme, with userinfo, a backslash or
            a control character, or with dot segments.
    """
    if re.search(_REFUSED, link):
        raise _refused("has characters that no URL has")
    try:
        target = urlsplit(urljoin(str(base) + current, link))
    except ValueError:
        raise _refused("is not a URL") from None
    if _origin(target.scheme, target.netloc) != _origin(base.scheme, base.authority):
        raise _refused("leads to another origin")
    segments = re.split(r"[/\\]", unquote(target.path))
    if not target.path.startswith(base.prefix + "/") or {".", ".."} & set(segments):
        raise _refused("leads out of the version prefix")
    return target.path.removeprefix(base.prefix) + (f"?{target.query}" if target.query else "")


def _refused(why: str) -> PaginationError:
    return PaginationError(f"The next page's link {why}; it was not followed, and nothing was sent to it.")


def _origin(scheme: str, authority: str) -> tuple[str, str]:
    """Give scheme, host and port, without a port that goes without saying (RFC 3986 §6.2.3)."""
    return scheme, authority.lower().removesuffix(_DEFAULT_PORTS.get(scheme, ":")).removesuffix(":")
