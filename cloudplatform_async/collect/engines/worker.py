"""The other end of a worker process: what `local` starts, with this module as its program."""

import os
import pickle
import signal
import sys
from functools import partial
from typing import BinaryIO

import anyio
import msgspec
from anyio import to_thread

from cloudplatform_async.collect.engines.processes import LENGTH, READY, Message
from cloudplatform_async.collect.task import ShardProgress, ShardTask


def main() -> None:
    """Run tasks from standard input until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: whoever leads it decides
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what anybody prints goes where people look
    try:
        output.write(READY)
        output.flush()
        anyio.run(_serve, sys.stdin.buffer, output)
    except* BrokenPipeError:  # whoever started this was killed: nobody is left to whom to say so
        os._exit(1)


async def _serve(tasks: BinaryIO, output: BinaryIO) -> None:
    async with anyio.create_task_group() as group:
        while task := await to_thread.run_sync(_read, tasks):
            group.start_soon(_run, task, output)
        group.cancel_scope.cancel()  # nobody is left who would hear of it


def _read(tasks: BinaryIO) -> ShardTask | None:
    head = tasks.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    task: ShardTask = pickle.loads(tasks.read(*LENGTH.unpack(head)))  # noqa: S301 - of the parent process
    return task


async def _run(task: ShardTask, output: BinaryIO) -> None:
    _tell(output, await task.run(partial(_tell, output, is_result=False)))


def _tell(output: BinaryIO, progress: ShardProgress, *, is_result: bool = True) -> None:
    body = msgspec.msgpack.encode(Message(progress, is_result))
    output.write(LENGTH.pack(len(body)) + body)
    output.flush()


if __name__ == "__main__":
    main()
