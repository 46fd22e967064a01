"""Checks the fields of a JSON document and tells everything that is wrong with it at once."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeAlias

from cloudplatform_async.sandbox.api.answers import RefusedError

Check: TypeAlias = Callable[[object], str | None]


def matching(pattern: str, message: str) -> Check:
    """A check that lets pass the strings which match the whole pattern."""
    compiled = re.compile(pattern)

    def check(value: object) -> str | None:
        return None if isinstance(value, str) and compiled.fullmatch(value) else message

    return check


def one_of(*choices: str) -> Check:
    """A check that lets pass the given strings."""
    return lambda value: None if value in choices else f"must be one of: {', '.join(choices)}"


def validate(
    document: Mapping[str, object], checks: Mapping[str, Check], *, required: tuple[str, ...]
) -> None:
    """Let pass a document whose fields are known, good, and there where required.

    Raises:
        RefusedError: 422 `validation_failed`, with one entry in `details` for each bad field.
    """
    problems = {name: "is required" for name in required if name not in document}
    for name, value in document.items():
        problem = checks[name](value) if name in checks else "is not a field of this resource"
        if problem is not None:
            problems[name] = problem
    if problems:
        details = [{"field": name, "message": message} for name, message in problems.items()]
        summary = "; ".join(f"{name} {message}" for name, message in problems.items())
        raise RefusedError(
            422, "validation_failed", f"The document is not valid: {summary}.", details=details
        )


def moment(name: str, text: str) -> float:
    """The time that a query parameter names, in seconds since the epoch.

    Raises:
        RefusedError: 400 `invalid_filter`, for what is no RFC 3339 time with its offset.
    """
    message = f"{name} must be an RFC 3339 time with its offset, such as 2026-03-17T10:22:14Z."
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise RefusedError(400, "invalid_filter", message) from error
    if time.tzinfo is None:
        raise RefusedError(400, "invalid_filter", message)
    return time.timestamp()
