"""What is genuine gives its event, and all else one error, whatever it is."""

import base64
import copy
import json
import pickle
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.message import Message
from types import MappingProxyType
from typing import Any

import httpx
import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from cloudplatform_async import (
    ConfigurationError,
    Event,
    InvalidRequestError,
    Project,
    ProjectCreated,
    WebhookVerificationError,
    WebhookVerifier,
)
from tests.webhooks.deliveries import NOW, OTHER, PUBLIC, SECRET, event_body, signed, signed_v1a
from tests.webhooks.hostile import count_leaks

BODY = event_body()
VERIFIER = WebhookVerifier(SECRET, clock=lambda: NOW)


def refused(body: Any, headers: Any, verifier: WebhookVerifier = VERIFIER) -> str:
    """The message with which a delivery is refused."""
    with pytest.raises(WebhookVerificationError) as caught:
        verifier.verify(body, headers)
    return str(caught.value)


def test_a_genuine_delivery_gives_its_typed_event() -> None:
    """The class says the type, and the data is a model."""
    event = VERIFIER.verify(BODY, signed(BODY))
    assert isinstance(event, ProjectCreated)
    assert event.data == Project(id="prj_1", name="Payments", slug="payments", labels={"team": "blue"})
    assert (event.id, event.created_at) == ("evt_1", datetime(2026, 9, 10, 0, 26, 40, tzinfo=UTC))


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_body_is_any_bytes(kind: Callable[[bytes], Any]) -> None:
    """As servers hand it over."""
    assert VERIFIER.verify(kind(BODY), signed(BODY)).id == "evt_1"


def test_the_signature_is_over_the_bytes_as_they_came() -> None:
    """The same JSON in other bytes was not signed."""
    assert "No signature" in refused(json.dumps(json.loads(BODY), indent=1).encode(), signed(BODY))


HEADERS: dict[str, Callable[[dict[str, str]], Any]] = {
    "dict": dict,
    "upper case": lambda headers: {name.upper(): value for name, value in headers.items()},
    "httpx": httpx.Headers,
    "Starlette": Headers,
    "read only": MappingProxyType,
    "ASGI's pairs": lambda headers: [(name.encode(), value.encode()) for name, value in headers.items()],
    "WSGI and Django's META": lambda headers: {
        "REQUEST_METHOD": "POST",
        "wsgi.errors": sys.stderr,
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
    },
    "lists of values": lambda headers: {name: [value] for name, value in headers.items()},
    "http.server": lambda headers: [*_message(headers).items()],
}


def _message(headers: dict[str, str]) -> Message:
    message = Message()
    for name, value in headers.items():
        message[name.title()] = value
    return message


@pytest.mark.parametrize("given_as", HEADERS.values(), ids=HEADERS)
def test_headers_may_come_as_any_framework_gives_them(given_as: Callable[[dict[str, str]], Any]) -> None:
    """In any case, text or bytes, a mapping or pairs."""
    headers = {"content-type": "application/json", **signed(BODY)}
    assert VERIFIER.verify(BODY, given_as(headers)).id == "evt_1"


@pytest.mark.parametrize("offset", [-300, -299, 0, 299, 300])
def test_a_delivery_within_the_tolerance_is_taken(offset: int) -> None:
    """Five minutes either way, the last second included."""
    assert VERIFIER.verify(BODY, signed(BODY, at=NOW + offset)).id == "evt_1"


@pytest.mark.parametrize(("offset", "message"), [(-301, "too old"), (301, "too new"), (10**8, "too new")])
def test_a_delivery_outside_the_tolerance_is_refused(offset: int, message: str) -> None:
    """A replay, and one that was signed with a wrong clock; the message says which."""
    assert message in refused(BODY, signed(BODY, at=NOW + offset))


def test_the_tolerance_may_be_another() -> None:
    """Down to the very second."""
    verifier = WebhookVerifier(SECRET, tolerance=timedelta(0), clock=lambda: NOW)
    assert verifier.verify(BODY, signed(BODY)).id == "evt_1"
    assert "too old" in refused(BODY, signed(BODY, at=NOW - 1), verifier)


def test_during_a_rotation_either_secret_is_enough() -> None:
    """On the side of the receiver, and on the side of the platform, which signs with both."""
    for secret in (SECRET, OTHER):
        assert WebhookVerifier([OTHER, SECRET], clock=lambda: NOW).verify(BODY, signed(BODY, secret=secret))
    old, new = signed(BODY), signed(BODY, secret=OTHER)
    both = {**old, "webhook-signature": f"{new['webhook-signature']} {old['webhook-signature']}"}
    assert VERIFIER.verify(BODY, both).id == "evt_1"
    assert "No signature" in refused(BODY, new)


def test_signatures_of_unknown_versions_are_passed_over() -> None:
    """They are for receivers that know them, and never make a delivery genuine."""
    headers = signed(BODY)
    genuine = headers["webhook-signature"]
    for header in (f"v2,xyz {genuine}", f"{genuine} v1a,xyz", f"v1 , v1, {genuine}"):
        assert VERIFIER.verify(BODY, {**headers, "webhook-signature": header}).id == "evt_1"
    for header in (genuine.replace("v1", "v2"), genuine.replace("v1", "v1a"), genuine.removeprefix("v1,")):
        assert "No signature" in refused(BODY, {**headers, "webhook-signature": header})


def test_a_public_key_verifies_what_only_the_platform_can_sign() -> None:
    """An ed25519 signature, beside or instead of the shared secret's."""
    verifier = WebhookVerifier(PUBLIC, clock=lambda: NOW)
    assert verifier.verify(BODY, signed_v1a(BODY)).id == "evt_1"
    assert "No signature" in refused(BODY + b" ", signed_v1a(BODY), verifier)
    assert "No signature" in refused(BODY, signed(BODY), verifier)
    both = WebhookVerifier([SECRET, PUBLIC], clock=lambda: NOW)
    assert both.verify(BODY, signed_v1a(BODY)) == both.verify(BODY, signed(BODY))


def test_another_public_key_verifies_nothing_of_ours() -> None:
    """The key of RFC 8032 §7.1, test 1, whose owner has not signed this."""
    public = base64.b64encode(
        bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    ).decode()
    assert repr(WebhookVerifier(f"whpk_{public}")) == "WebhookVerifier()"
    assert "No signature" in refused(
        BODY, signed_v1a(BODY), WebhookVerifier(f"whpk_{public}", clock=lambda: NOW)
    )


@pytest.mark.slow
def test_a_public_key_without_the_extra_says_what_to_install() -> None:
    """When the verifier is made, and not at the first delivery."""
    code = f"""if True:
        import sys; sys.modules["cryptography.exceptions"] = None
        from cloudplatform_async import ConfigurationError, WebhookVerifier
        try: WebhookVerifier({PUBLIC!r})
        except ConfigurationError as error: print(error)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'cloudplatform-async[webhooks]'" in done.stdout


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        ("", "There is no webhook secret"),
        (" \n", "There is no webhook secret"),
        (None, "There is no webhook secret"),
        ([], "There is no webhook secret"),
        ([None], "There is no webhook secret"),
        ([SECRET, ""], "There is no webhook secret"),
        (5, "There is no webhook secret"),
        ("cp_live_abc", "begins with 'whsec_'"),
        (SECRET.removeprefix("whsec_"), "begins with 'whsec_'"),
        ("whsec_", "is base64 behind whsec_"),
        ("whsec_***", "is base64 behind whsec_"),
        ("whsec_ключ", "is base64 behind whsec_"),
        ("whpk_c2hvcnQ=", "32 bytes"),
    ],
)
def test_a_secret_that_is_none_is_refused_at_once(secret: Any, message: str) -> None:
    """With what to do about it, and without the secret."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        WebhookVerifier(secret)
    assert "c2hvcnQ" not in "".join(traceback.format_exception(caught.value)).replace(repr(secret), "")


def test_a_secret_is_taken_as_it_is_pasted() -> None:
    """With a line break behind it, or without its padding."""
    for secret in (f" {SECRET}\n", SECRET.rstrip("=")):
        assert WebhookVerifier(secret, clock=lambda: NOW).verify(BODY, signed(BODY)).id == "evt_1"


@pytest.mark.parametrize("tolerance", [timedelta(seconds=-1), 300, None])
def test_a_tolerance_that_is_none_is_refused(tolerance: Any) -> None:
    """It is a span of time from 0 up."""
    with pytest.raises(ConfigurationError, match="tolerance"):
        WebhookVerifier(SECRET, tolerance=tolerance)


def test_a_verifier_shows_no_secret() -> None:
    """Neither in a log, nor in a copy that leaves the process."""
    verifier = WebhookVerifier([SECRET, PUBLIC])
    assert repr(verifier) == "WebhookVerifier()"
    for leak in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="secret"):
            leak(verifier)


@pytest.mark.parametrize("timestamp", [NOW, NOW + 0.9, datetime.fromtimestamp(NOW, UTC), None])
def test_what_is_signed_here_is_what_the_platform_sends(timestamp: Any) -> None:
    """For tests of an endpoint: the same three headers, byte for byte."""
    assert VERIFIER.sign(BODY, id="msg_1", timestamp=timestamp) == signed(BODY)


def test_each_shared_secret_signs() -> None:
    """As during a rotation; a public key has nothing to sign with."""
    headers = WebhookVerifier([SECRET, OTHER, PUBLIC]).sign(BODY, id="msg_1", timestamp=NOW)
    assert headers["webhook-signature"] == " ".join(
        signed(BODY, secret=secret)["webhook-signature"] for secret in (SECRET, OTHER)
    )
    with pytest.raises(ConfigurationError, match="cannot sign"):
        WebhookVerifier(PUBLIC).sign(BODY, id="msg_1", timestamp=NOW)


@pytest.mark.parametrize(
    ("name", "timestamp"),
    [("", NOW), ("a b", NOW), ("é", NOW), ("m", -1), ("m", 10**13), ("m", datetime(2026, 3, 17))],
)
def test_what_no_delivery_can_have_is_not_signed(name: str, timestamp: Any) -> None:
    """An id is visible ASCII, and a moment has a time zone."""
    with pytest.raises(InvalidRequestError):
        VERIFIER.sign(BODY, id=name, timestamp=timestamp)


def test_our_signature_is_genuine_to_the_reference_library() -> None:
    """``standardwebhooks`` of PyPI reads what we sign."""
    headers = WebhookVerifier(SECRET).sign(BODY, id="msg_1")
    assert standardwebhooks.Webhook(SECRET).verify(BODY, headers) == json.loads(BODY)


def test_the_reference_librarys_signature_is_genuine_to_us() -> None:
    """And we read what it signs."""
    moment = datetime.now(UTC)
    signature = standardwebhooks.Webhook(SECRET).sign("msg_1", moment, BODY.decode())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": signature,
    }
    assert WebhookVerifier(SECRET).verify(BODY, headers).id == "evt_1"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"hello": "world"}',
        b"not JSON",
        b"\xff\xfe",
        b"[" * 100_000,
        event_body(id=5),
        event_body(id=None),
        event_body(kind=None),
        event_body(created_at="yesterday"),
        event_body(created_at="2026-09-10T00:26:40"),
        event_body(data=[]),
        event_body(kind=["project.created"]),
        b'{"data": ' + BODY + b"}",
    ],
)
def test_a_signed_body_that_is_no_event_is_refused(body: bytes) -> None:
    """The message says where the first bad value is."""
    assert "signed, and no event" in refused(body, signed(body))


@pytest.mark.parametrize(
    "headers",
    [
        None,
        5,
        "webhook-id",
        [],
        {},
        [("webhook-id",)],
        [5],
        {None: None},
        {"webhook-id": None},
        {"webhook-id": ["msg_1", "msg_2"]},
        *({name: value for name, value in signed(BODY).items() if name != left} for left in signed(BODY)),
        {**signed(BODY), "webhook-timestamp": ""},
        {**signed(BODY), "webhook-timestamp": f" {NOW}"},
        {**signed(BODY), "webhook-timestamp": f"{NOW}\n"},
        {**signed(BODY), "webhook-timestamp": f"{NOW}.0"},
        {**signed(BODY), "webhook-timestamp": f"+{NOW}"},
        {**signed(BODY), "webhook-timestamp": "١٧٨٩٠٠٠٠٠٠"},
        {**signed(BODY), "webhook-timestamp": "9" * 5000},
        {**signed(BODY), "webhook-timestamp": NOW},
        {**signed(BODY), "webhook-id": "msg_1\x00"},
        {**signed(BODY), "webhook-id": "\ud800"},
        {**signed(BODY), "webhook-signature": "\ud800"},
        {**signed(BODY), "webhook-signature": ""},
        {**signed(BODY), "webhook-signature": "v1,"},
        {**signed(BODY), "webhook-signature": "v1,é"},
        {**signed(BODY), "webhook-signature": "v1a,AAAA"},
        {**signed(BODY), "webhook-signature": "v1," * 10_000},
        {**signed(BODY), "Webhook-Id": "msg_2"},
        {**signed(BODY), "Webhook-Signature": "v1,AAAA"},
    ],
)
def test_headers_that_no_platform_sends_are_refused(headers: Any) -> None:
    """Missing, doubled, of another type, in other digits: all of it is the one error."""
    assert refused(BODY, headers)


def test_a_body_that_is_text_is_refused() -> None:
    """Who decoded it has lost the bytes that were signed."""
    assert "must be bytes" in refused(BODY.decode(), signed(BODY))


def test_what_is_signed_cannot_be_cut_elsewhere() -> None:
    """The dots between id, timestamp and body stand in the id too, and give nobody a second reading."""
    body = event_body(data={"id": "prj_1", "name": f"x.{NOW}.{{}}"})
    headers = signed(body, name=f"msg.{NOW}")
    content = f"msg.{NOW}.{NOW}.".encode() + body
    pieces = content.split(b".")
    for first in range(1, len(pieces) - 1):
        name, at, rest = b".".join(pieces[:first]), pieces[first], b".".join(pieces[first + 1 :])
        forged = {**headers, "webhook-id": name.decode(), "webhook-timestamp": at.decode()}
        if rest == body:
            assert VERIFIER.verify(rest, forged).id == "evt_1"
        else:
            assert refused(rest, forged)


def test_no_hostile_delivery_is_accepted_and_none_leaks_an_error() -> None:
    """Whatever comes, code round the verifier meets one error and no event."""
    assert count_leaks(3_000, seed=1) == (0, 0)


@pytest.mark.slow
def test_not_one_of_many_hostile_deliveries_either() -> None:
    """Other dice each day would find what these do not: the seed is fixed, the number is large."""
    assert count_leaks(40_000, seed=2) == (0, 0)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(body=json_values | st.fixed_dictionaries({"id": st.text(), "type": st.text(), "data": json_values}))
def test_any_signed_json_gives_an_event_or_the_one_error(body: Any) -> None:
    """The sender is genuine here, and may still send what nobody expects."""
    raw = json.dumps(body).encode()
    try:
        event = VERIFIER.verify(raw, signed(raw))
    except WebhookVerificationError:
        return
    assert isinstance(event, Event)


@given(body=st.binary(), headers=st.dictionaries(st.text(), st.text() | st.binary() | st.none()))
def test_anything_at_all_gives_the_one_error(body: bytes, headers: Mapping[str, Any]) -> None:
    """Not even its own kind of bytes is needed."""
    assert refused(body, headers)
    assert refused(body, {**signed(BODY), **headers}) if body != BODY else True


def test_the_machines_clock_is_the_default() -> None:
    """A delivery of this second is taken without a clock given."""
    verifier = WebhookVerifier(SECRET)
    assert verifier.verify(BODY, signed(BODY, at=int(time.time()))).id == "evt_1"
    assert "too" in refused(BODY, signed(BODY), verifier)
