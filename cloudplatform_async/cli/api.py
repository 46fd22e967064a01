"""``cloudplatform api``: any endpoint, with every promise of the client kept."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qs

from attrs import evolve
from cyclopts import Parameter

from cloudplatform_async import AUTO, ConfigurationError
from cloudplatform_async.cli.output.show import AS_USUAL, Output, View
from cloudplatform_async.cli.session.options import ANY_JSON, CONFIGURED, Connection, Limit

if TYPE_CHECKING:
    from cloudplatform_async import APIResponse, AsyncClient

_IN_THE_QUERY = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


async def call(
    method: str,
    path: str,
    /,
    *,
    field: Annotated[tuple[str, ...], Parameter(name=["--field", "-f"])] = (),
    typed_field: Annotated[tuple[str, ...], Parameter(name=["--typed-field", "-F"])] = (),
    body: Annotated[str | None, Parameter(name="--input", allow_leading_hyphen=True)] = None,
    paginate: bool = False,
    limit: Limit = None,
    idempotency_key: str | None = None,
    output: Output = AS_USUAL,
    connection: Connection = CONFIGURED,
) -> None:
    """Call any endpoint and show what the answer holds, as JSON unless told otherwise.

    Args:
        method: Such as GET or POST.
        path: Below the version, such as /projects or /projects/prj_01.
        field: A text as key=value, in the query of GET and DELETE, else in the body; may be repeated.
        typed_field: As --field, where the value is JSON, such as limit=5 or labels={"team":"red"}.
        body: A file with the JSON body; - reads stdin.
        paginate: Follow the list to its end, and show all of its rows.
        limit: With --paginate, stop after this many rows.
        idempotency_key: Makes this the same write as an earlier one with the same key.
        output: How.
        connection: Where.
    """
    from cloudplatform_async.cli.session.connect import connect

    method, (path, query) = method.upper(), _parts(path)
    view = View(evolve(output, output=output.output or "json"))
    fields = fields_of(field, typed_field)
    in_query = method in _IN_THE_QUERY or body is not None
    params, json = {**query, **(fields if in_query else {})}, _body(body) if in_query else fields or None
    if paginate and method != "GET":
        raise ConfigurationError(f"--paginate follows lists, which GET gives; not {method}.")
    async with connect(connection) as client:
        if paginate:
            await view.list(client.iter_all(path, params=params, max_items=limit))
            return
        options = {"params": params, "json": json, "idempotency_key": idempotency_key or AUTO}
        answer = await _answer(client, method, path, options)
        if answer is not _NOTHING:
            view.value(answer)


_NOTHING = object()


async def _answer(client: "AsyncClient", method: str, path: str, options: dict[str, Any]) -> Any:
    """Give the payload; a DELETE has none."""
    if method in ("DELETE", "HEAD"):
        await client.request(method, path, model=None, **options)
        return _NOTHING
    answer: APIResponse[Any] = await client.request(method, path, model=ANY_JSON, **options)
    return answer.data


def fields_of(texts: tuple[str, ...], typed: tuple[str, ...]) -> dict[str, Any]:
    """Read fields as they are typed; one that is given again becomes a list.

    Raises:
        ConfigurationError: One is not ``key=value``, or its value is no JSON.
    """
    fields: dict[str, Any] = {}
    pairs = [(text, False) for text in texts] + [(text, True) for text in typed]
    for text, is_json in pairs:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise ConfigurationError(f"A field is key=value, not {text!r}.")
        read: Any = _json(f"-F {name}", value.encode()) if is_json else value
        if name not in fields:
            fields[name] = read
        elif isinstance(fields[name], list):
            fields[name].append(read)
        else:
            fields[name] = [fields[name], read]
    return fields


def _body(place: str | None) -> Any:
    if place is None:
        return None
    try:
        data = sys.stdin.buffer.read() if place == "-" else Path(place).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"--input {place} cannot be read: {error.strerror}.") from None
    return _json("--input", data)


def _json(option: str, data: bytes) -> Any:
    import msgspec

    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"{option} is no JSON: {error}.") from None


def _parts(path: str) -> tuple[str, dict[str, list[str]]]:
    """Take a path with or without its first slash and with a query, as people type it."""
    path, _, query = path.partition("?")
    return path if path.startswith("/") else f"/{path}", parse_qs(query, keep_blank_values=True)
