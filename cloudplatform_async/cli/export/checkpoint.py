"""How far an export has come: one small file in the company of the target, replaced in one step."""

import os
from hashlib import blake2b
from pathlib import Path

import msgspec

from cloudplatform_async import ConfigurationError


class Checkpoint(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Where an export stands; everything before it is on disk.

    Attributes:
        list: Names the list, its filters, the format and the columns.
        resume_from: The paginator's checkpoint; ``None`` before the first row.
        rows: Written so far.
        size: Bytes of the unfinished file that belong to these rows.
        columns: Of CSV, in their order.
        complete: The target is whole.
    """

    list: str
    resume_from: str | None = None
    rows: int = 0
    size: int = 0
    columns: tuple[str, ...] = ()
    complete: bool = False


def list_name(*parts: object) -> str:
    """Name what is exported, without showing it."""
    return blake2b(msgspec.json.encode(parts), digest_size=12).hexdigest()


def read(path: Path, name: str) -> Checkpoint | None:
    """Read a checkpoint; ``None`` where there is none.

    Raises:
        ConfigurationError: It is another list's, or no checkpoint at all.
    """
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Checkpoint)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigurationError(f"{path} is no checkpoint of an export ({error}); remove it.") from None
    check(found, name, path)
    return found


def check(found: Checkpoint, name: str, path: Path) -> None:
    """Refuse the checkpoint of another list.

    Raises:
        ConfigurationError: It is another list's.
    """
    if found.list != name:
        raise ConfigurationError(
            f"{path} belongs to the export of another list, or to other filters, columns or a format; "
            "choose another file."
        )


def replace(path: Path, data: bytes) -> None:
    """Replace a file in one step, after its new content is on the disk."""
    new = path.with_name(path.name + ".new")
    with new.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(new, path)


def encode(checkpoint: Checkpoint) -> bytes:
    """Write a checkpoint as JSON."""
    return msgspec.json.encode(checkpoint)
