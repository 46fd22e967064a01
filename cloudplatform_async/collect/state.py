"""Where a shard stands: what each committed chunk says, beside its rows."""

from collections.abc import Callable
from uuid import uuid4

import msgspec


class ShardState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """After the last committed chunk of a shard.

    Attributes:
        chunks: Committed so far; the next chunk has this number.
        rows: In all of them.
        checkpoint: Of the walk after the last row; empty at the start.
        done: Nothing follows.
        writer: Tells two writers of the same chunk apart.
    """

    chunks: int = 0
    rows: int = 0
    checkpoint: str = ""
    done: bool = False
    writer: str = ""

    def after(self, rows: int, checkpoint: str, *, done: bool) -> "ShardState":
        """Make the state after one more chunk."""
        return ShardState(
            chunks=self.chunks + 1,
            rows=self.rows + rows,
            checkpoint=checkpoint,
            done=done,
            writer=uuid4().hex,
        )

    def encode(self) -> bytes:
        """Write it as one line of JSON."""
        return msgspec.json.encode(self)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What a target holds of a shard.

    Attributes:
        state: After the last chunk.
        bytes: Of all chunks.
    """

    state: ShardState = ShardState()
    bytes: int = 0


decode_state: Callable[[bytes | str], ShardState] = msgspec.json.Decoder(ShardState).decode
