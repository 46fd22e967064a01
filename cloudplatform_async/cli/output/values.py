"""Rows as plain JSON values, their columns, and how one cell reads."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from cloudplatform_async import ConfigurationError

if TYPE_CHECKING:
    from jmespath.parser import ParsedResult

# A row is whatever JSON object the platform sent.
Row = Mapping[str, Any]


def plain(value: object) -> Any:
    """Turn what the client gives into JSON values: its models know how."""
    to_dict = getattr(value, "to_dict", None)
    return value if to_dict is None else to_dict()


class Columns:
    """The columns that a user chose, each a JMESPath expression; else those of the command.

    Args:
        chosen: As typed, separated by commas; ``None`` takes the default ones.
        default: Of the command; empty where rows may be anything.
        known: Names that a row can have; empty where it may be anything.

    Raises:
        ConfigurationError: For an expression that cannot be read, or begins with no field of these rows.
    """

    def __init__(self, chosen: str | None, default: Sequence[str], known: Sequence[str] = ()) -> None:
        self.is_chosen: bool = chosen is not None
        self.names: tuple[str, ...] = tuple(default) if chosen is None else _split(chosen)
        self._paths = {name: _path(name) for name in self.names if not name.isidentifier()}
        for name in self.names if known and self.is_chosen else ():
            if name.isidentifier() and name not in known:
                raise ConfigurationError(f"There is no column {name!r}; choose from {', '.join(known)}.")

    def fit(self, rows: Sequence[Row]) -> None:
        """Take the columns of rows of unknown kind from the first of them."""
        if not self.names:
            self.names = tuple(dict.fromkeys(name for row in rows for name in row))
        for name in self.names if self.is_chosen and rows else ():
            if name.isidentifier() and not any(name in row for row in rows):
                raise ConfigurationError(f"There is no column {name!r}; choose from {', '.join(rows[0])}.")

    def pick(self, row: Row) -> dict[str, Any]:
        """Give the chosen part of a row, in the order of the columns."""
        return {name: self._value(name, row) for name in self.names}

    def of(self, row: Row) -> Row:
        """Give what structured formats show of a row: all of it, unless columns were chosen."""
        return self.pick(row) if self.is_chosen else row

    def _value(self, name: str, row: Row) -> Any:
        path = self._paths.get(name)
        return row.get(name) if path is None else path.search(row)


def check_query(expression: str) -> None:
    """Check, before anything is sent, that a JMESPath expression can be read.

    Raises:
        ConfigurationError: It cannot.
    """
    _path(expression)


def search(expression: str, value: object) -> Any:
    """Apply a JMESPath expression to a whole result.

    Raises:
        ConfigurationError: It cannot be read, or does not fit the result.
    """
    from jmespath.exceptions import JMESPathError

    try:
        return _path(expression).search(value)
    except JMESPathError as error:
        raise ConfigurationError(f"--query {expression!r}: {_first_line(error)}") from None


def listed(value: object) -> list[Any] | None:
    """Give a list as one of anything; ``None`` for what is none."""
    return list(cast("Sequence[Any]", value)) if isinstance(value, list) else None


# A JSON value.
def cell(value: Any, *, name: str = "", utc: bool = False, short: bool = False) -> str:
    """Write one value as a text: nothing for null, JSON for what is nested.

    Args:
        value: A JSON value.
        name: Of its column; one that ends in ``_at`` is a moment.
        utc: Show moments in UTC, not in local time.
        short: To the minute, for people; else in full, with the offset.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return _moment(value, utc=utc, short=short) if name.endswith("_at") else value
    if isinstance(value, dict) and short:
        inside = cast("dict[str, Any]", value)
        return " ".join(f"{key}:{cell(inner)}" for key, inner in inside.items())
    from msgspec import json

    return json.encode(value).decode()


def _moment(text: str, *, utc: bool, short: bool) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    if moment.tzinfo is None:
        return text
    there = moment.astimezone(UTC if utc else None)
    return f"{there:%Y-%m-%d %H:%M}" if short else there.isoformat().replace("+00:00", "Z")


def _split(chosen: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in chosen.split(","))
    if not all(names):
        raise ConfigurationError(
            f"--columns takes names separated by commas, such as id,name; not {chosen!r}."
        )
    return names


def _path(expression: str) -> "ParsedResult":
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        return jmespath.compile(expression)
    except JMESPathError as error:
        raise ConfigurationError(f"{expression!r} is no JMESPath expression: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
