"""The table of API keys, access tokens and refresh tokens."""

from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

from attrs import field, frozen

from cloudplatform_async.sandbox.storage.database import Database

Kind: TypeAlias = Literal["key", "token", "refresh"]
_TABLE = """
CREATE TABLE IF NOT EXISTS credentials (
    value TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    owner TEXT NOT NULL,
    scopes TEXT NOT NULL,
    expires_at REAL
) WITHOUT ROWID
"""


@frozen(kw_only=True)
class KeptCredential:
    """A credential as it is kept."""

    value: str = field(repr=False)
    owner: str
    scopes: frozenset[str]
    expires_at: float | None


def read_credentials(database: Database, kind: Kind) -> Iterator[KeptCredential]:
    """All of one kind; makes the table where it is missing."""
    database.create(_TABLE)
    query = "SELECT value, owner, scopes, expires_at FROM credentials WHERE kind = ?"
    for value, owner, scopes, expires_at in database.read(query, (kind,)):
        yield KeptCredential(
            value=value, owner=owner, scopes=frozenset(scopes.split()), expires_at=expires_at
        )


def keep_credential(
    database: Database, kind: Kind, value: str, owner: str, scopes: Iterable[str], expires_at: float | None
) -> None:
    """Keep a new one."""
    columns = "(value, kind, owner, scopes, expires_at)"
    values = (value, kind, owner, " ".join(scopes), expires_at)
    database.write(f"INSERT INTO credentials {columns} VALUES (?, ?, ?, ?, ?)", values)  # noqa: S608 - constant


def drop_credential(database: Database, value: str) -> None:
    """Forget one; an unknown one changes nothing."""
    database.write("DELETE FROM credentials WHERE value = ?", (value,))
