"""The Dask cluster of ``--workers``: connected to when there is work, so that a finished job needs none."""

import logging
import re
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import Any

import anyio
from anyio import to_thread
from attrs import frozen

from cloudplatform_async import ConfigurationError
from cloudplatform_async.cli.output.streams import say
from cloudplatform_async.collect import ShardTask, dask
from cloudplatform_async.collect.engines.executors import Observer

_ADDRESS = re.compile(r"(tcp|tls|ws|wss|ucx)://[^/@\s]+:[0-9]{1,5}/?")
_SECONDS = 10.0  # in which a scheduler answers


@frozen
class Cluster:
    """An executor.

    Attributes:
        address: Of the scheduler.
    """

    address: str

    def __attrs_post_init__(self) -> None:
        if not _ADDRESS.fullmatch(self.address):
            raise ConfigurationError("--workers is the address of a scheduler, such as tcp://127.0.0.1:8786.")
        try:
            import_module("distributed")
        except ImportError:
            raise ConfigurationError(
                "--workers needs the extra `dask`: pip install 'cloudplatform-async[dask]'"
            ) from None

    async def run(self, tasks: Sequence[ShardTask], observer: Observer) -> None:
        """Run every task to its end.

        Raises:
            ConfigurationError: There is no such scheduler, or it went away.
        """
        client = await to_thread.run_sync(self._connected)
        try:
            if not client.scheduler_info()["workers"]:
                say(f"{self.address} has no worker yet: waiting for one.")
            await dask(client).run(tasks, observer)
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(partial(client.close, timeout=_SECONDS))

    def _connected(self) -> Any:
        distributed: Any = import_module("distributed")  # it has no types of its own
        for name in tuple(logging.root.manager.loggerDict):  # of these several have levels of their own
            if name.startswith("distributed"):
                logging.getLogger(name).setLevel(logging.CRITICAL)  # what goes wrong is said once, by us
        try:
            return distributed.Client(self.address, timeout=_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            why = str(error).partition("\n")[0]
            raise ConfigurationError(f"There is no Dask scheduler at {self.address}: {why}.") from None
