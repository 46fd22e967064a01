"""The order of things for one request: who, how often, what for, whether done before, the work."""

import anyio
from attrs import evolve
from starlette.requests import Request
from starlette.responses import Response

from cloudplatform_async.sandbox.api.answers import Answer, RefusedError
from cloudplatform_async.sandbox.api.calls import Call
from cloudplatform_async.sandbox.api.operations import Operation
from cloudplatform_async.sandbox.platform.idempotency import Slot, fingerprint, slot_of
from cloudplatform_async.sandbox.platform.state import Platform
from cloudplatform_async.sandbox.serving.misbehaviour import WORK_DELAY


class Gateway:
    """Serves the operations of one path."""

    def __init__(self, platform: Platform, operations: list[Operation]) -> None:
        self._platform = platform
        self._operations = {operation.method: operation for operation in operations}
        if "GET" in self._operations:
            self._operations["HEAD"] = self._operations["GET"]

    @property
    def methods(self) -> list[str]:
        """The methods that this path knows."""
        return list(self._operations)

    async def serve(self, request: Request) -> Response:
        """The Starlette endpoint."""
        call = Call(
            method=request.method,
            path=request.url.path,
            ids=request.path_params,
            query=request.query_params,
            headers=request.headers,
            body=await request.body(),
            now=self._platform.clock(),
        )
        seconds = self._platform.latency + request.scope.get(WORK_DELAY, 0.0)
        try:
            answer = await self._admit(self._operations[request.method], call, seconds)
        except RefusedError as refusal:
            answer = refusal.answer
        return answer.response()

    async def _admit(self, operation: Operation, call: Call, seconds: float) -> Answer:
        if operation.scope is None:
            return await self._read(operation, call, seconds)
        identity = self._platform.credentials.identify(call.headers, call.now)
        headers = self._platform.limits.take(identity.owner, operation.group, call.now)
        try:
            identity.require(operation.scope)
            if operation.writes:
                answer = await self._write(operation, call, identity.owner, seconds)
            else:
                answer = await self._read(operation, call, seconds)
        except RefusedError as refusal:
            answer = refusal.answer
        return answer.with_headers(headers)

    async def _read(self, operation: Operation, call: Call, seconds: float) -> Answer:
        await _sleep(seconds)
        self._platform.schedule.catch_up()
        return operation.handle(self._platform, call)

    async def _write(self, operation: Operation, call: Call, owner: str, seconds: float) -> Answer:
        slot = slot_of(call, owner)
        if slot is None:
            await _sleep(seconds)
            return self._work(operation, call, None)
        memory = self._platform.memory
        first = memory.begin(slot, fingerprint(call), call.now)
        if first is not None:
            return first
        try:
            await _sleep(seconds)
            return self._work(operation, call, slot)
        finally:
            memory.release(slot)

    def _work(self, operation: Operation, call: Call, slot: Slot | None) -> Answer:
        """The change, its events and the memory of its answer, or nothing of it."""
        platform = self._platform
        with platform.database.transaction():
            call = evolve(call, now=platform.schedule.catch_up())
            answer = self._answer(operation, call)
            if slot is not None:
                platform.memory.settle(slot, answer)
            platform.records.save()
        platform.sender.wake()
        return answer

    def _answer(self, operation: Operation, call: Call) -> Answer:
        try:
            with self._platform.database.transaction():
                return operation.handle(self._platform, call)
        except RefusedError as refusal:
            return refusal.answer


async def _sleep(seconds: float) -> None:
    if seconds:
        await anyio.sleep(seconds)
