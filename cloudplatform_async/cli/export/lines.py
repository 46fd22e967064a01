"""Exports that grow line by line beside their target: ndjson, CSV, and Parquet until it is put together."""

import csv
import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec

from cloudplatform_async import ConfigurationError
from cloudplatform_async.cli.export import checkpoint
from cloudplatform_async.cli.export.checkpoint import Checkpoint
from cloudplatform_async.cli.output.streams import say
from cloudplatform_async.cli.output.values import Columns, Row, cell

Finish = Callable[[Path, Path], None]


class Lines:
    """Rows in a file beside the target, which gets its name when all of them are there.

    Args:
        target: Where the export is to be.
        name: Of the list.
        columns: That were chosen.
        kind: How a row is written.
        finish: Makes the target of the finished lines; by default they are it.
    """

    def __init__(
        self,
        target: Path,
        name: str,
        columns: Columns,
        *,
        kind: Literal["ndjson", "csv"],
        finish: Finish | None = None,
    ) -> None:
        self._target = target
        self._part = target.with_name(target.name + ".part")
        self._beside = target.with_name(target.name + ".checkpoint")
        self._columns = columns
        self._is_csv = kind == "csv"
        self._finish = finish
        self._left_out: set[str] = set()
        self._name = name
        self._stream: BinaryIO

    def open(self, *, resume: bool) -> Checkpoint:
        """Begin, or go on where the checkpoint stands.

        Raises:
            ConfigurationError: There is nothing of this list to go on with.
        """
        found = checkpoint.read(self._beside, self._name) if resume else None
        if resume and found is None and self._target.exists():
            raise ConfigurationError(
                f"{self._target} is there without a checkpoint, so it may be another list's: "
                "leave out --resume to replace it, or choose another file."
            )
        if found is not None and found.complete and self._target.exists():
            return found
        if found is None or found.complete:
            found = Checkpoint(list=self._name)
        self._stream = self._reopened(found) if found.rows else self._part.open("wb")
        self._columns.names = found.columns or self._columns.names
        checkpoint.replace(self._beside, checkpoint.encode(found))
        return found

    def _reopened(self, found: Checkpoint) -> BinaryIO:
        try:
            stream = self._part.open("r+b")
        except FileNotFoundError:
            raise ConfigurationError(f"{self._part} is gone: start again without --resume.") from None
        if stream.seek(0, os.SEEK_END) < found.size:
            stream.close()
            raise ConfigurationError(f"{self._part} was cut: start again without --resume.")
        stream.seek(found.size)
        stream.truncate()  # what was written after the checkpoint comes again
        return stream

    def write(self, rows: Sequence[Row], standing: Checkpoint) -> None:
        """Add rows; they count from the next commit on."""
        self._columns.fit(rows)
        if self._is_csv:
            self._stream.write(self._csv(rows, header=not standing.rows))
        else:
            lines = (msgspec.json.encode(self._columns.of(row)) + b"\n" for row in rows)
            self._stream.write(b"".join(lines))
        standing.rows += len(rows)

    def _csv(self, rows: Sequence[Row], *, header: bool) -> bytes:
        names = self._columns.names
        if not self._columns.is_chosen:
            for row in rows:
                self._left_out |= row.keys() - set(names)
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        if header:
            writer.writerow(names)
        writer.writerows([cell(value) for value in self._columns.pick(row).values()] for row in rows)
        return text.getvalue().encode()

    def commit(self, standing: Checkpoint) -> None:
        """Make what was written last, and remember how far it goes."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        standing.size = self._stream.tell()
        standing.columns = self._columns.names if self._is_csv else ()
        checkpoint.replace(self._beside, checkpoint.encode(standing))

    def complete(self, standing: Checkpoint) -> None:
        """Give the target its name."""
        if self._is_csv and not standing.rows and self._columns.names:
            self._stream.write(self._csv([], header=True))
        self.commit(standing)
        self._stream.close()
        if self._finish is not None:
            self._finish(self._part, self._target)
            self._part.unlink()
        else:
            os.replace(self._part, self._target)
        standing.complete = True
        checkpoint.replace(self._beside, checkpoint.encode(standing))
        if self._left_out:
            names = ", ".join(sorted(self._left_out))
            say(f"warning: these fields came after the heading and are not in the file: {names}.")

    def close(self) -> None:
        """Close what is open."""
        if hasattr(self, "_stream"):
            self._stream.close()
