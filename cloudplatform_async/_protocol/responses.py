"""What an answer means: a success to decode, or the typed error of its status (API contract §3)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec

from cloudplatform_async import errors
from cloudplatform_async._protocol.decoding.native import UNDECODABLE, mended
from cloudplatform_async._protocol.rate_limits import retry_after
from cloudplatform_async.errors import APIStatusError, Outcome, ServerError

_EXCERPT = 200  # characters of a foreign body that an error message shows
_SHORT = 6  # characters below which a secret, as tests have, may be a word, or a part of one
_DEEPEST = 100  # levels of `details`: an error must stay fit to be copied and pickled

ERROR_OF_STATUS: Mapping[int, type[APIStatusError]] = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
    422: errors.UnprocessableEntityError,
    429: errors.RateLimitError,
}


class Answer(msgspec.Struct, frozen=True):
    """One whole answer of the server.

    Attributes:
        status: HTTP status code.
        headers: Values by lower-case name.
        body: The inflated body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Tell whether the status is 2xx."""
        return 200 <= self.status < 300


class _Fault(msgspec.Struct):
    message: str
    code: str | None = None
    details: Any = None


class _ErrorEnvelope(msgspec.Struct):
    error: _Fault


_decode_envelope = msgspec.json.Decoder(_ErrorEnvelope).decode


def status_error(answer: Answer, *, now: float, secrets: Iterable[str]) -> APIStatusError:
    """Make the typed error of an answer that is not a success.

    Args:
        answer: What the server sent; its body may be anything.
        now: Wall-clock seconds since the epoch, for a ``Retry-After`` date without a ``Date``.
        secrets: Texts to mask wherever the server repeats them.
    """
    secrets = sorted((secret for secret in secrets if secret), key=len, reverse=True)
    fault = _fault(answer, secrets)
    kind = ERROR_OF_STATUS.get(answer.status, ServerError if answer.status >= 500 else APIStatusError)
    return kind(
        fault.message,
        outcome=_outcome(answer.status, fault.code),
        status_code=answer.status,
        code=fault.code,
        details=fault.details,
        retry_after=retry_after(answer.headers, now),
        request_id=masked(answer.headers.get("x-request-id"), secrets),
    )


def _fault(answer: Answer, secrets: Sequence[str]) -> _Fault:
    try:
        fault = _decode_envelope(mended(answer.body)).error
        return _Fault(*(masked(part, secrets) for part in (fault.message, fault.code, fault.details)))
    except UNDECODABLE:
        return _Fault(_foreign_message(answer, secrets))


def _foreign_message(answer: Answer, secrets: Sequence[str]) -> str:
    """Say what came where the platform's own error envelope should have been."""
    if 300 <= answer.status < 400:
        return "The server answered with a redirect; redirects are never followed. Check `base_url`."
    excerpt = " ".join(_beginning(answer.body, secrets).split())[:_EXCERPT]
    return f"The body is not the platform's error format: {excerpt}" if excerpt else "The body is empty."


def _beginning(body: bytes, secrets: Sequence[str]) -> str:
    """Give the start of a body, masked before it is cut: half a secret would not be found."""
    margin = max(map(len, secrets), default=0)
    window = body[: 4 * _EXCERPT + margin]
    text: str = masked(window.decode("utf-8", "replace"), secrets)
    return text if len(window) == len(body) else text[: len(text) - margin]


def _outcome(status: int, code: str | None) -> Outcome:
    """Say what became of the request: only a 4xx is a refusal, and not while the write is under way."""
    refused = 400 <= status < 500 and code != "idempotency_in_progress"
    return "rejected" if refused else "unknown"


def masked(value: Any, secrets: Iterable[str], depth: int = _DEEPEST) -> Any:
    """Replace secrets in every text of a JSON value; one that is as short as a word only where it is one.

    Else ``"key"``, as tests have it, would make another code of ``"invalid_api_key"``.

    Raises:
        RecursionError: For a value that is nested deeper than ``depth``.
    """
    if isinstance(value, str):
        for secret in secrets:
            if len(secret) < _SHORT:
                value = re.sub(rf"(?<![\w-]){re.escape(secret)}(?![\w-])", "***", value)
            else:
                value = value.replace(secret, "***")
        return value
    if depth == 0 and isinstance(value, (list, dict)):
        raise RecursionError("nested too deeply")
    if isinstance(value, list):
        return [masked(part, secrets, depth - 1) for part in cast("list[object]", value)]
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {masked(name, secrets): masked(part, secrets, depth - 1) for name, part in fields.items()}
    return value
