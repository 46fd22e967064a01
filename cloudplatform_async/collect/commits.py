"""Puts an object where there is none, in one step that one writer can win: on disk, and on object stores."""

import os
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from attrs import field, frozen

from cloudplatform_async import ConfigurationError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_TEMPORARY = ".tmp"
_WRITER = "writer"  # the attribute of an object that says whose it is
_TRIES = 8
_PAUSE = 0.1  # seconds before the first repetition; each further one waits twice as long


class Commit(Protocol):
    """Objects that are created whole and never changed; from any thread, process and machine.

    Example:
        >>> LocalCommit("out").create("done", b"")  # doctest: +SKIP
        True
    """

    def create(self, key: str, data: bytes) -> bool:
        """Put an object in one step; False where another writer's was first."""
        ...

    def read(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        """Give the bytes of an object from ``start`` to before ``end``."""
        ...

    def sizes(self, prefix: str = "") -> dict[str, int]:
        """List the objects whose key begins so, with their lengths in bytes."""
        ...

    def prepare(self) -> None:
        """See that objects can be created here as promised, before any work is done."""
        ...

    def sweep(self, prefix: str) -> None:
        """Remove what killed writers left behind of keys that begin so; nobody needs it any more."""
        ...


@frozen
class LocalCommit:
    """Files of one folder: each is written beside its place, synced, and linked there.

    A link is made by exactly one writer, and either wholly or not at all, also when the power fails.

    Attributes:
        path: Of the folder; made when it is needed.

    Example:
        >>> import tempfile
        >>> commit = LocalCommit(tempfile.mkdtemp())
        >>> commit.create("a.txt", b"mine"), commit.create("a.txt", b"yours")
        (True, False)
    """

    path: Path = field(converter=Path)

    def create(self, key: str, data: bytes) -> bool:
        """Put a file in one step; False where another writer's was first.

        Raises:
            OSError: The disk is full, or the folder cannot be written.
        """
        target = self.path / key
        if target.exists():
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{uuid4().hex}{_TEMPORARY}")
        try:
            with open(temporary, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            return self._link(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)

    def _link(self, temporary: Path, target: Path) -> bool:
        try:
            os.link(temporary, target)
        except FileExistsError:  # an NFS server may have made the link, and lost its answer
            if temporary.stat().st_nlink < 2:
                return False
        except FileNotFoundError:  # swept away: another writer has finished the whole shard
            if target.exists():
                return False
            raise
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return True

    def read(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        """Give the bytes of a file from ``start`` to before ``end``."""
        with open(self.path / key, "rb") as file:
            file.seek(start)
            return file.read() if end is None else file.read(end - start)

    def sizes(self, prefix: str = "") -> dict[str, int]:
        """List the files whose name begins so, with their lengths in bytes."""
        try:
            with os.scandir(self.path) as entries:
                return {
                    entry.name: entry.stat().st_size
                    for entry in entries
                    if entry.name.startswith(prefix) and not entry.name.startswith(".")
                }
        except FileNotFoundError:
            return {}

    def prepare(self) -> None:
        """Make the folder, and see that it has links.

        Raises:
            ConfigurationError: For a folder that cannot be written, or a file system without links.
        """
        probe = f".probe-{uuid4().hex}{_TEMPORARY}"
        try:
            self.create(probe, b"")
            (self.path / probe).unlink()
        except OSError as error:
            raise ConfigurationError(
                f"{self.path} cannot hold chunks ({error.strerror}): choose a folder on a file system "
                "that can be written and has hard links."
            ) from error

    def sweep(self, prefix: str) -> None:
        """Remove the temporary files of killed writers."""
        for path in self.path.glob(f".{prefix}*{_TEMPORARY}"):
            path.unlink(missing_ok=True)


@frozen
class ObjectStoreCommit:
    """Objects of a store of obstore (S3, Google, Azure, memory): each is put by a create-only put.

    Where it is not certain what became of a put (a timeout, a lost answer, a conflict with another one
    that was under way), the object itself is read and says whose it is.

    Attributes:
        store: Of obstore; its prefix is the folder.

    Example:
        >>> from obstore.store import MemoryStore  # doctest: +SKIP
        >>> ObjectStoreCommit(MemoryStore()).create("a.txt", b"mine")  # doctest: +SKIP
        True
    """

    store: "ObjectStore"

    def create(self, key: str, data: bytes) -> bool:
        """Put an object in one step; False where another writer's was first.

        Raises:
            ConfigurationError: The store cannot promise that.
            OSError: The store failed, again and again.
        """
        import obstore
        from obstore.exceptions import (
            AlreadyExistsError,
            BaseError,
            NotSupportedError,
            PermissionDeniedError,
            UnauthenticatedError,
        )
        from obstore.store import LocalStore

        last: BaseError | None = None
        # A folder has no attributes; nor does it lose an answer.
        note = {} if isinstance(self.store, LocalStore) else {_WRITER: uuid4().hex}
        for number in range(_TRIES):
            try:
                obstore.put(self.store, key, data, mode="create", attributes=note)
                return True
            except (NotImplementedError, NotSupportedError) as error:
                raise _no_create() from error
            except (PermissionDeniedError, UnauthenticatedError) as error:
                raise OSError(f"The object store refused {key!r}: {type(error).__name__}.") from error
            except BaseError as error:
                # A lost answer or a server in trouble: done or not. "Already exists" is 412, but with S3
                # also the 409 of two puts at one time, and the repetition of a put whose answer was lost.
                if "501 Not Implemented" in str(error):
                    raise _no_create() from error
                if not note and isinstance(error, AlreadyExistsError):
                    return False
                last = error
            with suppress(FileNotFoundError):
                return self._is_ours(key, data, note)
            time.sleep(_PAUSE * 2**number)
        raise OSError(f"The object store did not take {key!r}: {type(last).__name__}.") from last

    def _is_ours(self, key: str, data: bytes, note: Mapping[str, str]) -> bool:
        """Look whose the object is; by its bytes in a store that keeps no attributes."""
        import obstore

        with _as_os_errors():
            found = obstore.get(self.store, key)
            writer = found.attributes.get(_WRITER)
            return bytes(found.bytes()) == data if writer is None else writer == note.get(_WRITER)

    def read(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        """Give the bytes of an object from ``start`` to before ``end``."""
        import obstore

        with _as_os_errors():
            if end is None and not start:
                return bytes(obstore.get(self.store, key).bytes())
            last = obstore.head(self.store, key)["size"] if end is None else end
            return bytes(obstore.get_range(self.store, key, start=start, end=last))

    def sizes(self, prefix: str = "") -> dict[str, int]:
        """List the objects whose key begins so, with their lengths in bytes."""
        import obstore

        # A store lists whole segments of a path, so that a part of a name is looked for here.
        listed: Any = obstore  # some of its overloads are of pyarrow, which has no types
        with _as_os_errors():
            return {
                meta["path"]: meta["size"]
                for batch in listed.list(self.store, offset=prefix or None, chunk_size=1000)
                for meta in batch
                if meta["path"].startswith(prefix)
            }

    def prepare(self) -> None:
        """See that the store takes create-only puts, with an object that is removed again.

        Raises:
            ConfigurationError: For a store that does not, or that overwrites.
        """
        import obstore

        key, probe = f".probe-{uuid4().hex}", ObjectStoreCommit(_impatient(self.store))
        try:
            created = probe.create(key, b"first"), probe.create(key, b"second")
        except OSError as error:
            raise ConfigurationError(f"The object store cannot be written. {error}") from error
        with _as_os_errors():
            obstore.delete(self.store, key)
        if created != (True, False):
            raise _no_create()

    def sweep(self, prefix: str) -> None:
        """Do nothing: a put leaves nothing behind."""


def _impatient(store: Any) -> Any:
    """Make the same store without the minutes of retries that a server gets which says 501."""
    if not hasattr(store, "retry_config"):
        return store
    return type(store)(
        config=store.config,
        prefix=store.prefix,
        client_options=store.client_options,
        credential_provider=store.credential_provider,
        retry_config={"max_retries": 1},
    )


def _no_create() -> ConfigurationError:
    return ConfigurationError(
        "This object store has no create-only puts (If-None-Match: *), so that two writers could overwrite "
        "each other: choose another store, or a folder."
    )


@contextmanager
def _as_os_errors() -> Generator[None]:
    """Give failures of a store as what failures of a disk are."""
    from obstore.exceptions import BaseError

    try:
        yield
    except BaseError as error:
        raise OSError(f"The object store failed: {type(error).__name__}.") from error
