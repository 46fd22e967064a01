"""What the platform keeps of itself, by name: its clock, its keys and secrets."""

from cloudplatform_async.sandbox.storage.database import Database

_TABLE = "CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"


class Settings:
    """Texts by name."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create(_TABLE)

    def get(self, name: str) -> str | None:
        """The text under this name; None: there is none."""
        rows = self._database.read("SELECT value FROM settings WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    def set(self, name: str, value: str) -> None:
        """Keep this text."""
        self._database.write("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (name, value))

    def get_or_set(self, name: str, value: str) -> str:
        """The text under this name, which is `value` from now on if there was none."""
        kept = self.get(name)
        if kept is None:
            self.set(name, value)
        return value if kept is None else kept
