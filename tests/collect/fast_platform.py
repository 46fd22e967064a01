"""A platform that gives a million projects faster than a client can take them; run as a process of its own.

``python -m tests.collect.fast_platform --rows 25000 --faults 0.02 --limit 100`` prints its port.
``/stats`` tells what it has served.
"""

import argparse
import asyncio
import json
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

ROW = (
    '{"id":"prj_%(shard)s_%(number)07d","name":"project %(number)d","slug":"project-%(shard)s-%(number)d",'
    '"status":"active","labels":{"team":"core"},"created_at":"2026-03-01T00:00:00Z",'
    '"updated_at":"2026-03-01T00:00:00Z"}'
)
PAGES = 512  # made pages that are kept


class Platform:
    """What all connections share.

    Args:
        rows: Of each value of the filter ``label``.
        faults: Share of the answers that are 503 or lost, half and half.
        limit: Requests in any second; 0 sets none.
        lifetime: Seconds that an access token serves.
    """

    def __init__(self, rows: int, faults: float, limit: int, lifetime: float) -> None:
        self.rows, self.faults, self.limit, self.lifetime = rows, faults, limit, lifetime
        self.counts: Counter[str] = Counter()
        self.dice = Random(0)
        self.recent: deque[float] = deque()
        self.span: dict[str, float] = {}
        self.pages: dict[tuple[str, int, int], bytes] = {}

    def answer(self, target: str) -> bytes | None:
        """Answer a request; None: not at all."""
        parts = urlsplit(target)
        if parts.path == "/stats":
            return answer(200, json.dumps({**self.counts, **self.span}).encode())
        if parts.path == "/token":
            self.counts["tokens"] += 1
            token = {"access_token": f"t{self.counts['tokens']}", "expires_in": self.lifetime}
            return answer(200, json.dumps({**token, "token_type": "Bearer"}).encode())
        now = asyncio.get_running_loop().time()
        self.counts["requests"] += 1
        self.span = {"first": self.span.get("first", now), "last": now}
        if self.limit and not self.let_in(now):
            self.counts["rejected"] += 1
            return answer(429, b'{"error":{"code":"rate_limited","message":"slow"}}', b"Retry-After: 1\r\n")
        if self.dice.random() < self.faults:
            self.counts["faults"] += 1
            lost = self.dice.random() < 0.5
            return None if lost else answer(503, b'{"error":{"code":"busy","message":"busy"}}')
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        return self.page(query.get("label", "all"), int(query.get("page", 1)), int(query.get("limit", 100)))

    def let_in(self, now: float) -> bool:
        """Let no more in than the limit within any second."""
        while self.recent and self.recent[0] <= now - 1:
            self.recent.popleft()
        if len(self.recent) >= self.limit:
            return False
        self.recent.append(now)
        return True

    def page(self, label: str, page: int, limit: int) -> bytes:
        """Make a page, or take it from the latest ones."""
        key = label, page, limit
        if key not in self.pages:
            numbers = range((page - 1) * limit, min(page * limit, self.rows))
            shard = label.rpartition(":")[2]
            data = ",".join(ROW % {"shard": shard, "number": number} for number in numbers)
            paging = json.dumps({"page": page, "limit": limit, "total": self.rows})
            if len(self.pages) >= PAGES:
                del self.pages[next(iter(self.pages))]
            self.pages[key] = answer(200, f'{{"data":[{data}],"pagination":{paging}}}'.encode())
        return self.pages[key]


def answer(status: int, body: bytes, headers: bytes = b"") -> bytes:
    """Write an HTTP answer."""
    head = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n"
    return head % (status, headers, len(body)) + body


class Connection(asyncio.Protocol):
    """One connection of a client."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each whole request; the bodies that are sent here have a length."""
        self.received += data
        while b"\r\n\r\n" in self.received:
            head, _, rest = self.received.partition(b"\r\n\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
            length = int(fields.get(b"content-length", 0))
            if len(rest) < length:
                return
            self.received = rest[length:]
            reply = self.platform.answer(head.split(b" ", 2)[1].decode())
            if reply is None:
                self.transport.abort()
                return
            self.transport.write(reply)


@contextmanager
def fast_platform(**options: float) -> Iterator[str]:
    """Run a platform in a process of its own; gives its origin."""
    arguments = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "tests.collect.fast_platform", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def stats(origin: str) -> Counter[str]:
    """Ask a platform what it has served, and when the first and last request came, in seconds."""
    with urlopen(f"{origin}/stats", timeout=10) as told:
        return Counter(json.load(told))


async def main(platform: Platform) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(platform), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--faults", type=float, default=0.0)
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--lifetime", type=float, default=3600.0)
    asyncio.run(main(Platform(**vars(parser.parse_args()))))
