"""A canary among the secrets is found nowhere: not in a repr, a log, an error, a traceback, a pickle."""

import copy
import json
import logging
import pickle
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import attrs
import httpx
import msgspec
import pytest
from rich.pretty import pretty_repr

import cloudplatform_async
from cloudplatform_async._connections.foreign import connections_of
from cloudplatform_async._oauth.authentication import Authentication
from cloudplatform_async._protocol.calls import Call
from cloudplatform_async._runtime.background import Background
from cloudplatform_async._runtime.clock import CLOCK, Clock
from cloudplatform_async.credentials import (
    Credentials,
    OAuthClientCredentials,
    OAuthRefreshToken,
    Secret,
    SecretBytes,
    SecretFunction,
    checked_secret,
)
from cloudplatform_async.credentials.secrets import SecretStruct
from cloudplatform_async.errors import CloudPlatformError

pytestmark = pytest.mark.anyio

PACKAGE = str(Path(cloudplatform_async.__file__).parent)
CANARY = "c4n4ry&8f14e45f"
TOKEN = f"{CANARY}.eyJleHAiOiAxLCAic2NvcGUiOiAiYSJ9.{CANARY}"  # {"exp": 1, "scope": "a"}
URL = "https://id.example/token"
FORMS = (CANARY, quote_plus(CANARY), b64encode(f"id:{quote_plus(CANARY)}1".encode()).decode())


def grant() -> OAuthRefreshToken:
    """Every secret of it is the canary."""
    return OAuthRefreshToken(URL, "id", f"{CANARY}1", f"{CANARY}2")


def authentication(
    api_key: Any, access_token: Any, handler: Callable[[httpx.Request], httpx.Response] | None = None
) -> Authentication:
    """A client's, whose token endpoint answers as told."""
    transport = connections_of(
        httpx.MockTransport(handler or (lambda _: httpx.Response(200, json={"access_token": CANARY})))
    )
    return Authentication(Credentials.of(api_key, access_token), transport, Background())


def answering(status: int, **fields: object) -> Callable[[httpx.Request], httpx.Response]:
    """An endpoint that repeats in its answer what it was sent, and more."""

    def answer(request: httpx.Request) -> httpx.Response:
        said = f"{request.headers['authorization']} {request.content.decode()}"
        body = {name: value or said for name, value in fields.items()}
        return httpx.Response(status, json=body, headers={"x-said": said})

    return answer


def unreachable(request: httpx.Request) -> httpx.Response:
    """An endpoint to which no connection can be made."""
    raise httpx.ConnectError("refused", request=request)


def held() -> list[object]:
    """Everything that holds the canary."""
    oauth = grant()
    return [
        Secret(CANARY),
        SecretBytes(CANARY.encode()),
        oauth,
        oauth.slot,
        OAuthClientCredentials(URL, "id", CANARY),
        Credentials.of(CANARY, CANARY),
        Credentials.of(CANARY, oauth),
        Credentials.of(lambda: CANARY, None).api_key,
        *records(),
    ]


def records() -> Iterator[SecretStruct]:
    """Records that live in our frames only, in every field of which a secret may stand."""
    yield Call(
        method="POST",
        target="/projects",
        group="projects",
        decode=bytes,
        headers=(("x-tenant", CANARY),),
        body=CANARY.encode(),
        idempotency_key=CANARY,
    )
    for kind in SecretStruct.__subclasses__():
        if kind not in (Call, SecretFunction):
            yield kind(**{field.name: CANARY for field in msgspec.structs.fields(kind)})


def is_clean(text: object) -> bool:
    """Whether the canary is not there, in any form that goes over the wire."""
    return not any(form in str(text) for form in FORMS)


@pytest.mark.parametrize("thing", held(), ids=lambda thing: type(thing).__name__)
def test_what_holds_a_secret_does_not_show_it(thing: Any) -> None:
    """Not by repr, str, format, rich, vars or ``asdict``."""
    shown = [repr(thing), f"{thing}", pretty_repr(thing), pretty_repr(getattr(thing, "__dict__", {}))]
    if attrs.has(type(thing)):
        shown += [repr(attrs.asdict(thing)), pretty_repr(attrs.asdict(thing))]
    if isinstance(thing, Credentials):
        shown += [repr(msgspec.structs.asdict(thing)), pretty_repr(msgspec.structs.asdict(thing))]
    assert all(is_clean(text) for text in shown)


@pytest.mark.parametrize("thing", held(), ids=lambda thing: type(thing).__name__)
@pytest.mark.parametrize("take", [pickle.dumps, copy.deepcopy])
def test_what_holds_a_secret_cannot_be_pickled(thing: object, take: Callable[[object], object]) -> None:
    """It is refused in words that say what to do instead."""
    with pytest.raises(TypeError, match="make the client anew where it is needed"):
        take(thing)


async def expired() -> None:
    await authentication(None, TOKEN).headers(None)


async def expired_from_a_function() -> None:
    await authentication(None, lambda: TOKEN).headers(None)


async def scope_missing() -> None:
    CLOCK.process = Clock(wall=lambda: -100.0)
    await authentication(CANARY, TOKEN).headers("b")


async def unsendable_from_a_function() -> None:
    await authentication(lambda: f"{CANARY}\n", None).headers(None)


async def unsendable_text() -> None:
    checked_secret(f"{CANARY}\n", "api_key")


async def refused_by_the_endpoint() -> None:
    await authentication(None, grant(), answering(400, error=None, error_description=None)).headers(None)


async def refused_without_a_form() -> None:
    await authentication(None, grant(), answering(500, said=None)).headers(None)


async def issued_with_another_type() -> None:
    await authentication(None, grant(), answering(200, access_token=CANARY, token_type="mac")).headers(None)


async def issued_beyond_ascii() -> None:
    await authentication(None, grant(), answering(200, access_token=f"{CANARY}\n")).headers(None)


async def issued_malformed() -> None:
    await authentication(None, grant(), answering(200, access_token=CANARY, refresh_token=[CANARY])).headers(
        None
    )


async def endpoint_unreachable() -> None:
    await authentication(None, grant(), unreachable).headers(None)


async def rejected_and_not_replaced() -> None:
    ours = authentication(None, grant(), unreachable)
    await ours.renew([(b"authorization", SecretBytes(f"Bearer {CANARY}".encode()))])


SITUATIONS = [
    expired,
    expired_from_a_function,
    scope_missing,
    unsendable_from_a_function,
    unsendable_text,
    refused_by_the_endpoint,
    refused_without_a_form,
    issued_with_another_type,
    issued_beyond_ascii,
    issued_malformed,
    endpoint_unreachable,
    rejected_and_not_replaced,
]


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all that stands behind it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def our_locals(error: BaseException) -> Iterator[dict[str, object]]:
    """What a traceback with locals would show of our frames."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.startswith(PACKAGE):
            yield trace.tb_frame.f_locals
        trace = trace.tb_next


@pytest.mark.parametrize("situation", SITUATIONS)
async def test_an_error_shows_no_secret(
    situation: Callable[[], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    """Nor do the errors behind it, their frames' locals, its pickle, and the log at DEBUG."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(CloudPlatformError) as caught:
        await situation()
    for error in chain(caught.value):
        assert is_clean(repr(error))
        assert is_clean(json.dumps(vars(error), default=repr))
        frames = list(our_locals(error))
        assert all(is_clean(pretty_repr(frame)) and is_clean(frame) for frame in frames)
    assert is_clean(pickle.dumps(caught.value))
    assert is_clean(caplog.text)


async def test_a_success_logs_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG, of every library in use."""
    caplog.set_level(logging.DEBUG)
    ours = authentication(CANARY, grant())
    headers = await ours.headers("projects:read")
    assert bytes(dict(headers)[b"authorization"]).decode() == f"Bearer {CANARY}"
    assert is_clean(caplog.text)
    assert is_clean(headers)
    assert is_clean(vars(ours))
