"""What an answer that is not a success means: the typed error of its status (API contract §3)."""

import copy
import json
import pickle
from itertools import product
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cloudplatform_async import errors
from cloudplatform_async._protocol.responses import Answer, masked, status_error
from cloudplatform_async.errors import APIStatusError

SECRET = "cp_live_0123456789"
ENVELOPE = b'{"error":{"code":"slug_taken","message":"The slug is taken.","details":{"slug":"a"}}}'


def refused(status: int = 400, body: bytes = ENVELOPE, *secrets: str, **headers: str) -> APIStatusError:
    """The error of an answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status_error(Answer(status, named, body), now=0.0, secrets=secrets)


@pytest.mark.parametrize(
    ("statuses", "kind"),
    [
        ([400], errors.BadRequestError),
        ([401], errors.AuthenticationError),
        ([403], errors.PermissionDeniedError),
        ([404], errors.NotFoundError),
        ([409], errors.ConflictError),
        ([422], errors.UnprocessableEntityError),
        ([429], errors.RateLimitError),
        (range(500, 600), errors.ServerError),
        ([600, 999], errors.ServerError),
        ([402, 405, 406, 408, 410, 412, 413, 415, 418, 425, 451, 499], errors.APIStatusError),
        ([100, 101, 103, 300, 301, 302, 304, 307, 308], errors.APIStatusError),
    ],
)
def test_each_status_has_its_class(statuses: Any, kind: type[APIStatusError]) -> None:
    """Exactly the table of the contract, whatever the body is."""
    for status, body in product(statuses, [ENVELOPE, b"", b"<html>", b"\xff"]):
        error = refused(status, body)
        assert type(error) is kind
        assert error.status_code == status


def test_the_platforms_words_are_kept() -> None:
    """Code, message, details, request id and the time to wait."""
    error = refused(409, ENVELOPE, x_request_id="req_1", retry_after="3")
    assert (error.code, error.message, error.details) == ("slug_taken", "The slug is taken.", {"slug": "a"})
    assert (error.request_id, error.retry_after) == ("req_1", 3.0)
    assert str(error) == "409 slug_taken: The slug is taken. (request req_1)"


@pytest.mark.parametrize(
    "body",
    [
        b"<html><h1>Bad gateway</h1></html>",
        b"Bad gateway",
        b'"Bad gateway"',
        b'{"error":"Bad gateway"}',
        b'{"error":{"text":"Bad gateway"}}',
        b'{"error":{"message":5,"text":"Bad gateway"}}',
        b'{"error":{"message":"Bad gateway","code":5}}',
        b'{"message":"Bad gateway"}',
        b'[{"error":{"message":"Bad gateway"}}]',
        b'{"error":{"message":"Bad gateway"',
        b'\xef\xbb\xbf{"error":{"message":"Bad gateway"}}',
        b"Bad gateway \xff\xfe",
        b"\n\n  Bad \t gateway",
    ],
)
def test_a_foreign_body_is_shown_from_its_beginning(body: bytes) -> None:
    """HTML from a proxy, broken JSON or other shapes: the typed error, without a code."""
    error = refused(502, body)
    assert error.code is None
    assert error.details is None
    assert "The body is not the platform's error format" in error.message
    assert "Bad gateway" in error.message


@pytest.mark.parametrize("body", [b"", b" \r\n"])
def test_an_empty_body_is_called_empty(body: bytes) -> None:
    """There is nothing to show."""
    assert refused(502, body).message == "The body is empty."


def test_a_long_foreign_body_is_cut() -> None:
    """A message is for a person."""
    assert len(refused(502, b"x" * 10**6).message) < 300
    assert len(refused(502, "é\U0001f600".encode() * 10**5, SECRET).message) < 300


def test_a_redirect_says_what_to_check() -> None:
    """Redirects are never followed."""
    assert "Check `base_url`" in refused(301, b"<html>").message


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (400, None, "rejected"),
        (404, None, "rejected"),
        (409, "slug_taken", "rejected"),
        (409, "idempotency_in_progress", "unknown"),
        (429, None, "rejected"),
        (499, None, "rejected"),
        (500, None, "unknown"),
        (503, None, "unknown"),
        (302, None, "unknown"),
        (100, None, "unknown"),
    ],
)
def test_only_a_4xx_is_a_refusal(status: int, code: str | None, outcome: str) -> None:
    """Whatever else came, the request may have been processed."""
    body = json.dumps({"error": {"code": code, "message": "m"}}).encode()
    assert refused(status, body).outcome == outcome


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"error": {"message": f"bad key {SECRET}!"}}).encode(),
        json.dumps({"error": {"message": "m", "code": f"{SECRET}"}}).encode(),
        json.dumps({"error": {"message": "m", "details": [{f"a{SECRET}": [SECRET, 5, None]}]}}).encode(),
        json.dumps({"error": {"message": "m", "details": SECRET}}).encode(),
        f"<html>{SECRET}</html>".encode(),
        f"{SECRET}{SECRET}".encode(),
        b'{"error":{"message":"\\u0063p_live_0123456789"}}',
    ],
)
def test_secrets_are_masked_wherever_the_server_repeats_them(body: bytes) -> None:
    """Message, code, details, their names, and a foreign body."""
    error = refused(401, body, "", "other", SECRET)
    assert SECRET not in f"{error} {error.details} {error.code} {error.args} {pickle.dumps(error)!r}"
    assert "***" in f"{error} {error.details}"


@pytest.mark.parametrize("secret", ["k", "in", "key", "s", ""])
def test_what_is_too_short_for_a_secret_leaves_code_and_request_id_readable(secret: str) -> None:
    """Programs compare them, also with a key of one letter, as tests have."""
    error = refused(
        409, b'{"error":{"code":"key_in_slug_taken","message":"m"}}', secret, x_request_id="req_key_1"
    )
    assert (error.code, error.request_id) == ("key_in_slug_taken", "req_key_1")


def test_a_secret_in_the_request_id_is_masked() -> None:
    """The server may repeat anything in any place."""
    assert refused(400, ENVELOPE, SECRET, x_request_id=f"r-{SECRET}").request_id == "r-***"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("invalid_api_key", "invalid_api_key"),
        ("keyboard, api-key, monkey", "keyboard, api-key, monkey"),
        ("the key is not known", "the *** is not known"),
        ("x-api-key:key", "x-api-key:***"),
    ],
)
def test_a_secret_that_is_a_short_word_is_masked_only_where_it_stands_alone(text: str, shown: str) -> None:
    """As a test's ``api_key="key"`` is one: else codes would be others."""
    assert masked(text, ["key"]) == shown


def test_of_secrets_that_contain_each_other_the_longer_is_masked_first() -> None:
    """Else the rest of the longer one would be seen."""
    assert "789" not in refused(400, SECRET.encode(), SECRET[:-3], SECRET).message


@given(st.integers(0, 1200), st.sampled_from(["x", " ", "x ", "é", "\U0001f600", SECRET]), st.integers(0, 60))
@example(190, "x", 0)
def test_no_part_of_a_secret_is_seen_where_a_foreign_body_is_cut(place: int, filler: str, after: int) -> None:
    """It is masked before the body is cut: half a secret would not be found."""
    text = (filler * place)[:place] if filler != SECRET else filler * (place // len(SECRET))
    message = refused(502, (text + SECRET + "y" * after).encode(), SECRET, "z" * 40).message
    assert not any(SECRET[:length] in message for length in range(4, len(SECRET) + 1))


@pytest.mark.parametrize("depth", [99, 100, 101, 400, 900, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_deep_details_are_no_trap(opening: bytes, closing: bytes, depth: int) -> None:
    """Any error can be copied and pickled; what is nested too deeply is shown as a foreign body."""
    details = opening * depth + b"1" + closing * depth
    error = refused(400, b'{"error":{"message":"m","details":' + details + b"}}", SECRET)
    assert copy.deepcopy(error).details == error.details
    assert pickle.loads(pickle.dumps(error)).details == error.details
    assert (error.message == "m") is (depth <= 100)


@pytest.mark.parametrize("value", [None, 5, 1.5, True, "text", [], {}, [1, {"a": None}]])
def test_a_value_without_secrets_stays(value: object) -> None:
    """And keeps its types."""
    assert masked(value, [SECRET]) == value


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.integers(100, 999).filter(lambda status: not 200 <= status < 300), st.binary(), st.text(max_size=20)
)
def test_any_bytes_give_a_typed_error(status: int, body: bytes, header: str) -> None:
    """Nothing else gets out, whatever the body and the headers hold."""
    error = refused(status, body, SECRET, retry_after=header, date=header, x_request_id=header)
    assert error.status_code == status
    assert error.message
    assert str(error).startswith(str(status))


@given(anything, st.text(min_size=3))
def test_any_error_envelope_gives_a_typed_error(details: object, message: str) -> None:
    """The details are whatever the platform added."""
    body = json.dumps({"error": {"message": message, "details": details}}).encode()
    error = refused(422, body, SECRET)
    assert type(error) is errors.UnprocessableEntityError
    assert error.details == details or error.code is None


@pytest.mark.parametrize(
    ("status", "expected"), [(199, False), (200, True), (204, True), (299, True), (300, False)]
)
def test_2xx_is_a_success(status: int, expected: bool) -> None:
    """And nothing else."""
    assert Answer(status, {}, b"").is_success is expected
