"""The one type of a moment on the wire."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

AwareDatetime = Annotated[datetime, Meta(tz=True)]
"""A datetime with its time zone; a naive one is refused when an answer is decoded."""
