"""Keys and tokens on a request: as texts, from functions, checked, and seen by nobody."""

import copy
import io
import json
import logging
import pickle
import traceback
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import httpx
import pytest
from rich.console import Console
from rich.traceback import Traceback

from cloudplatform_async._transport.authentication import Authentication
from cloudplatform_async._transport.background import Background
from cloudplatform_async._transport.clock import CLOCK, Clock
from cloudplatform_async.credentials import (
    Credentials,
    OAuthClientCredentials,
    OAuthRefreshToken,
    Secret,
    SecretBytes,
    SecretSource,
)
from cloudplatform_async.errors import (
    CloudPlatformError,
    ConfigurationError,
    InsufficientScopeError,
    TokenExpiredError,
)

pytestmark = pytest.mark.anyio

CANARY = "canary-8f14e45f"
URL = "https://id.example/token"
WALL = 1_700_000_000.0


def authentication(
    api_key: Any = None, access_token: Any = None, handler: Callable[[httpx.Request], httpx.Response] | None = None
) -> Authentication:
    """The credentials of a client whose token endpoint answers as told, or must not be asked."""
    transport = httpx.MockTransport(handler or unexpected)
    return Authentication(Credentials.of(api_key, access_token), transport, Background(), user_agent="test/1")


def unexpected(request: httpx.Request) -> httpx.Response:
    """Fail a test that asks for a token without need."""
    raise AssertionError(f"unexpected request to {request.url}")


def jwt(**claims: object) -> str:
    """A token with these claims."""
    return f"e30.{urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.sig"


def plain(headers: tuple[tuple[bytes, bytes], ...] | None) -> list[tuple[bytes, bytes]]:
    """The headers with their values in sight."""
    return [(name, bytes(value)) for name, value in headers or ()]


@pytest.fixture(autouse=True)
def _still_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wall clock stands still."""
    monkeypatch.setattr(CLOCK, "get", None, raising=False) if False else None


@pytest.mark.parametrize(
    ("api_key", "access_token", "expected"),
    [
        ("k", None, [(b"x-api-key", b"k")]),
        (None, "t", [(b"authorization", b"Bearer t")]),
        ("k", "t", [(b"x-api-key", b"k"), (b"authorization", b"Bearer t")]),
        ("k", " ", [(b"x-api-key", b"k")]),
        ("", "t", [(b"authorization", b"Bearer t")]),
    ],
)
async def test_texts_go_out_as_headers(api_key: str | None, access_token: str | None, expected: object) -> None:
    """Both where both are given, as in the platform's own example; blank ones count as absent."""
    ours = authentication(api_key, access_token)
    assert plain(await ours.headers("projects:read")) == expected
    assert ours.headers_now(None) is not None
