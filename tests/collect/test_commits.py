"""An object is created whole, by one writer, and it is always certain by whom."""

import errno
import os
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cloudplatform_async import ConfigurationError
from cloudplatform_async.collect import LocalCommit, ObjectStoreCommit, csv, ndjson, parquet, sqlite
from tests.collect.servers import s3_store


def test_the_first_writer_wins(tmp_path: Path) -> None:
    """A second one is told so, and changes nothing."""
    commit = LocalCommit(tmp_path)
    assert commit.create("a.txt", b"mine")
    assert not commit.create("a.txt", b"yours")
    assert commit.read("a.txt") == b"mine"


def test_of_many_writers_at_one_time_one_wins(tmp_path: Path) -> None:
    """What is there is what the winner wrote, whole."""
    commit, barrier = LocalCommit(tmp_path), threading.Barrier(8)

    def write(number: int) -> bool:
        barrier.wait()
        return commit.create("a.txt", bytes([number]) * 100_000)

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(write, range(8)))
    assert won.count(True) == 1
    assert commit.read("a.txt") == bytes([won.index(True)]) * 100_000
    assert commit.sizes() == {"a.txt": 100_000}


def test_a_writer_that_is_killed_leaves_nothing_that_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its last step an object has another suffix; a sweep takes that away."""
    commit = LocalCommit(tmp_path)
    (tmp_path / ".a.txt.0123.tmp").write_bytes(b"half of i")
    assert commit.sizes() == {}
    commit.sweep("b")
    assert len(list(tmp_path.iterdir())) == 1
    commit.sweep("a")
    assert list(tmp_path.iterdir()) == []


def test_a_link_whose_answer_was_lost_counts_as_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file server repeats a request whose answer was lost, and then says that the name is taken: by us."""
    link = os.link

    def twice(source: Path, target: Path) -> None:
        link(source, target)
        raise FileExistsError(errno.EEXIST, "File exists", str(target))

    monkeypatch.setattr(os, "link", twice)
    assert LocalCommit(tmp_path).create("a.txt", b"mine")


def test_a_file_swept_before_its_link_is_lost_to_who_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever finished a shard sweeps away what slower writers of it still hold."""

    def swept(source: Path, target: Path) -> None:
        Path(source).unlink()
        Path(target).write_bytes(b"theirs")
        raise FileNotFoundError(errno.ENOENT, "No such file", str(source))

    monkeypatch.setattr(os, "link", swept)
    assert not LocalCommit(tmp_path).create("a.txt", b"mine")


def test_a_file_system_without_links_is_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is fetched."""

    def refused(source: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    with pytest.raises(ConfigurationError, match="hard links"):
        LocalCommit(tmp_path).prepare()
    assert list(tmp_path.iterdir()) == []


def test_preparing_a_folder_leaves_nothing_in_it(tmp_path: Path) -> None:
    """The folder is made, and found to be one that can be written."""
    LocalCommit(tmp_path / "new").prepare()
    assert list((tmp_path / "new").iterdir()) == []


def test_an_object_store_has_one_winner_too() -> None:
    """The second writer is told so, and changes nothing."""
    store = pytest.importorskip("obstore.store").MemoryStore()
    commit = ObjectStoreCommit(store)
    commit.prepare()
    assert commit.create("a-1.txt", b"mine")
    assert not commit.create("a-1.txt", b"yours")
    assert commit.read("a-1.txt", 1, 3) == b"in"
    assert commit.sizes("a") == {"a-1.txt": 4}
    assert commit.sizes("b") == {}


@pytest.mark.parametrize("kind", ["MemoryStore", "LocalStore", pytest.param("S3", marks=pytest.mark.slow)])
def test_of_many_writers_of_the_same_bytes_one_wins(kind: str, tmp_path: Path) -> None:
    """It is the writer that counts: who lost is told so, though what it has to say is there."""
    stores = pytest.importorskip("obstore.store")
    made = {"MemoryStore": stores.MemoryStore, "LocalStore": lambda: stores.LocalStore(tmp_path)}
    with s3_store() if kind == "S3" else nullcontext(made[kind]()) as store:
        commit, barrier = ObjectStoreCommit(store), threading.Barrier(8)
        commit.prepare()

        def write(_: int) -> bool:
            barrier.wait()
            return commit.create("a.txt", b"ours")

        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(write, range(8)))
        assert won.count(True) == 1
        assert not commit.create("a.txt", b"ours")
        assert commit.sizes() == {"a.txt": 4}


Script = Callable[["Bucket", str, bytes], int | None]


class Bucket:
    """An S3 server that answers puts as a script says; None is no answer at all."""

    def __init__(self, script: Script) -> None:
        self.objects: dict[str, bytes] = {}
        self.puts = 0
        self.script = script

    def put(self, key: str, body: bytes) -> int | None:
        """Answer a put."""
        self.puts += 1
        return self.script(self, key, body)


def handler_of(bucket: Bucket) -> type[BaseHTTPRequestHandler]:
    """Speak as much of S3's HTTP as a put and a get need."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            assert self.headers["if-none-match"] == "*"
            status = bucket.put(self.path.rpartition("/")[2], body)
            if status is None:
                self.close_connection = True
            else:
                self._answer(status, b"")

        def do_GET(self) -> None:
            found = bucket.objects.get(self.path.rpartition("/")[2])
            self._answer(404 if found is None else 200, found or b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            for key in re.findall("<Key>(.*?)</Key>", body):
                del bucket.objects[key]
            self._answer(200, b"<DeleteResult><Deleted><Key>k</Key></Deleted></DeleteResult>")

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", '"1"')
            self.send_header("Last-Modified", "Mon, 02 Mar 2026 00:00:00 GMT")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def served(script: Script) -> Iterator[tuple[Bucket, ObjectStoreCommit]]:
    """Serve a bucket on loopback."""
    stores = pytest.importorskip("obstore.store")
    bucket = Bucket(script)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(bucket))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        store = stores.S3Store(
            "bucket",
            endpoint=f"http://127.0.0.1:{server.server_port}",
            access_key_id="k",
            secret_access_key="s",
            client_options={"allow_http": True},
            retry_config={"max_retries": 0},
        )
        yield bucket, ObjectStoreCommit(store)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloudplatform_async.collect.commits._PAUSE", 0.0)


def test_a_put_that_met_another_one_is_tried_again() -> None:
    """409 means that two puts were under way, and nobody has won yet."""

    def script(bucket: Bucket, key: str, body: bytes) -> int:
        if bucket.puts == 1:
            return 409
        bucket.objects[key] = body
        return 200

    with served(script) as (bucket, commit):
        assert commit.create("a", b"mine")
    assert bucket.puts == 2


def test_a_put_that_came_second_is_lost() -> None:
    """412 means that the object is there."""

    def script(bucket: Bucket, key: str, body: bytes) -> int:
        bucket.objects[key] = b"theirs"
        return 412

    with served(script) as (bucket, commit):
        assert not commit.create("a", b"mine")
    assert bucket.puts == 1


@pytest.mark.parametrize("status", [None, 500, 412])
def test_a_put_whose_answer_was_lost_is_looked_up(status: int | None) -> None:
    """What is there is ours, whatever became of the answer, and however often the put was repeated."""

    def script(bucket: Bucket, key: str, body: bytes) -> int | None:
        bucket.objects[key] = body
        return status

    with served(script) as (bucket, commit):
        assert commit.create("a", b"mine")
    assert bucket.puts == 1


def test_a_put_that_never_arrived_is_tried_again() -> None:
    """No answer and no object: it was not done."""

    def script(bucket: Bucket, key: str, body: bytes) -> int | None:
        if bucket.puts < 3:
            return None
        bucket.objects[key] = body
        return 200

    with served(script) as (bucket, commit):
        assert commit.create("a", b"mine")
    assert bucket.puts == 3


def test_a_store_that_fails_for_good_is_an_error_of_the_system() -> None:
    """As a full disk is; the shard is tried again by the next run."""
    with served(lambda bucket, key, body: 503) as (_, commit), pytest.raises(OSError, match="did not take"):
        commit.create("a", b"mine")


def test_a_store_that_refuses_the_credentials_is_asked_once() -> None:
    """To ask again would change nothing."""
    with served(lambda bucket, key, body: 403) as (bucket, commit):
        with pytest.raises(OSError, match="refused"):
            commit.create("a", b"mine")
        with pytest.raises(ConfigurationError, match="cannot be written"):
            commit.prepare()
    assert bucket.puts == 2


def test_a_store_without_create_only_puts_is_refused_at_the_start() -> None:
    """501 means that the store cannot promise what the job needs."""
    with (
        served(lambda bucket, key, body: 501) as (_, commit),
        pytest.raises(ConfigurationError, match="create-only"),
    ):
        commit.prepare()


def test_a_store_that_overwrites_is_refused_at_the_start() -> None:
    """It does not heed the condition, and would lose rows."""

    def script(bucket: Bucket, key: str, body: bytes) -> int:
        bucket.objects[key] = body
        return 200

    with served(script) as (bucket, commit):
        with pytest.raises(ConfigurationError, match="create-only"):
            commit.prepare()
        assert bucket.objects == {}


@pytest.mark.parametrize("sink", [csv, ndjson, parquet, sqlite])
def test_a_url_is_refused_at_once_and_not_repeated(sink: Callable[[str], object]) -> None:
    """It would be a folder of that name on this machine; and it may hold a secret."""
    with pytest.raises(ConfigurationError, match=r"not a URL \(s3://…\): .*from_url") as caught:
        sink("s3://key:hush@bucket/rows")
    assert "hush" not in str(caught.value)
