"""What a client is built from: arguments, environment and env file, in that order, and what it refuses."""

import builtins
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from cloudplatform_async import (
    APIConnectionError,
    AsyncClient,
    ConfigurationError,
    OAuthClientCredentials,
    PoolLimits,
    RetryPolicy,
    Timeouts,
)
from tests.resources.wire import Wire, always

pytestmark = pytest.mark.anyio

NAMES = {"url": "CLOUD_API_BASE_URL", "key": "CLOUD_API_KEY", "token": "CLOUD_ACCESS_TOKEN"}
SECRET = "cp_live_secret"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the developer's own environment says, a test begins without it."""
    for name in NAMES.values():
        monkeypatch.delenv(name, raising=False)


async def headers_of(**options: Any) -> httpx.Headers:
    """What a client with these options sends."""
    wire = always({})
    async with AsyncClient(transport=wire, **options) as client:
        await client.request("GET", "/projects")
    return wire.requests[0].headers


def credentials_in(headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The key and the token on a request."""
    return headers.get("x-api-key"), headers.get("authorization", "").removeprefix("Bearer ") or None


PRECEDENCE: dict[
    str, tuple[dict[str, str], dict[str, str], dict[str, str], tuple[str | None, str | None]]
] = {
    "argument alone": ({"key": "arg"}, {}, {}, ("arg", None)),
    "environment alone": ({}, {"key": "env"}, {}, ("env", None)),
    "file alone": ({}, {}, {"token": "file"}, (None, "file")),
    "both of them are sent": ({"key": "arg", "token": "tok"}, {}, {}, ("arg", "tok")),
    "both of the environment": ({}, {"key": "env", "token": "tok"}, {}, ("env", "tok")),
    "environment before file": ({}, {"key": "env"}, {"key": "file"}, ("env", None)),
    "a key argument switches off both tokens": (
        {"key": "arg"},
        {"token": "env"},
        {"token": "file"},
        ("arg", None),
    ),
    "a token argument switches off both keys": (
        {"token": "arg"},
        {"key": "env"},
        {"key": "file"},
        (None, "arg"),
    ),
    "a blank argument is none": ({"key": " "}, {"key": "env"}, {}, ("env", None)),
    "a blank variable is none": ({}, {"key": "\t ", "token": ""}, {"key": "file"}, ("file", None)),
}


@pytest.mark.parametrize("case", PRECEDENCE)
async def test_credentials_come_from_the_first_place_that_has_them(
    case: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Argument, environment, file; never two identities by accident."""
    arguments, environment, lines, expected = PRECEDENCE[case]
    for name, value in environment.items():
        monkeypatch.setenv(NAMES[name], value)
    file = tmp_path / ".env"
    file.write_text("".join(f"{NAMES[name]}={value}\n" for name, value in lines.items()))
    options = {"key": "api_key", "token": "access_token"}
    headers = await headers_of(env_file=file, **{options[name]: value for name, value in arguments.items()})
    assert credentials_in(headers) == expected


async def test_the_base_url_comes_from_the_first_place_that_has_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Argument, environment, file, the platform's own; a blank variable is none."""
    file = tmp_path / "settings"
    file.write_text("CLOUD_API_BASE_URL='https://file.example/v2'  # staging\n")
    options: dict[str, Any] = {"api_key": "k"}
    assert (await headers_of(**options))["host"] == "api.cloudplatform.dev"
    assert (await headers_of(env_file=file, **options))["host"] == "file.example"
    monkeypatch.setenv("CLOUD_API_BASE_URL", " ")
    assert (await headers_of(env_file=str(file), **options))["host"] == "file.example"
    monkeypatch.setenv("CLOUD_API_BASE_URL", "https://env.example/v2")
    assert (await headers_of(env_file=file, **options))["host"] == "env.example"
    options["base_url"] = "https://arg.example/v3"
    assert (await headers_of(env_file=file, **options))["host"] == "arg.example"


async def test_an_env_file_without_its_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The message says what to install."""
    original = builtins.__import__

    def without_dotenv(name: str, *rest: Any) -> Any:
        if name == "dotenv":
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_dotenv)
    with pytest.raises(ConfigurationError, match=r"cloudplatform-async\[dotenv\]"):
        AsyncClient(api_key="k", env_file=tmp_path / ".env")


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b"CLOUD_API_KEY=\xff"])
async def test_an_env_file_that_cannot_be_read_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    """A file that was named must be there; what stands in it is not shown."""
    file = tmp_path / "no.env"
    if content:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"no\.env"):
        AsyncClient(api_key="k", env_file=file)


async def test_an_env_file_is_data_and_no_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its values are taken as they stand: no other variable is put in."""
    monkeypatch.setenv("OTHER", "leak")
    file = tmp_path / ".env"
    file.write_text("CLOUD_API_KEY=a${OTHER}b\n")
    assert (await headers_of(env_file=file))["x-api-key"] == "a${OTHER}b"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no credentials": ({}, "CLOUD_API_KEY or CLOUD_ACCESS_TOKEN"),
    "blank credentials": ({"api_key": "", "access_token": "  "}, "CLOUD_API_KEY or CLOUD_ACCESS_TOKEN"),
    "a key with a line break": ({"api_key": f"{SECRET}\n"}, "api_key"),
    "a key that is no text": ({"api_key": 5}, "api_key"),
    "a token beyond ASCII": ({"access_token": f"{SECRET}é"}, "access_token"),
    "an OAuth object for a key": (
        {"api_key": OAuthClientCredentials("https://id.example/t", client_id="c", client_secret=SECRET)},
        "access_token=",
    ),
    "http": ({"base_url": "http://api.example/v1"}, "https://api.example/v1"),
    "no version": ({"base_url": "https://api.example/api"}, "https://api.example/api/v1"),
    "a query": ({"base_url": "https://api.example/v1?x=1"}, "params="),
    "userinfo": ({"base_url": f"https://user:{SECRET}@api.example/v1"}, "user name or password"),
    "no URL": ({"base_url": "api.example/v1"}, "https://"),
    "a blank URL": ({"base_url": ""}, "https://"),
    "a URL that is no text": ({"base_url": 5}, "base_url"),
    "a negative timeout": ({"timeout": -1}, "total"),
    "a timeout of 0": ({"timeout": 0}, "total"),
    "a timeout that is no number": ({"timeout": float("nan")}, "total"),
    "a timeout without end": ({"timeout": float("inf")}, "total"),
    "a negative number of retries": ({"retries": -1}, "RetryPolicy, or a whole number from 0 up"),
    "half a retry": ({"retries": 0.5}, "RetryPolicy"),
    "retries yes": ({"retries": True}, "RetryPolicy"),
    "a timeout by its own name": ({"timeout": 0}, "timeout must be Timeouts, or a number of seconds above 0"),
    "a proxy that is a number": ({"proxy": 3128}, "proxy: not the URL of a proxy"),
    "a shared limit that is a number": ({"shared_limit": 600}, "collect.RedisLimit"),
    "an env file that is a number": ({"env_file": 5}, "env_file must be the path"),
    "a timeout of words": ({"timeout": "10"}, "timeout must be Timeouts, or a number of seconds"),
    "a proxy of another's transport": (
        {"proxy": "http://127.0.0.1:9", "transport": always({})},
        "transport=",
    ),
    "a proxy that is none": ({"proxy": "ftp://proxy.example"}, "proxy"),
    "a number of connections": ({"limits": 10}, "PoolLimits"),
    "limits of another's transport": ({"limits": PoolLimits(), "transport": always({})}, "transport="),
    "a blocking transport": ({"transport": httpx.HTTPTransport()}, "AsyncBaseTransport"),
    "no bytes": ({"max_response_bytes": 0}, "max_response_bytes"),
    "half a byte": ({"max_response_bytes": 0.5}, "max_response_bytes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_client_that_cannot_work_is_not_built(case: str) -> None:
    """The message names the setting and the fix, shows no secret, and nothing is left open."""
    options, message = REFUSED[case]
    if case not in {"no credentials", "blank credentials"} and "access_token" not in options:
        options = {"api_key": SECRET, **options}
    with pytest.raises(ConfigurationError) as caught:
        AsyncClient(**options)
    assert message in str(caught.value)
    assert SECRET not in f"{caught.value} {caught.value!r}"
    assert caught.value.outcome == "not_sent"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/v1", "http://127.8.9.1/v1", "http://[::1]:80/v1", "http://localhost/v1/"]
)
async def test_http_reaches_this_machine_alone(url: str) -> None:
    """For the sandbox: a loopback host needs no TLS."""
    headers = await headers_of(api_key="k", base_url=url)
    assert headers["host"] in url


async def test_an_unknown_host_is_a_connection_error_that_was_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing was sent; the name is said, the key is not."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    options = {"base_url": "https://no-such-host.invalid/v1", "retries": RetryPolicy(max_retries=0)}
    async with AsyncClient(api_key=SECRET, timeout=20, **options) as client:  # type: ignore[arg-type]
        with pytest.raises(APIConnectionError, match=r"no-such-host\.invalid") as caught:
            await client.projects.list()
    assert caught.value.outcome == "not_sent"
    assert SECRET not in f"{caught.value} {caught.value!r}"


async def test_a_client_shows_where_it_speaks_to_and_nothing_else() -> None:
    """A repr ends up in logs."""
    async with AsyncClient(api_key=SECRET, access_token=SECRET, transport=always({})) as client:
        assert repr(client) == "<AsyncClient https://api.cloudplatform.dev/v1>"
        view = client.with_options(headers={"x-tenant": SECRET})
        assert SECRET not in repr(
            [view, client._sender, client.projects, client.usage, view.projects.iter_all()]
        )


async def test_options_of_a_view_replace_those_of_its_client() -> None:
    """Each view adds to the one it was made from, and the client stays as it was."""
    wire = always({})
    async with AsyncClient(api_key="key", transport=wire, timeout=5) as client:
        view = client.with_options(headers={"X-Tenant": "a", "x-other": "o"}, timeout=7, access_token="tok")
        inner = view.with_options(
            headers={"x-tenant": "b"}, retries=RetryPolicy(max_retries=0), api_key="second"
        )
        for each in (client, view, inner):
            await each.request("GET", "/projects")
        seen = [each.headers for each in wire.requests]
        assert [each.get("x-tenant") for each in seen] == [None, "a", "b"]
        assert [each.get("x-other") for each in seen] == [None, "o", "o"]
        assert [credentials_in(each) for each in seen] == [("key", None), ("key", "tok"), ("second", "tok")]
        assert client.statistics() == view.statistics() == inner.statistics()
        timeouts = [each._sender.timeouts for each in (client, view, inner)]
        assert timeouts == [Timeouts(total=5), Timeouts(total=7), Timeouts(total=7)]


@pytest.mark.parametrize("options", [{"api_key": ""}, {"access_token": " "}, {"timeout": 0}, {"retries": -1}])
async def test_a_view_that_would_be_something_else_is_refused(options: dict[str, Any]) -> None:
    """A user's empty token must not make a call as the client itself."""
    async with AsyncClient(api_key="key", transport=always({})) as client:
        with pytest.raises(ConfigurationError):
            client.with_options(**options)


async def test_a_key_may_be_a_function_asked_for_every_attempt() -> None:
    """Rotation: a new key is used by the next attempt, and no client has to be made anew."""
    keys = iter(["one", "two"])
    answers = iter([httpx.Response(503), httpx.Response(200, json={})])
    wire = Wire(lambda _: next(answers))
    async with AsyncClient(api_key=lambda: next(keys), transport=wire, retries=RetryPolicy(base=0)) as client:
        await client.request("GET", "/projects")
    assert [each.headers["x-api-key"] for each in wire.requests] == ["one", "two"]
