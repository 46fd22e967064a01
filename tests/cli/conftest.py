"""A platform for the command line to talk to, and a way to run one command."""

from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import keyring
import pytest
from keyring.backends.fail import Keyring as NoKeyring

from cloudplatform_async._runtime.clock import CLOCK, Clock
from cloudplatform_async.cli.__main__ import main
from cloudplatform_async.sandbox import Sandbox

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever the developer's own environment says, a test begins without it; a table is 80 wide."""
    for name in ("CLOUD_API_BASE_URL", "CLOUD_API_KEY", "CLOUD_ACCESS_TOKEN", "CLOUD_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUD_CONFIG_DIR", str(tmp_path / "settings"))
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A platform with 30 projects, to which the environment points."""
    with Sandbox(projects=30) as sandbox:
        monkeypatch.setenv("CLOUD_API_BASE_URL", sandbox.base_url)
        monkeypatch.setenv("CLOUD_API_KEY", sandbox.api_key)
        yield sandbox


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command line; gives its exit code, and what it wrote to stdout and stderr."""

    def run_command(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        return code, *capsys.readouterr()

    return run_command


@pytest.fixture
def no_waiting() -> None:
    """Retries follow each other at once."""
    CLOCK.process = Clock(sleep=lambda _: anyio.lowlevel.checkpoint())


@pytest.fixture
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test begins without a keyring, wherever it runs."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    before = keyring.get_keyring()
    keyring.set_keyring(NoKeyring())
    yield
    keyring.set_keyring(before)
