"""A served sandbox that the environment names, as a job and its workers find it."""

from collections.abc import Iterator

import pytest

from cloudplatform_async.sandbox import Sandbox


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """450 projects, without a rate limit."""
    with Sandbox(projects=450, rate_limit=None) as sandbox:
        name_in_environment(monkeypatch, sandbox)
        yield sandbox


def name_in_environment(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    """Let clients find a sandbox by the environment alone."""
    monkeypatch.setenv("CLOUD_API_KEY", sandbox.api_key)
    monkeypatch.setenv("CLOUD_API_BASE_URL", sandbox.base_url)
