"""What the page shows, as one JSON object of sections, and as a stream of those that changed."""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta

import anyio
import msgspec
from attrs import define

from cloudplatform_async.sandbox.page.controls import Controls
from cloudplatform_async.sandbox.platform.state import Platform
from cloudplatform_async.sandbox.serving.records import ServedRequest

ROWS = 50
REQUESTS = 200
DAYS = 14
TICK = 0.2  # seconds between two looks at what changed: to a person this is at once
HEARTBEAT = 75  # ticks without a change after which a comment is sent, so that a dead connection is noticed


@define
class Snapshots:
    """Looks at the platform for the page."""

    _platform: Platform
    _controls: Controls

    def state(self) -> dict[str, object]:
        """All sections."""
        return {name: look() for name, look in self._sections().items()}

    async def stream(self) -> AsyncIterator[bytes]:
        """Server-sent events: each a JSON object of the sections that changed, all of them at first.

        Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
        """
        sent: dict[str, bytes] = {}
        quiet = 0
        while True:
            now = {name: msgspec.json.encode(look()) for name, look in self._sections().items()}
            changed = {name: msgspec.Raw(text) for name, text in now.items() if sent.get(name) != text}
            sent, quiet = now, quiet + 1
            if changed:
                yield b"data: %b\n\n" % msgspec.json.encode(changed)
                quiet = 0
            elif quiet == HEARTBEAT:
                yield b": still here\n\n"
                quiet = 0
            await anyio.sleep(TICK)

    def _sections(self) -> Mapping[str, Callable[[], object]]:
        self._platform.schedule.catch_up()
        return {
            "settings": self._settings,
            "faults": self._controls.faults,
            "clock": self._controls.clock,
            "projects": lambda: self._newest("projects"),
            "runs": lambda: self._newest("runs"),
            "events": lambda: self._newest("events"),
            "webhooks": lambda: self._newest("webhooks"),
            "deliveries": lambda: self._newest("deliveries"),
            "requests": self._requests,
            "usage": self._usage,
        }

    def _settings(self) -> object:
        server = self._platform.authorization_server
        return {
            **self._controls.settings(),
            "api_key": self._platform.api_key,
            "client_id": server.client_id,
            "client_secret": server.client_secret,
            "webhook_secret": self._platform.webhook_secret,
            "rate_limit": self._platform.limits.limit,
        }

    def _newest(self, table: str) -> object:
        database = self._platform.database
        select = f"SELECT document FROM {table} ORDER BY seq DESC LIMIT ?"  # noqa: S608 - constant names
        rows = database.read(select, (ROWS,))
        total = database.total(f"SELECT count(*) FROM {table}")  # noqa: S608 - constant names
        return {"total": total, "data": [msgspec.Raw(row[0].encode()) for row in rows]}

    def _requests(self) -> object:
        records = self._platform.records
        return {"total": records.total, "data": [_request(served) for served in records.latest(REQUESTS)]}

    def _usage(self) -> object:
        today = datetime.fromtimestamp(self._platform.clock(), UTC).date()
        days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
        counts = [self._platform.records.usage(day, day) for day in days]
        return [
            {"day": day.isoformat(), "requests": count.requests, "errors": count.errors}
            for day, count in zip(days, counts, strict=True)
        ]


def _request(served: ServedRequest) -> Mapping[str, object]:
    return {
        "id": served.request_id,
        "method": served.method,
        "path": served.path,
        "query": served.query,
        "headers": dict(served.headers),
        "body": served.body.decode(errors="replace"),
        "status": served.status,
        "time": served.time,
        "elapsed": served.elapsed,
        "fault": served.fault,
    }
