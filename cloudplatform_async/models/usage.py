"""Request counts and error rate of a span of days."""

from datetime import date
from typing import Annotated

from attrs import field, frozen
from msgspec import Meta

from cloudplatform_async.models.base import Model


@frozen(kw_only=True)
class Usage(Model):
    """What was used from the first to the last day of a window (API contract §4).

    Attributes:
        start: First day, included (``from`` on the wire).
        end: Last day, included (``to`` on the wire).
        requests: Requests served (0 or more).
        error_rate: Share of them that failed, 0 to 1.
    """

    start: date = field(metadata={"wire": "from"})
    end: date = field(metadata={"wire": "to"})
    requests: Annotated[int, Meta(ge=0)]
    error_rate: Annotated[float, Meta(ge=0, le=1)]
