"""A platform that has events, and hands them out as badly as it is told to."""

import random
from collections.abc import Callable
from typing import Any

import anyio.lowlevel
import httpx
from attrs import define, field


def event(number: int, kind: str = "a.b") -> dict[str, Any]:
    """One event as it stands on the wire; its number tells its place and its minute."""
    moment = f"2026-03-{1 + number // 1440:02}T{number // 60 % 24:02}:{number % 60:02}:00Z"
    return {"id": f"evt_{number:05}", "type": kind, "created_at": moment, "data": {}, "api_version": "v1"}


def ids(*numbers: int) -> list[str]:
    """The ids of events."""
    return [f"evt_{number:05}" for number in numbers]


@define(eq=False)
class Feed(httpx.AsyncBaseTransport):
    """Serves ``GET /events``.

    Attributes:
        events: Oldest first.
        most: Events of a page, whatever is asked for.
        overlap: Events before the one asked after that a page shows again.
        script: Answers or errors that come before anything else; ``None`` is an honest answer, and what can
            be called is called before one.
        failing: Share of requests that are answered with 503, or whose answer is lost.
        queries: What was asked, one after the other.
    """

    events: list[dict[str, Any]] = field(factory=list)
    most: int = 100
    overlap: int = 0
    script: list[httpx.Response | Exception | Callable[[], object] | None] = field(factory=list)
    failing: float = 0.0
    dice: random.Random = field(factory=lambda: random.Random(1))
    queries: list[dict[str, Any]] = field(factory=list)

    def add(self, *numbers: int, kind: str = "a.b") -> None:
        """Let something happen."""
        self.events += [event(number, kind) for number in numbers]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Serve one page, or do what the script says."""
        query = {name: request.url.params.get_list(name) for name in request.url.params}
        self.queries.append(
            {name: values[0] if len(values) == 1 else values for name, values in query.items()}
        )
        scripted = self.script.pop(0) if self.script else None
        if isinstance(scripted, Exception):
            raise scripted
        if isinstance(scripted, httpx.Response):
            return scripted
        if scripted is not None:
            scripted()
            await anyio.lowlevel.checkpoint()
        if self.dice.random() < self.failing:
            if self.dice.random() < 0.5:
                return httpx.Response(503)
            raise httpx.ReadError("The answer was lost.")
        return self._page({name: values[0] for name, values in query.items()}, query.get("type", []))

    def _page(self, query: dict[str, str], types: list[str]) -> httpx.Response:
        rows = self.events
        if "after" in query:
            place = [row["id"] for row in rows].index(query["after"])
            rows = rows[max(0, place + 1 - self.overlap) :]
        if "since" in query:
            rows = [row for row in rows if row["created_at"] >= query["since"].replace("+00:00", "Z")]
        if types:
            rows = [row for row in rows if row["type"] in types]
        if query.get("order") == "desc":
            rows = rows[::-1]
        start = int(query.get("cursor", "0"))
        limit = min(self.most, int(query.get("limit", "20")))
        more = str(start + limit) if len(rows) > start + limit else None
        return httpx.Response(200, json={"data": rows[start : start + limit], "meta": {"next_cursor": more}})
