"""Options and the base URL: what is refused, with a message that names the fix and shows no secret."""

import math
from typing import Any

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cloudplatform_async.errors import ConfigurationError
from cloudplatform_async.settings import (
    DEFAULT_BASE_URL,
    BaseURL,
    PoolLimits,
    RetryPolicy,
    Timeouts,
    is_loopback,
    parse_base_url,
    secure_url,
)

SECRET = "s3cret"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DEFAULT_BASE_URL, BaseURL("https", "api.cloudplatform.dev", "/v1")),
        ("https://api.cloudplatform.dev/v1/", BaseURL("https", "api.cloudplatform.dev", "/v1")),
        ("https://api.cloudplatform.dev/v1//", BaseURL("https", "api.cloudplatform.dev", "/v1")),
        ("HTTPS://API.CloudPlatform.dev/v1", BaseURL("https", "api.cloudplatform.dev", "/v1")),
        ("https://api.cloudplatform.dev:8443/v12", BaseURL("https", "api.cloudplatform.dev:8443", "/v12")),
        ("https://api.cloudplatform.dev:/v1", BaseURL("https", "api.cloudplatform.dev", "/v1")),
        (
            "https://gateway_1.example/cloud/api~x/v2",
            BaseURL("https", "gateway_1.example", "/cloud/api~x/v2"),
        ),
        ("https://gateway.example/v1/proxy/v2", BaseURL("https", "gateway.example", "/v1/proxy/v2")),
        ("https://[2001:db8::1]/v1", BaseURL("https", "[2001:db8::1]", "/v1")),
        ("http://127.0.0.1:8080/v1", BaseURL("http", "127.0.0.1:8080", "/v1")),
        ("http://127.9.9.9/v1", BaseURL("http", "127.9.9.9", "/v1")),
        ("http://[::1]:80/v1", BaseURL("http", "[::1]:80", "/v1")),
        ("http://LocalHost/v1", BaseURL("http", "localhost", "/v1")),
    ],
)
def test_a_base_url_is_taken_apart(text: str, expected: BaseURL) -> None:
    """HTTPS anywhere, HTTP to this machine, with a version at the end (API contract §1)."""
    base = parse_base_url(text)
    assert base == expected
    assert (
        str(base) == f"{expected.scheme}://{expected.authority}{expected.prefix}" == base.origin + base.prefix
    )


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("https://api.cloudplatform.dev", "use https://api.cloudplatform.dev/v1"),
        ("https://api.cloudplatform.dev/", "use https://api.cloudplatform.dev/v1"),
        ("https://api.cloudplatform.dev/api", "use https://api.cloudplatform.dev/api/v1"),
        ("https://api.cloudplatform.dev/v1/projects", "use https://api.cloudplatform.dev/v1"),
        ("https://api.cloudplatform.dev/api/v2/projects/x", "use https://api.cloudplatform.dev/api/v2"),
        ("https://api.cloudplatform.dev/v1beta", "use https://api.cloudplatform.dev/v1beta/v1"),
        ("https://api.cloudplatform.dev/v", "use https://api.cloudplatform.dev/v/v1"),
        ("https://api.cloudplatform.dev/..%2f", "use https://api.cloudplatform.dev/v1"),
        ("https://api.cloudplatform.dev/a/../v1", "use https://api.cloudplatform.dev/v1"),
        ("https://api.cloudplatform.dev:8443", "use https://api.cloudplatform.dev:8443/v1"),
        ("http://api.cloudplatform.dev/v1", "Use https://api.cloudplatform.dev/v1"),
        ("http://127.0.0.1.evil.example/v1", "Use https://127.0.0.1.evil.example/v1"),
        ("http://localhost.evil.example/v1", "must use https://"),
        ("http://0.0.0.0/v1", "must use https://"),
        ("http://10.0.0.1/v1", "must use https://"),
        ("http://127.1/v1", "must begin with https://"),
        ("http://[::2]/v1", "must use https://"),
        ("http://2130706433/v1", "must begin with https://"),
        ("ftp://api.cloudplatform.dev/v1", "must begin with https:// and a host name"),
        ("api.cloudplatform.dev/v1", "must begin with https:// and a host name"),
        ("//api.cloudplatform.dev/v1", "must begin with https:// and a host name"),
        ("https:/v1", "must begin with https:// and a host name"),
        ("https:///v1", "must begin with https:// and a host name"),
        ("https://:443/v1", "must begin with https:// and a host name"),
        ("https://-x.example/v1", "must begin with https:// and a host name"),
        ("https://a%2eb/v1", "must begin with https:// and a host name"),
        ("https://a,b/v1", "must begin with https:// and a host name"),
        ("file:///v1", "must begin with https:// and a host name"),
        ("", "must begin with https:// and a host name"),
        ("https://[::1/v1", "is not a valid URL; check its host and port"),
        ("https://[::zz]/v1", "check its host and port|must begin with https://"),
        ("https://host:99999/v1", "check its host and port"),
        ("https://host:x/v1", "check its host and port"),
        ("https://host:-1/v1", "check its host and port"),
        ("https://host:0/v1", "port 0; name the port"),
        ("https://api.cloudplatform.dev/v1?key=x", "pass queries as `params=`"),
        ("https://api.cloudplatform.dev/v1?", "pass queries as `params=`"),
        ("https://api.cloudplatform.dev/v1#x", "pass queries as `params=`"),
        ("https://api.cloudplatform.dev/v1#", "pass queries as `params=`"),
        (" https://api.cloudplatform.dev/v1", "plain ASCII, without spaces"),
        ("https://api.cloudplatform.dev/v1\n", "plain ASCII, without spaces"),
        ("https://api.cloudplatform.dev/v1\r\nx: y", "plain ASCII, without spaces"),
        ("https://api.cloudplatform.dev\\@evil.example/v1", "plain ASCII, without spaces"),
        ("https://äpi.example/v1", "plain ASCII"),
        ("https://\U0001f600.example/v1", "plain ASCII"),
        ("https://ａpi.example/v1", "plain ASCII"),
        ("https://api.example/v1\x00", "plain ASCII"),
        ("https://api.example/v１", "plain ASCII"),
        (None, "must be a URL"),
        (5, "must be a URL"),
        (b"https://api.cloudplatform.dev/v1", "must be a URL"),
    ],
)
def test_a_refused_base_url_is_told_how_to_be_right(text: Any, fix: str) -> None:
    """The message names the option and the fix."""
    with pytest.raises(ConfigurationError, match=fix) as caught:
        parse_base_url(text)
    assert "base_url" in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        f"https://user:{SECRET}@host/v1",
        f"https://{SECRET}@host/v1",
        f"https://:{SECRET}@host/v1",
        f"http://user:{SECRET}@host/v1",
        f"http://user:{SECRET}@127.0.0.1/v1",
        f"https://user:{SECRET}/x@host/v1",
        f"https://user:{SECRET}?x@host/v1",
        f"https://user:{SECRET}#x@host/v1",
        f"https://user:{SECRET}]x@host/v1",
        f"https://user:{SECRET}@@host/v1",
        f"http://{SECRET}/x@host/v1",
        f"https://{SECRET}/x@host",
        f"https://user:{SECRET} x@host/v1",
        f"https://user:{SECRET}é@host/v1",
        f"https://user:{SECRET}\\@host/v1",
        f"https://host:{SECRET}/v1",
        f"https://[{SECRET}]/v1",
        f"ftp://user:{SECRET}@host/v1",
        f"//user:{SECRET}@host/v1",
    ],
)
def test_userinfo_is_refused_and_never_shown(text: str) -> None:
    """Whatever a password is made of, no part of it stands in a message."""
    for check in (parse_base_url, lambda text: secure_url(text, "base_url")):
        with pytest.raises(ConfigurationError) as caught:
            check(text)
        assert SECRET not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_userinfo_is_named() -> None:
    """With where credentials belong."""
    with pytest.raises(ConfigurationError, match="pass credentials by their options"):
        parse_base_url("https://user@host/v1")


pieces = st.sampled_from(
    ["https://", "http://", "host", ":", "@", "/", "v1", "..", "%2e", "[", "]", "?", "#", "\\", "1", "::"]
)


@given(st.lists(pieces | st.text(max_size=2)).map("".join))
@example("https://" + "a" * 50_000 + "!/v1")
@example("https://host" + "/a" * 30_000 + "!")
def test_any_text_is_a_plain_base_url_or_a_configuration_error(text: str) -> None:
    """Nothing else gets out, and what is taken is ASCII, without userinfo, and ends in a version."""
    try:
        base = parse_base_url(text)
    except ConfigurationError as error:
        assert "base_url" in error.message
    else:
        assert str(base).isascii()
        assert not set("@\\?# ") & set(str(base))
        assert base.prefix.rpartition("/v")[2].isdigit()
        assert base.scheme == "https" or is_loopback(base.authority.rpartition(":")[0] or base.authority)
        assert parse_base_url(str(base)) == base


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.255.255.254", True),
        ("::1", True),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("128.0.0.1", False),
        ("::2", False),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("", False),
    ],
)
def test_this_machine_is_known_by_its_very_name(host: str, expected: bool) -> None:
    """No name is looked up to find it out."""
    assert is_loopback(host) is expected


def test_another_option_is_named_in_its_message() -> None:
    """The token URL obeys the same rule."""
    with pytest.raises(ConfigurationError, match="token_url must use https"):
        secure_url("http://id.example/token", "token_url")
    assert secure_url("https://id.example/token?x=1", "token_url").path == "/token"


def test_a_number_is_the_timeout_of_the_whole_call() -> None:
    """The steps keep their own bounds."""
    assert Timeouts.of(10) == Timeouts(total=10)
    patient = Timeouts(total=None, read=None)
    assert Timeouts.of(patient) is patient


DURATIONS = [(Timeouts, field.name) for field in attrs.fields(Timeouts)]
DURATIONS += [(RetryPolicy, name) for name in ("base", "cap", "max_retry_after")]
DURATIONS += [(PoolLimits, "keepalive_expiry")]
WRONG = [-1, -0.001, math.nan, math.inf, -math.inf, "5", b"5", True, [], 10**400, -(10**5000)]


@pytest.mark.parametrize(("kind", "name"), DURATIONS)
def test_what_is_no_duration_is_refused(kind: Any, name: str) -> None:
    """The message names the option."""
    message = rf"{kind.__name__}\.{name} must be a number of seconds"
    for value in WRONG:
        with pytest.raises(ConfigurationError, match=message):
            kind(**{name: value})


@pytest.mark.parametrize(("kind", "name"), DURATIONS)
def test_nothing_may_stand_for_no_bound_where_there_is_one(kind: Any, name: str) -> None:
    """``None`` and zero have a meaning in some places only."""
    allows_none, allows_zero = kind is not RetryPolicy, kind is not Timeouts
    for value, is_allowed in ((None, allows_none), (0, allows_zero)):
        if is_allowed:
            assert getattr(kind(**{name: value}), name) == value
        else:
            with pytest.raises(ConfigurationError):
                kind(**{name: value})


COUNTS = [-1, 1.0, "1", True, None, math.nan, -(10**5000)]


@pytest.mark.parametrize("value", COUNTS, ids=[f"wrong {place}" for place in range(len(COUNTS))])
@pytest.mark.parametrize(("kind", "name"), [(RetryPolicy, "max_retries"), (PoolLimits, "max_connections")])
def test_what_is_no_count_is_refused(kind: Any, name: str, value: Any) -> None:
    """The message names the option."""
    with pytest.raises(ConfigurationError, match=rf"{kind.__name__}\.{name} must be a whole number"):
        kind(**{name: value})


def test_no_retries_are_a_choice_and_no_connections_are_not() -> None:
    """The least values."""
    assert RetryPolicy(max_retries=0).max_retries == 0
    assert PoolLimits(max_connections=1).max_connections == 1
    with pytest.raises(ConfigurationError, match="from 1 up"):
        PoolLimits(max_connections=0)


def test_the_defaults_are_those_promised() -> None:
    """Seconds and counts of the documentation."""
    assert attrs.astuple(Timeouts()) == (120.0, 5.0, 30.0, 30.0, 30.0)
    assert attrs.astuple(RetryPolicy()) == (4, 0.5, 8.0, 60.0, True)
    assert attrs.astuple(PoolLimits()) == (100, 30.0)


@pytest.mark.parametrize("value", [Timeouts(), RetryPolicy(), PoolLimits(), parse_base_url(DEFAULT_BASE_URL)])
def test_options_are_values(value: Any) -> None:
    """They cannot be changed, compare by content and can be keys."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(value, attrs.fields(type(value))[0].name, 1)
    assert value == attrs.evolve(value)
    assert hash(value) == hash(attrs.evolve(value))
