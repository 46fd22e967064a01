"""The key that makes a write safe to send again (API contract §6)."""

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudplatform_async._protocol.idempotency import AUTO, choose_key, is_write
from cloudplatform_async.errors import InvalidRequestError


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE", "PURGE"])
def test_a_write_gets_a_key(method: str) -> None:
    """Whatever is not known to be safe is a write (RFC 9110 §9.2.1)."""
    assert is_write(method)
    assert choose_key(method, AUTO, lambda: "made") == "made"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_read_gets_none(method: str) -> None:
    """And no key is made for it."""
    assert not is_write(method)
    assert choose_key(method, AUTO, lambda: pytest.fail("made a key")) is None


@pytest.mark.parametrize("key", [None, "a", "order-42", "!~", "x" * 255])
def test_the_callers_key_is_sent_unchanged(key: str | None) -> None:
    """``None`` sends none."""
    assert choose_key("POST", key, lambda: pytest.fail("made a key")) == key


@pytest.mark.parametrize(
    "key", ["", " ", "a b", "a\r\nb", "\x00", "\x7f", "é", "x" * 256, 5, b"a", True, ["a"]]
)
def test_a_key_that_cannot_be_sent_is_refused(key: Any) -> None:
    """1 to 255 visible ASCII characters, and nothing else; the message does not repeat it."""
    with pytest.raises(InvalidRequestError, match="1 to 255 visible ASCII"):
        choose_key("POST", key, lambda: "made")


@given(st.text(max_size=300))
def test_any_text_is_sent_unchanged_or_refused(key: str) -> None:
    """There is no third way."""
    try:
        assert choose_key("POST", key, lambda: "made") == key
    except InvalidRequestError:
        assert not (key.isascii() and key.isprintable() and 1 <= len(key) <= 255 and " " not in key)


def test_auto_stays_itself() -> None:
    """Copied, pickled or sent to another process, it is still the default."""
    assert copy.deepcopy(AUTO) is AUTO
    assert pickle.loads(pickle.dumps(AUTO)) is AUTO
