"""Random bad answers: bytes that were JSON once, or never."""

import gzip
import json
from random import Random
from typing import Any

from tests.security.transports import Answer

_REFUSALS = (304, 307, 400, 401, 403, 404, 409, 418, 422, 429, 500, 503, 599)
_STATUSES = (*[200] * 6, 201, 202, 204, *_REFUSALS)
_NAMES = (
    *("id", "name", "slug", "status", "labels", "created_at", "updated_at", "x"),
    *("data", "meta", "pagination", "links", "error", "code", "message", "details"),
    *("next_cursor", "has_more", "page", "limit", "total", "next", "request_id"),
)
_SCALARS: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 20, 5e-324, 1.5, 1e308, 2**63, -(2**70), "", "prj_01", "core-api", "active",
    "2026-03-17T10:22:14Z", "2026-03-17T10:22:14", "2026-13-99", "\u0000", "\ud83d", "é", "🙂" * 3, "https://evil/",
    "//evil.example/v1", "/v1/projects?page=2", "..", "\\",
)  # fmt: skip
_HEADERS = (
    (b"content-encoding", (b"gzip", b"br", b"gzip, gzip", b"identity", b"\xff")),
    (
        b"retry-after",
        (b"-1", b"nan", b"1e3", b"+5", b"0", b"Sun, 99 Nov 1994 08:49:37 GMT", b"\xff", b"9" * 400),
    ),
    (b"link", (b'<https://evil/>; rel="next"', b"<", b'</v1/projects?page=2>; rel="next"', b"<\\>;rel=next")),
    (b"x-request-id", (b"", b"\xe9", b"r" * 9000)),
    (b"ratelimit-remaining", (b"0", b"-0", b"x")),
    (b"ratelimit-reset", (b"-5", b"0.1", b"1e9", b"x")),
    (b"date", (b"yesterday", b"Sun, 06 Nov 1994 08:49:37 GMT")),
    (b"content-type", (b"text/html", b"application/json; charset=utf-16")),
)

_RIGHT: tuple[Any, ...] = (
    {"data": [{"id": "prj_01", "name": "core-api"}], "pagination": {"page": 1, "limit": 20, "total": 1}},
    {"data": [], "meta": {"next_cursor": None}},
    {"from": "2026-03-01", "to": "2026-03-17", "requests": 184203, "error_rate": 0.0021},
)


def random_answer(dice: Random) -> Answer:
    """Make an answer that is wrong in some way, or right by chance."""
    body = _body(dice)
    headers = [(name, dice.choice(values)) for name, values in _HEADERS if dice.random() < 0.1]
    if (b"content-encoding", b"gzip") in headers and dice.random() < 0.7:
        body = gzip.compress(body, 1)
    return Answer(dice.choice(_STATUSES), headers, [body] if body else [])


def _body(dice: Random) -> bytes:
    if dice.random() < 0.05:
        return dice.randbytes(dice.randrange(40))
    body = json.dumps(_top(dice), ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")
    if dice.random() < 0.2:
        at = dice.randrange(len(body))
        body = body[:at] + dice.randbytes(dice.randrange(3)) + body[at + dice.randrange(3) :]
    return body


def _top(dice: Random) -> Any:
    if dice.random() < 0.1:
        return dice.choice(_RIGHT)
    if dice.random() < 0.3:
        return {"data": _value(dice, 4), "pagination": _value(dice, 1), "meta": _value(dice, 1)}
    if dice.random() < 0.4:
        return {"id": "prj_01", "name": "core-api", dice.choice(_NAMES): _value(dice, 2)}
    return _value(dice, 4)


def _value(dice: Random, depth: int) -> Any:
    kind = dice.random()
    if depth and kind < 0.35:
        return {dice.choice(_NAMES): _value(dice, depth - 1) for _ in range(dice.randrange(5))}
    if depth and kind < 0.5:
        return [_value(dice, depth - 1) for _ in range(dice.randrange(4))]
    return dice.choice(_SCALARS)
