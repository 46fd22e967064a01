"""The one type of a moment on the wire."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta


class _Aware:
    """Tells pydantic, where it is asked, what the line below tells msgspec."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> dict[str, Any]:
        return {"type": "datetime", "tz_constraint": "aware"}


AwareDatetime = Annotated[datetime, Meta(tz=True), _Aware()]
"""A datetime with its time zone; a naive one is refused when an answer is decoded."""
