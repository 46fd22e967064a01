"""Servers that a job speaks with beside the platform, started by a test: Redis, and one that speaks S3."""

import logging
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen
from uuid import uuid4

import pytest


class Redis:
    """A real server on loopback."""

    def __init__(self) -> None:
        if shutil.which("redis-server") is None:
            pytest.skip("redis-server is not installed")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        """Serve from now on."""
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)  # the server has no other way to say that it listens
        raise TimeoutError

    def stop(self) -> None:
        """Be gone."""
        self.process.kill()
        self.process.wait()


@contextmanager
def s3_server() -> Iterator[str]:
    """Serve S3 with an empty bucket of the name ``bucket``; gives its address."""
    moto = pytest.importorskip("moto.server")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # else a line for each of thousands of requests
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    try:
        with urlopen(Request(f"{endpoint}/bucket", method="PUT"), timeout=10):
            pass
        yield endpoint
    finally:
        server.stop()


@contextmanager
def s3_store() -> Iterator[Any]:
    """Give a store of obstore over an S3 server."""
    stores = pytest.importorskip("obstore.store")
    with s3_server() as endpoint:
        yield stores.S3Store(
            "bucket",
            prefix=uuid4().hex,  # what an earlier test put there stays in this process
            endpoint=endpoint,
            access_key_id="k",
            secret_access_key="s",
            client_options={"allow_http": True},
        )
