"""``cloudplatform doctor``: names the cause of each seeded misconfiguration, what to do, and no secret."""

import base64
import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

from cloudplatform_async.sandbox import Sandbox

Run = Callable[..., tuple[int, str, str]]
CANARY = "cp_live_CANARY"


def examined(run: Run, *options: str) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit code, and what was found by check; secrets are looked for in all of it."""
    code, out, err = run("doctor", "--json", *options)
    assert (err, CANARY in out) == ("", False)
    report = json.loads(out)
    assert (report["ok"], report["exit_code"]) == (code == 0, code)
    return code, {check["check"]: check for check in report["checks"]}


def problem(run: Run, *options: str) -> tuple[int, str, str, str]:
    """Exit code, check, words and advice of the one problem that there is."""
    code, checks = examined(run, *options)
    problems = [check for check in checks.values() if check["state"] == "problem"]
    assert len(problems) == 1
    assert problems[0]["advice"]
    return code, problems[0]["check"], problems[0]["found"], problems[0]["advice"]


def test_where_all_is_well_it_says_so(run: Run, sandbox: Sandbox) -> None:
    """Each setting with its source, and what is left of the rate limit."""
    code, checks = examined(run)
    assert (code, {check["state"] for check in checks.values()} <= {"ok", "unknown"}) == (0, True)
    assert "CLOUD_API_KEY of the environment" in checks["api_key"]["found"]
    assert checks["rate limit"]["found"].startswith("599 of 600")
    assert {
        "versions",
        "base_url",
        "proxy",
        "DNS",
        "TCP",
        "TLS",
        "clock",
        "credentials",
        "scopes",
    } <= checks.keys()


def test_for_people_it_is_lines_with_an_arrow_to_the_cure(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong stands out."""
    monkeypatch.setenv("CLOUD_API_KEY", CANARY)
    code, out, _ = run("doctor")
    assert (code, "WRONG  credentials" in out, "-> " in out, CANARY in out) == (3, True, True, False)


def test_no_credentials(run: Run) -> None:
    """Misconfiguration 1."""
    code, check, found, _ = problem(run)
    assert (code, check, "CLOUD_API_KEY" in found) == (2, "settings", True)


def test_a_base_url_without_its_version(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Misconfiguration 2: the right one is shown."""
    monkeypatch.setenv("CLOUD_API_KEY", CANARY)
    code, check, found, _ = problem(run, "--base-url", "https://api.example")
    assert (code, check, "https://api.example/v1" in found) == (2, "settings", True)


def test_a_password_in_the_base_url(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Misconfiguration 3, and it is not repeated."""
    monkeypatch.setenv("CLOUD_API_KEY", "k")
    code, check, _, _ = problem(run, "--base-url", f"https://me:{CANARY}@api.example/v1")
    assert (code, check) == (2, "settings")


@pytest.mark.parametrize("content", [None, b"OTHER=1\n", b"\xff\xff\xff"])
def test_an_env_file_that_says_nothing(
    run: Run, sandbox: Sandbox, tmp_path: Path, content: bytes | None
) -> None:
    """Misconfiguration 4: not there, without a name that counts, or no text."""
    path = tmp_path / "missing.env"
    if content is not None:
        path.write_bytes(content)
    code, checks = examined(run, "--env-file", str(path))
    assert (code, checks["env file"]["state"]) == (2, "problem")


def test_a_name_without_an_address(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Misconfiguration 5."""
    monkeypatch.setenv("CLOUD_API_KEY", CANARY)

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    code, check, found, _ = problem(run, "--base-url", "https://api.exmaple/v1")
    assert (code, check, "api.exmaple" in found) == (7, "DNS", True)


def test_a_port_where_nobody_listens(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Misconfiguration 6."""
    monkeypatch.setenv("CLOUD_API_KEY", CANARY)
    with Sandbox() as gone:
        url = gone.base_url
    code, check, found, _ = problem(run, "--base-url", url)
    assert (code, check, url.split("/")[2] in found) == (7, "TCP", True)


def test_a_proxy_that_is_gone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Misconfiguration 7: the proxy is named, without its password."""
    with Sandbox() as gone:
        port = gone.base_url.split(":")[2].split("/")[0]
    monkeypatch.setenv("CLOUD_API_KEY", CANARY)
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:{CANARY}@127.0.0.1:{port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    code, check, found, _ = problem(run, "--base-url", "https://api.example/v1")
    assert (code, check, port in found) == (7, "proxy TCP", True)


@pytest.mark.parametrize("proxy", [f"http://me:{CANARY}/x@proxy:80", f"http://me:{CANARY}@[proxy:80"])
def test_a_proxy_whose_address_is_none(run: Run, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    """Misconfiguration 7: a password with a slash in it is not taken for a port, nor shown as one."""
    monkeypatch.setenv("CLOUD_API_KEY", "key")
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    code, check, _, advice = problem(run, "--base-url", "https://api.example/v1")
    assert (code, check, "percent-encoded" in advice) == (7, "proxy", True)


@pytest.fixture
def stranger() -> Iterator[int]:
    """A port that speaks TLS with a certificate that nobody trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # clients hang up on it
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_certificate_that_nobody_trusts(run: Run, stranger: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Misconfiguration 8: the advice names what a company's proxy needs."""
    monkeypatch.setenv("CLOUD_API_KEY", CANARY)
    code, check, found, advice = problem(run, "--base-url", f"https://localhost:{stranger}/v1")
    assert (code, check, "not trusted" in found, "SSL_CERT_FILE" in advice) == (7, "TLS", True, True)


def test_a_wrong_key(run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Misconfiguration 9."""
    monkeypatch.setenv("CLOUD_API_KEY", CANARY)
    code, check, found, _ = problem(run)
    assert (code, check, "invalid_api_key" in found) == (3, "credentials", True)


def jwt(**claims: object) -> str:
    """A token that says something of itself."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, claims)
    ]
    return ".".join([*parts, CANARY])


def test_a_token_that_has_ended(run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Misconfiguration 10: told from the token itself."""
    monkeypatch.setenv("CLOUD_ACCESS_TOKEN", jwt(exp=time.time() - 60))
    code, checks = examined(run)
    assert (code, checks["token"]["state"], "expired" in checks["token"]["found"]) == (3, "problem", True)


def test_a_scope_that_is_missing(run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Misconfiguration 11: each one is named."""
    monkeypatch.delenv("CLOUD_API_KEY")
    monkeypatch.setenv("CLOUD_ACCESS_TOKEN", sandbox.issue_token(scopes=["projects:read"]))
    code, check, found, _ = problem(run)
    assert (code, check, "usage:read" in found, "projects:read" in found) == (4, "scopes", True, False)


def test_a_clock_that_is_wrong(run: Run, sandbox: Sandbox) -> None:
    """Misconfiguration 12: by how much, and in which direction."""
    body = b'{"data": [], "meta": {"next_cursor": null}}'
    headers = {"date": "Mon, 02 Mar 2020 00:00:00 GMT", "content-type": "application/json"}
    sandbox.faults.add(status=200, body=body, headers=headers, path="/v1/projects", times=1)
    code, check, found, _ = problem(run)
    assert (code, check, "ahead of" in found) == (1, "clock", True)


def test_a_limit_that_is_used_up(run: Run, sandbox: Sandbox) -> None:
    """Misconfiguration 13."""
    sandbox.faults.add(status=429, headers={"retry-after": "17"})
    code, check, _, advice = problem(run)
    assert (code, check, "17 s" in advice) == (6, "rate limit", True)


def test_a_platform_that_fails(run: Run, sandbox: Sandbox) -> None:
    """Asked once: a doctor does not add to the load."""
    sandbox.faults.add(status=500)
    code, check, _, _ = problem(run)
    assert (code, check, sandbox.served) == (9, "answer", 1)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such modes")
def test_a_secret_that_others_can_read(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    """Misconfiguration 14: the file is named."""
    path = tmp_path / "settings" / "secrets" / "work.json"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    path.chmod(0o644)
    code, check, found, _ = problem(run)
    assert (code, check, str(path) in found) == (2, "secrets", True)


def test_the_sandbox_shows_that_the_command_line_works(run: Run) -> None:
    """Without any setting."""
    assert examined(run, "--sandbox")[0] == 0
