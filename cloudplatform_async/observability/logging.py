"""Log lines for what happens in calls: one logger of the standard library, fields by an allow-list."""

import logging
import os
import sys
from typing import TextIO, cast

from msgspec.structs import asdict

from cloudplatform_async.observability.events import (
    CallEvent,
    CallFinished,
    EndpointDeprecated,
    RateLimited,
    RetryScheduled,
    TokenRefreshed,
)

LOGGER = logging.getLogger("cloudplatform_async")
LOGGER.addHandler(logging.NullHandler())

_Logged = CallFinished | TokenRefreshed | RetryScheduled | RateLimited | EndpointDeprecated
_LEVELS: dict[type[CallEvent], int] = {
    CallFinished: logging.DEBUG,
    TokenRefreshed: logging.INFO,
    RetryScheduled: logging.WARNING,
    RateLimited: logging.WARNING,
    EndpointDeprecated: logging.WARNING,
}
_TEXTS: dict[type[CallEvent], str] = {
    CallFinished: "%(method)s %(path_template)s: %(outcome)s%(status)s after %(elapsed).3f s, "
    "%(attempts)d sent",
    TokenRefreshed: "the access token was replaced for %(method)s %(path_template)s in %(elapsed).3f s",
    RetryScheduled: "%(method)s %(path_template)s: attempt %(attempt)d met %(cause)s%(status)s, "
    "again in %(delay).3f s",
    RateLimited: "%(group)s: the rate limit was met by %(method)s %(path_template)s, "
    "the whole group waits for %(seconds).3f s",
    EndpointDeprecated: "%(method)s %(path_template)s is deprecated since %(since)s, "
    "ends on %(sunset)s, see %(link)s",
}


def is_logged(kind: type[CallEvent]) -> bool:
    """Tell whether an event of this kind has a line, and anybody would see it as things stand now."""
    level = _LEVELS.get(kind)
    return level is not None and LOGGER.isEnabledFor(level)


def log(event: CallEvent) -> None:
    """Write the line of an event, if there is one; its fields come along, as by ``extra=``."""
    if not is_logged(type(event)) or not isinstance(event, _Logged):
        return
    status = event.status_code
    fields = {"attempt": event.attempt, "status_code": status, **asdict(event)}
    shown = {**fields, "status": "" if status is None else f" {status}"}
    file, line, function, _ = LOGGER.findCaller()
    record = LOGGER.makeRecord(
        LOGGER.name, _LEVELS[type(event)], file, line, _TEXTS[type(event)], (shown,), None, function
    )
    # What a record factory of the user's has put there stays; `extra=` would raise for the same name.
    record.__dict__.update((name, value) for name, value in fields.items() if name not in record.__dict__)
    LOGGER.handle(record)


def log_observer(observer: object, method: str) -> None:
    """Say, with the traceback that is being handled, that an observer raised."""
    LOGGER.exception(
        "the observer %s raised in %s; it will not be said again", type(observer).__name__, method
    )


def follow_environment() -> None:
    """Show lines on stderr where ``CLOUD_LOG`` is ``debug`` or ``info``, for a quick look."""
    level = {"debug": logging.DEBUG, "info": logging.INFO}.get(
        os.environ.get("CLOUD_LOG", "").strip().lower()
    )
    if level is None or any(not isinstance(each, logging.NullHandler) for each in LOGGER.handlers):
        return
    LOGGER.setLevel(level)
    if any(map(_is_seen, logging.getLogger().handlers)):  # each line is to be seen once
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    LOGGER.addHandler(handler)


def _is_seen(handler: logging.Handler) -> bool:
    """Tell whether who looks at the program sees the lines of a handler: not those of a file."""
    if isinstance(handler, logging.StreamHandler):
        return cast("logging.StreamHandler[TextIO]", handler).stream in (sys.stderr, sys.stdout)
    return not isinstance(handler, logging.NullHandler)
