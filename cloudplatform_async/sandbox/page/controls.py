"""How programs and the page steer the sandbox over HTTP: faults, latency, clock, the page's own endpoint."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, TypeAlias, TypeVar

import msgspec
from attrs import define
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloudplatform_async.sandbox.api.answers import Answer, RefusedError, json_answer
from cloudplatform_async.sandbox.api.calls import json_of
from cloudplatform_async.sandbox.platform.state import Platform
from cloudplatform_async.sandbox.serving.faults import Fault, Kind, ScriptedFault

T = TypeVar("T")
Steer: TypeAlias = Callable[[Request, bytes], Answer]
_NotNegative: TypeAlias = Annotated[float, msgspec.Meta(ge=0)]


class FaultDocument(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `Faults.add` as JSON; a `body` that is no text is sent as the JSON that it is."""

    kind: Kind | None = None
    status: int | None = None
    headers: dict[str, str] | None = None
    body: object = None
    delay: float = 0.0
    size: int | None = None
    method: str | None = None
    path: str | None = None
    times: int | None = None
    probability: float = 1.0
    seed: int = 0


class SettingsDocument(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What of the settings is to change: seconds that work takes, and whether the page's endpoint fails."""

    latency: _NotNegative | None = None
    endpoint_fails: bool | None = None


class ClockDocument(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the clock is to do: stand still or run, then advance by seconds."""

    frozen: bool | None = None
    advance: _NotNegative = 0.0


@define
class Controls:
    """The switches.

    Attributes:
        endpoint_fails: Whether the page's own webhook endpoint answers 500 in place of 204.
    """

    _platform: Platform
    endpoint_fails: bool = False

    def routes(self) -> Iterator[Route]:
        """Their paths."""
        yield _route("/_sandbox/faults", GET=self._list, POST=self._add, DELETE=self._clear)
        yield _route("/_sandbox/faults/{id}", DELETE=self._remove)
        yield _route("/_sandbox/settings", GET=self._settings, PATCH=self._set)
        yield _route("/_sandbox/clock", GET=self._clock, POST=self._turn)
        yield _route("/_sandbox/endpoint", POST=self._receive)

    def faults(self) -> list[Mapping[str, object]]:
        """The script of faults as JSON values."""
        return [_described(entry) for entry in self._platform.faults.script()]

    def settings(self) -> Mapping[str, object]:
        """The settings as JSON values."""
        return {"latency": self._platform.latency, "endpoint_fails": self.endpoint_fails}

    def clock(self) -> Mapping[str, object]:
        """The clock as JSON: where it stands still, else by how many seconds it is ahead of real time."""
        clock = self._platform.clock
        if clock.frozen:
            return {"frozen_at": clock(), "offset": None}
        return {"frozen_at": None, "offset": round(clock() - time.time(), 1)}

    def _list(self, _request: Request, _body: bytes) -> Answer:
        return json_answer({"data": self.faults()})

    def _add(self, request: Request, body: bytes) -> Answer:
        document = _read(request, body, FaultDocument)
        arguments = msgspec.structs.asdict(document)
        arguments["body"] = _body_of(document.body)
        try:
            fault = self._platform.faults.add(**arguments)
        except ValueError as error:
            raise RefusedError(422, "validation_failed", str(error)) from error
        entry = ScriptedFault(fault, document.times, document.probability)
        return json_answer(_described(entry), status=201)

    def _clear(self, _request: Request, _body: bytes) -> Answer:
        self._platform.faults.clear()
        return Answer(status=204)

    def _remove(self, request: Request, _body: bytes) -> Answer:
        wanted: str = request.path_params["id"]
        for entry in self._platform.faults.script():
            if entry.fault.id == wanted:
                self._platform.faults.remove(entry.fault)
                return Answer(status=204)
        raise RefusedError(404, "fault_not_found", "There is no fault with this id.")

    def _settings(self, _request: Request, _body: bytes) -> Answer:
        return json_answer(self.settings())

    def _set(self, request: Request, body: bytes) -> Answer:
        change = _read(request, body, SettingsDocument)
        if change.latency is not None:
            self._platform.latency = change.latency
        if change.endpoint_fails is not None:
            self.endpoint_fails = change.endpoint_fails
        return json_answer(self.settings())

    def _clock(self, _request: Request, _body: bytes) -> Answer:
        return json_answer(self.clock())

    def _turn(self, request: Request, body: bytes) -> Answer:
        change = _read(request, body, ClockDocument)
        clock = self._platform.clock
        if change.frozen is not None and change.frozen != clock.frozen:
            (clock.freeze if change.frozen else clock.resume)()
        clock.advance(change.advance)
        return json_answer(self.clock())

    def _receive(self, _request: Request, _body: bytes) -> Answer:
        return Answer(status=500 if self.endpoint_fails else 204)


def _route(path: str, **handlers: Steer) -> Route:
    async def serve(request: Request) -> Response:
        body = await request.body()
        try:
            return handlers[request.method](request, body).response()
        except RefusedError as refusal:
            return refusal.answer.response()

    # A GET route takes HEAD too, for which there is no handler of its own.
    handlers |= {"HEAD": handlers["GET"]} if "GET" in handlers else {}
    return Route(path, serve, methods=list(handlers))


def _read(request: Request, body: bytes, kind: type[T]) -> T:
    document = json_of(request.headers, body)
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise RefusedError(422, "validation_failed", f"The document is not valid: {error}.") from error


def _body_of(value: object) -> bytes | None:
    if value is None:
        return None
    return value.encode() if isinstance(value, str) else msgspec.json.encode(value)


def _described(entry: ScriptedFault) -> Mapping[str, object]:
    fault: Fault = entry.fault
    return {
        "id": fault.id,
        "kind": fault.kind,
        "status": fault.status if fault.kind == "status" else None,
        "delay": fault.delay,
        "size": fault.size,
        "method": fault.method,
        "path": fault.path,
        "times": entry.times,
        "probability": entry.probability,
        "met": entry.met,
    }
