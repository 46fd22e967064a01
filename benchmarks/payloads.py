"""What the server answers: objects of about 190 bytes in the shape that each client expects."""

import json
from functools import lru_cache
from urllib.parse import parse_qs, urlsplit

ROWS = 10_000_000
"""Rows of every list: more than any measure reads."""

_ROWS = {
    "projects": (
        '{"id":"prj_%07d","name":"payments-worker","slug":"payments-worker-1","status":"active",'
        '"labels":{"team":"green"},'
        '"created_at":"2026-01-01T00:01:00Z","updated_at":"2026-01-01T00:01:00Z"}'
    ),
    "models": (
        '{"id":"model-%07d","object":"model","created":1767225660,'
        '"owned_by":"payments-worker-of-team-green-in-the-second-region-of-the-northern-zone",'
        '"shutdown_date":"2027-01-01T00:01:00Z, if nobody objects"}'
    ),
    "files": (
        '{"id":"file-%07d","object":"file","bytes":120000,"created_at":1767225660,'
        '"expires_at":1798761660,"filename":"payments-worker-1.jsonl","purpose":"batch","status":"processed"}'
    ),
    "accounts": (
        '{"id":"acc%07d","name":"payments-worker","type":"standard","created_on":"2026-01-01T00:01:00Z",'
        '"settings":{"abuse_contact_email":"abuse@example.com","enforce_twofactor":true}}'
    ),
    "customers": (
        '{"id":"cus_%07d","object":"customer","name":"payments-worker","email":"payments@example.com",'
        '"created":1767225660,"livemode":false,"metadata":{"team":"green"},'
        '"description":"payments-worker-1"}'
    ),
}


def body_of(target: str) -> bytes:
    """Answer a request target, such as ``/v1/projects?limit=100&page=2`` or ``/v1/projects/prj_1``."""
    url = urlsplit(target)
    *_, last = url.path.split("/")
    if last in _ROWS:
        return page(last, url.query)
    kind = url.path.split("/")[-2]
    return one(kind)


@lru_cache
def one(kind: str) -> bytes:
    """Write one object; the API that wraps its answers gets it wrapped."""
    row = _ROWS[kind] % 1
    if kind == "accounts":
        row = f'{{"success":true,"errors":[],"messages":[],"result":{row}}}'
    return row.encode()


@lru_cache(maxsize=256)
def page(kind: str, query: str) -> bytes:
    """Write one page, with the paging fields of its API."""
    asked = {name: values[0] for name, values in parse_qs(query).items()}
    size = int(asked.get("limit") or asked.get("per_page") or 20)
    number = int(asked.get("page", 1))
    after = asked.get("after") or asked.get("starting_after")
    start = (number - 1) * size if after is None else int(after[-7:]) + 1
    rows = ",".join(_ROWS[kind] % index for index in range(start, start + size))
    if kind == "projects":
        meta = json.dumps({"page": number, "limit": size, "total": ROWS})
        return f'{{"data":[{rows}],"meta":{meta}}}'.encode()
    if kind == "accounts":
        info = json.dumps({"page": number, "per_page": size, "total_count": ROWS})
        return f'{{"success":true,"errors":[],"messages":[],"result":[{rows}],"result_info":{info}}}'.encode()
    last = json.dumps(json.loads(_ROWS[kind] % (start + size - 1))["id"])
    url = f"/v1/{kind}"
    return f'{{"object":"list","url":"{url}","data":[{rows}],"has_more":true,"last_id":{last}}}'.encode()
