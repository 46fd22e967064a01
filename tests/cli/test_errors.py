"""An error on the command line: one line that names the fix, and an exit code that names the class."""

from collections.abc import Callable

import pytest

from cloudplatform_async import (
    APIStatusError,
    APITimeoutError,
    CloudPlatformError,
    ConflictError,
    InsufficientScopeError,
    NotFoundError,
    PaginationLoopError,
    PermissionDeniedError,
    RateLimitError,
    ResponseDecodeError,
    TokenExpiredError,
    WebhookVerificationError,
    WorkflowFailedError,
)
from cloudplatform_async.cli.errors import report
from cloudplatform_async.sandbox import Sandbox
from tests.tiers import slow

Run = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (TokenExpiredError, 3),
        (PermissionDeniedError, 4),
        (InsufficientScopeError, 4),
        (NotFoundError, 5),
        (WorkflowFailedError, 10),
        (WebhookVerificationError, 11),
        (RateLimitError, 6),
        (APITimeoutError, 8),
        (ConflictError, 1),
        (APIStatusError, 1),
        (ResponseDecodeError, 1),
        (PaginationLoopError, 1),
        (CloudPlatformError, 1),
    ],
)
def test_the_exit_code_names_the_class(
    kind: type[CloudPlatformError], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script can tell a wrong key from a full server without reading the message."""
    assert report(kind("It did not work.")) == code
    assert "It did not work." in capsys.readouterr().err


def test_a_message_is_one_harmless_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A server's words neither break the line nor reach the terminal as commands."""
    error = CloudPlatformError("first\nsecond \x1b[2J")
    error.add_note("after 3 attempts")
    report(error)
    assert capsys.readouterr().err == "error: first\ufffdsecond \ufffd[2J (after 3 attempts)\n"


def test_without_credentials_the_message_names_where_they_go(run: Run) -> None:
    """Nothing is sent, and nobody has to look the variable up."""
    code, out, err = run("projects", "list")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "CLOUD_API_KEY" in err
    assert "CLOUD_ACCESS_TOKEN" in err
    assert "`cloudplatform auth login`" in err


def test_a_wrong_key_is_an_authentication_error(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key itself is not repeated."""
    monkeypatch.setenv("CLOUD_API_KEY", "cp_live_wrong")
    code, out, err = run("projects", "list")
    assert (code, out, err.count("\n"), "cp_live_wrong" in err) == (3, "", 1, False)
    assert "invalid_api_key" in err


def test_a_server_that_is_not_there_is_a_connection_error(
    run: Run, monkeypatch: pytest.MonkeyPatch, no_waiting: None
) -> None:
    """After its retries the command gives up, in one line."""
    with Sandbox() as gone:
        monkeypatch.setenv("CLOUD_API_BASE_URL", gone.base_url)
    monkeypatch.setenv("CLOUD_API_KEY", "cp_live_any")
    code, out, err = run("projects", "list")
    assert (code, out, err.count("\n")) == (7, "", 1)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--output", "xml"], "ndjson"),
        (["--outptu", "json"], "--output"),
        (["--max-items", "many"], "--max-items"),
        (["--page-size", "0"], "--page-size"),
        (["--page-size", "0"], "Must be a whole number from 1 up"),
        (["--limit", "0.4"], "'0.4' is no whole number"),
        *slow((["--page-size", "2.5"], "--page-size"), (["--limit", "1e2"], "--limit")),
        *slow(
            (["--timeout", "0"], "--timeout"),
            (["--base-url", "http://api.cloudplatform.dev/v1"], "https://api.cloudplatform.dev/v1"),
            (["--base-url", "https://api.cloudplatform.dev"], "https://api.cloudplatform.dev/v1"),
            (["--api-key", "cp_live_secret"], "--api-key"),
        ),
    ],
)
def test_a_wrong_option_is_refused_in_a_line_that_helps(
    run: Run, sandbox: Sandbox, options: list[str], word: str
) -> None:
    """The line has the option that is wrong, or the value that would be right; nothing was sent."""
    code, out, err = run("projects", "list", *options)
    assert (code, out, err.count("\n"), sandbox.served) == (2, "", 1, 0)
    assert err.startswith("error: ")
    assert word in err
