"""A worker process of this machine, and the pipe to it: tasks go in, what they tell comes out."""

import os
import pickle
import struct
import sys
from contextlib import suppress
from types import TracebackType
from typing import Self

import anyio
import msgspec
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from cloudplatform_async.collect.task import ShardProgress, ShardTask

LENGTH = struct.Struct(">I")  # of the message that follows
READY = LENGTH.pack(0)  # what a worker says first

_COMMAND = [sys.executable, "-m", "cloudplatform_async.collect.engines.worker"]
_GONE = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, anyio.IncompleteRead)


class Message(msgspec.Struct, frozen=True, array_like=True):
    """From a worker.

    Attributes:
        progress: Of a shard.
        is_result: Its task has ended.
    """

    progress: ShardProgress
    is_result: bool


_decode = msgspec.msgpack.Decoder(Message).decode


class WorkerProcess:
    """A fresh interpreter that runs tasks: it shares no memory, no lock and no socket with this one."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._output: BufferedByteReceiveStream | None = None

    async def __aenter__(self) -> Self:
        path = os.pathsep.join(entry for entry in sys.path if entry)
        # Where another worker ends the job meanwhile: asyncio leaves pipes of a process open that it opens.
        with anyio.CancelScope(shield=True):
            process = self._process = await anyio.open_process(
                _COMMAND, stderr=None, env={**os.environ, "PYTHONPATH": path}
            )
            if process.stdout is not None:
                self._output = BufferedByteReceiveStream(process.stdout)
        return self

    async def is_ready(self) -> bool:
        """Wait until it can take tasks; False where it ends before."""
        try:
            return self._output is not None and await self._output.receive_exactly(LENGTH.size) == READY
        except _GONE:
            return False

    @property
    def is_gone(self) -> bool:
        """It has ended."""
        return self._process is None or self._process.returncode is not None

    async def send(self, task: ShardTask) -> None:
        """Give it a task; one that is gone is noticed when it is listened to."""
        body = pickle.dumps(task)
        if self._process is not None and self._process.stdin is not None:
            with suppress(*_GONE):
                await self._process.stdin.send(LENGTH.pack(len(body)) + body)

    async def receive(self) -> tuple[ShardProgress, bool] | None:
        """Wait for what it tells next; None when it is gone."""
        try:
            if self._output is None:
                return None
            head = await self._output.receive_exactly(LENGTH.size)
            message = _decode(await self._output.receive_exactly(*LENGTH.unpack(head)))
        except _GONE:
            return None
        return message.progress, message.is_result

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it: at once, for what is not committed is collected again."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.kill()
        with anyio.CancelScope(shield=True):
            await self._process.aclose()
