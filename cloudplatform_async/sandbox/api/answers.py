"""What the platform answers, as values: a success, or a refusal in the documented error envelope."""

from collections.abc import Mapping

import msgspec
from attrs import evolve, field, frozen
from starlette.responses import Response


@frozen(kw_only=True)
class Answer:
    """One answer before it becomes HTTP: what a handler returns and what idempotency remembers."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(factory=dict[str, str])

    def with_headers(self, headers: Mapping[str, str]) -> "Answer":
        """The same answer with more headers."""
        return evolve(self, headers={**self.headers, **headers})

    def response(self) -> Response:
        """The answer as Starlette sends it; an empty body has no content type."""
        media_type = "application/json" if self.body else None
        return Response(self.body, self.status, dict(self.headers), media_type)


def json_answer(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer whose body is `value` as JSON."""
    return Answer(status=status, body=msgspec.json.encode(value), headers=headers or {})


def raw_json_answer(text: str, *, status: int = 200) -> Answer:
    """An answer whose body is JSON text that the database already made."""
    return Answer(status=status, body=text.encode())


def error_answer(
    status: int, code: str, message: str, *, details: object = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """An answer in the documented error envelope; `details` only where there are some."""
    error: dict[str, object] = {"code": code, "message": message}
    if details is not None:
        error["details"] = details
    return json_answer({"error": error}, status=status, headers=headers)


class RefusedError(Exception):
    """The platform will not do what was asked; `.answer` is what it says instead."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.answer: Answer = error_answer(status, code, message, details=details, headers=headers)
