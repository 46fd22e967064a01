"""``cloudplatform webhooks``: deliveries are verified, printed and forwarded; a subscription is removed."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from cloudplatform_async import WebhookVerifier
from cloudplatform_async.sandbox import Sandbox
from tests.tiers import slow

Run = Callable[..., tuple[int, str, str]]
SECRET = "whsec_Q0FOQVJZLXNlY3JldC1vZi10aGUtdGVzdA=="
BODY = b'{"id":"evt_1","type":"quota.raised","created_at":"2026-03-17T00:00:00Z","data":{"id":"q_1"}}'


def signed(body: bytes = BODY) -> dict[str, str]:
    """The headers of a genuine delivery."""
    return WebhookVerifier(SECRET).sign(body, id="msg_1")


def as_options(headers: dict[str, str]) -> list[str]:
    """Headers as they are typed."""
    return [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]


@pytest.fixture
def body(tmp_path: Path) -> Path:
    """The body of a delivery, in a file."""
    path = tmp_path / "body.json"
    path.write_bytes(BODY)
    return path


def test_a_genuine_delivery_is_shown(run: Run, body: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As its event."""
    monkeypatch.setenv("CLOUD_WEBHOOK_SECRET", SECRET)
    code, out, err = run("webhooks", "verify", str(body), *as_options(signed()), "-o", "json")
    assert (code, err, json.loads(out)["type"]) == (0, "", "quota.raised")


@pytest.mark.parametrize("damage", ["body", "id", "old", "none"])
def test_what_is_not_genuine_is_exit_11(
    run: Run, body: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    """One line, and nothing of the secret."""
    monkeypatch.setenv("CLOUD_WEBHOOK_SECRET", SECRET)
    headers = signed()
    if damage == "body":
        body.write_bytes(BODY + b" ")
    elif damage == "id":
        headers["webhook-id"] = "msg_2"
    elif damage == "old":
        headers = WebhookVerifier(SECRET).sign(BODY, id="msg_1", timestamp=1_600_000_000)
    else:
        headers = {}
    code, out, err = run("webhooks", "verify", str(body), *as_options(headers))
    assert (code, out, err.count("\n"), SECRET in err) == (11, "", 1, False)


@pytest.mark.parametrize("secret", ["", "nothing", "whsec_!"])
def test_a_secret_that_is_none_is_refused(
    run: Run, body: Path, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    """It is not repeated."""
    import io

    monkeypatch.setattr(sys, "stdin", io.StringIO(secret))
    code, _, err = run("webhooks", "verify", str(body), *as_options(signed()))
    assert (code, err.count("\n"), bool(secret) and secret in err) == (2, 1, False)


@pytest.mark.parametrize("target", ["localhost:8000", "ftp://x/", *slow("http://", "http://[x")])
def test_a_target_that_is_none_is_refused(run: Run, sandbox: Sandbox, target: str) -> None:
    """Before a subscription is made."""
    code, _, err = run("webhooks", "listen", "--forward-to", target)
    assert (code, err.count("\n"), sandbox.served) == (2, 1, 0)


@contextmanager
def listening(*words: str, **environment: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A command that listens, and its address."""
    command = [sys.executable, "-m", "cloudplatform_async", "webhooks", "listen", "-o", "ndjson", *words]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ) as process:
        assert process.stderr
        line = next(line for line in process.stderr if "Listening" in line)
        try:
            yield process, line.split()[2]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


class Endpoint(BaseHTTPRequestHandler):
    """An application of the user's own."""

    taken: list[tuple[bytes, str]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.taken.append((body, self.headers["webhook-signature"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def application() -> Iterator[tuple[str, list[tuple[bytes, str]]]]:
    """Its address, and what it took."""
    taken: list[tuple[bytes, str]] = []
    server = HTTPServer(("127.0.0.1", 0), type("Taking", (Endpoint,), {"taken": taken}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hooks", taken
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.slow
def test_deliveries_are_printed_and_forwarded_as_they_came(
    sandbox: Sandbox, application: tuple[str, list[tuple[bytes, str]]], tmp_path: Path
) -> None:
    """With their signature, for the application verifies too; the subscription is removed at the end."""
    url, taken = application
    made = json.dumps({"id": "whk_1", "url": "u", "secret": SECRET}).encode()
    sandbox.faults.add(status=201, body=made, method="POST", path="/v1/webhooks")
    sandbox.faults.add(status=204, method="DELETE", path="/v1/webhooks/whk_1")
    secret = tmp_path / "secret"
    with listening("--forward-to", url, "--secret-file", str(secret)) as (process, address):
        headers = signed()
        assert httpx.post(address, content=BODY, headers=headers).status_code == 204
        assert process.stdout
        assert json.loads(process.stdout.readline())["id"] == "evt_1"
        assert httpx.post(address, content=b"{}", headers=headers).status_code == 400
        assert httpx.post(address, content=b"x" * 2_000_000, headers=headers).status_code == 413
    assert process.returncode == 130
    assert taken == [(BODY, headers["webhook-signature"])]
    assert (secret.read_text(), secret.stat().st_mode & 0o777) == (SECRET, 0o600)
    last = sandbox.requests[-1]
    assert (last.method, last.path) == ("DELETE", "/v1/webhooks/whk_1")


@pytest.mark.slow
def test_without_subscriptions_it_receives_with_a_secret_of_the_users(sandbox: Sandbox) -> None:
    """An application that is gone is told, and the platform may try again."""
    sandbox.faults.add(status=404, path="/v1/webhooks")
    with Sandbox() as gone:
        url = gone.base_url
    with listening("--forward-to", url, CLOUD_WEBHOOK_SECRET=SECRET) as (process, address):
        assert httpx.post(address, content=BODY, headers=signed()).status_code == 502
    assert process.returncode == 130
    assert sandbox.served == 1


@pytest.mark.slow
def test_what_happens_on_the_platform_arrives_and_nothing_stays_subscribed(sandbox: Sandbox) -> None:
    """The whole way: subscribed, delivered, verified, printed, and the subscription removed by Ctrl-C."""
    headers = {"x-api-key": sandbox.api_key}
    with listening("--type", "project.*") as (process, address):
        subscriptions = httpx.get(f"{sandbox.base_url}/webhooks", headers=headers).json()["data"]
        assert [each["url"] for each in subscriptions] == [address]
        body = {"name": "N", "slug": "delivered"}
        httpx.post(f"{sandbox.base_url}/projects", json=body, headers=headers).raise_for_status()
        assert process.stdout
        event = json.loads(process.stdout.readline())
        assert (event["type"], event["data"]["slug"]) == ("project.created", "delivered")
    assert process.returncode == 130
    assert httpx.get(f"{sandbox.base_url}/webhooks", headers=headers).json()["data"] == []
