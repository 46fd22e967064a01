"""Ids, paths, queries, headers and bodies: whatever is given arrives as it was given, or is refused."""

import json
import math
from collections import OrderedDict, UserDict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
import pytest
from attrs import frozen
from hypothesis import example, given
from hypothesis import strategies as st

from cloudplatform_async._protocol.calls import group_of, target_of
from cloudplatform_async._protocol.encoding import (
    checked_headers,
    checked_method,
    checked_path,
    json_body,
    merged,
    path_of,
    query_string,
    whole_number,
)
from cloudplatform_async.errors import InvalidRequestError

BASE = "https://api.cloudplatform.dev/v1"
NAIVE = datetime(2026, 3, 17, 10, 22, 14)
HOSTILE = (
    "..",
    "%2e",
    "@",
    "\\",
    "//",
    "://",
    "?",
    "#",
    "\r\n",
    "\x00",
    ":",
    ";",
    "é",
    "\U0001f600",
    "%",
    "\ud800",
)

texts = st.text() | st.lists(st.sampled_from(HOSTILE) | st.text(max_size=3)).map("".join)


def kind(value: object) -> str:
    """A name for a case."""
    return type(value).__name__


@dataclass
class Box:
    """A dataclass of a user."""

    value: Any


@frozen
class AttrsBox:
    """An attrs class of a user."""

    value: Any


class Pair(NamedTuple):
    """A named tuple of a user."""

    value: Any


class Text(str, Enum):  # noqa: UP042 - whose str() is not its value
    """An enum that is a text."""

    ACTIVE = "active"


class Number(IntEnum):
    """An enum that is a number."""

    ONE = 1


@pytest.mark.parametrize(
    ("identifier", "path"),
    [
        ("prj_01", "/projects/prj_01"),
        ("a b", "/projects/a%20b"),
        ("a?b#c", "/projects/a%3Fb%23c"),
        ("%2e%2e", "/projects/%252e%252e"),
        ("..a", "/projects/..a"),
        ("...", "/projects/..."),
        ("user@host:80", "/projects/user%40host%3A80"),
        ("a;b=c&d", "/projects/a%3Bb%3Dc%26d"),
        ("é", "/projects/%C3%A9"),
        ("\U0001f600", "/projects/%F0%9F%98%80"),
        ("\u2028\ufeff\u202e", "/projects/%E2%80%A8%EF%BB%BF%E2%80%AE"),
        ("٣", "/projects/%D9%A3"),
        ("~-._", "/projects/~-._"),
    ],
)
def test_an_id_is_percent_encoded(identifier: str, path: str) -> None:
    """An id is one segment, whatever it is made of (API contract §4)."""
    assert path_of("projects", identifier) == path


@pytest.mark.parametrize(
    "identifier",
    [
        "",
        ".",
        "..",
        "/",
        "a/b",
        "../x",
        "a\\b",
        "a\r\nb",
        "a\x00",
        "\t",
        "\x7f",
        "\x85",
        "\ud800",
        None,
        5,
        b"x",
    ],
)
def test_an_id_that_is_none_is_refused(identifier: Any) -> None:
    """Empty, dots, slashes, control characters, broken Unicode and other types never leave."""
    with pytest.raises(InvalidRequestError):
        path_of("projects", identifier)


@given(texts)
@example("." * 1000)
def test_an_id_arrives_as_it_was_or_is_refused(identifier: str) -> None:
    """The target has two segments, and decoding the second gives the id; scheme, host and version stay."""
    try:
        path = path_of("projects", identifier)
    except InvalidRequestError:
        return
    url = urlsplit(BASE + path)
    assert (url.scheme, url.netloc, url.query, url.fragment) == ("https", "api.cloudplatform.dev", "", "")
    assert [unquote(segment) for segment in url.path.split("/")] == ["", "v1", "projects", identifier]
    assert path.isascii()
    assert group_of(path) == "projects"


@pytest.mark.parametrize(
    ("path", "encoded"),
    [
        ("/projects", "/projects"),
        ("projects", "/projects"),
        ("/projects/prj_01", "/projects/prj_01"),
        ("/projects/a%2Cb", "/projects/a%2Cb"),
        ("/projects/a b", "/projects/a%20b"),
        ("/projects/é", "/projects/%C3%A9"),
        ("/projects/a:b@c;d,e=f", "/projects/a:b@c;d,e=f"),
        ("/@evil.example", "/@evil.example"),
        ("/projects/...", "/projects/..."),
        ("/projects/%252e%252e", "/projects/%252e%252e"),
    ],
)
def test_a_path_that_the_caller_wrote_keeps_its_encoding(path: str, encoded: str) -> None:
    """What is encoded already stays, and the rest is encoded."""
    assert checked_path(path) == encoded


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "//",
        "//evil.example/x",
        "/projects//x",
        "/projects/",
        "/./x",
        "/../x",
        "/projects/..",
        "/projects/%2e%2e/x",
        "/projects/.%2E",
        "/projects/%2e",
        "/projects/a%2fb",
        "/projects/a%5Cb",
        "/projects\\x",
        "https://evil.example/x",
        "/x?y=1",
        "/x#y",
        "/x\r\nHost: evil.example",
        "/x\x00",
        "/x%00",
        "/x%0d%0aHost:%20evil.example",
        "/x%",
        "/x%zz",
        "/x%4",
        "/\ud800",
        None,
        5,
        b"/x",
    ],
)
def test_a_path_that_could_lead_elsewhere_is_refused(path: Any) -> None:
    """Nothing leaves the version prefix, and no query or header comes in through a path."""
    with pytest.raises(InvalidRequestError):
        checked_path(path)


@pytest.mark.parametrize(
    "url", ["https://me:hunter2@a.example/x", "//hunter2@a.example", r"\\me:hunter2@a", "a://b@hunter2@c\n/d"]
)
def test_a_url_in_place_of_a_path_or_an_id_is_refused_and_its_userinfo_not_shown(url: str) -> None:
    """API contract §1: userinfo stands in no message."""
    for refuse in (checked_path, path_of):
        with pytest.raises(InvalidRequestError) as caught:
            refuse(url)
        assert "hunter2" not in str(caught.value)
        assert "***@" in str(caught.value)


@given(texts | st.lists(texts).map("/".join))
def test_no_path_changes_where_a_request_goes(path: str) -> None:
    """Scheme, host and version are those of the base URL, and as many segments arrive as were written."""
    try:
        encoded = checked_path(path)
    except InvalidRequestError:
        return
    url = urlsplit(BASE + encoded)
    segments = url.path.split("/")
    assert (url.scheme, url.netloc, url.query, url.fragment) == ("https", "api.cloudplatform.dev", "", "")
    assert segments[:2] == ["", "v1"]
    assert [unquote(segment) for segment in segments[2:]] == [
        unquote(segment) for segment in path.removeprefix("/").split("/")
    ]
    assert encoded.isascii()


@pytest.mark.parametrize(("method", "upper"), [("get", "GET"), ("Patch", "PATCH"), ("PURGE", "PURGE")])
def test_a_method_is_sent_in_upper_case(method: str, upper: str) -> None:
    """Methods are case-sensitive on the wire (RFC 9110 §9.1)."""
    assert checked_method(method) == upper


@pytest.mark.parametrize(
    "method",
    ["", "GET ", "G\nET", "GET /x HTTP/1.1\r\n", "GÉT", "ｇｅｔ", "connect", "TRACE", "A" * 21, None, 5],
)
def test_a_method_that_is_none_is_refused(method: Any) -> None:
    """Nothing but letters, and no method that is not a call of an API."""
    with pytest.raises(InvalidRequestError):
        checked_method(method)


@pytest.mark.parametrize(
    ("params", "query"),
    [
        (None, ""),
        ({}, ""),
        ({"limit": 10, "page": None}, "limit=10"),
        ({"flag": True, "other": False}, "flag=true&other=false"),
        ({"rate": 0.5, "big": 1e22}, "rate=0.5&big=1e%2B22"),
        ({"label": ["a:b", "c:d"]}, "label=a%3Ab&label=c%3Ad"),
        ({"label": ("a", None)}, "label=a"),
        ({"label": []}, ""),
        ({"from": date(2026, 3, 1)}, "from=2026-03-01"),
        ({"since": NAIVE.replace(tzinfo=UTC)}, "since=2026-03-17T10%3A22%3A14%2B00%3A00"),
        (
            {"since": NAIVE.replace(tzinfo=timezone(timedelta(hours=-3)))},
            "since=2026-03-17T10%3A22%3A14-03%3A00",
        ),
        ({"status": Text.ACTIVE, "n": Number.ONE}, "status=active&n=1"),
        ({"a&b=c": "d&e=f#g"}, "a%26b%3Dc=d%26e%3Df%23g"),
        ({"cursor": "a+b/c=="}, "cursor=a%2Bb%2Fc%3D%3D"),
        ({"empty": ""}, "empty="),
        ({"n": 10**300}, f"n={10**300}"),
    ],
)
def test_query_parameters_are_encoded(params: Any, query: str) -> None:
    """``None`` is left out, a list repeats its name, an enum is its value."""
    assert query_string(params) == query


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        NAIVE,
        b"x",
        {"a": 1},
        {1, 2},
        object(),
        "\ud800",
        [math.nan],
        10**5000,
        -(10**5000),
        Decimal(1),
        timedelta(1),
    ],
    ids=kind,
)
def test_a_query_value_without_a_text_form_is_refused(value: Any) -> None:
    """NaN, infinities, naive datetimes and foreign types never leave."""
    with pytest.raises(InvalidRequestError):
        query_string({"value": value})


@given(st.dictionaries(texts, st.lists(texts, max_size=3), max_size=4))
def test_query_parameters_arrive_as_they_were(params: dict[str, list[str]]) -> None:
    """A server that decodes the query sees exactly the names and values given; the path is untouched."""
    try:
        target = target_of("/projects", query_string(params))
    except InvalidRequestError as error:
        assert "not valid Unicode" in error.message
        return
    url = urlsplit(BASE + target)
    given_pairs = [(name, value) for name, values in params.items() for value in values]
    assert parse_qsl(url.query, keep_blank_values=True, strict_parsing=bool(url.query)) == given_pairs
    assert (url.netloc, url.path, url.fragment) == ("api.cloudplatform.dev", "/v1/projects", "")
    assert target.isascii()


@pytest.mark.parametrize(
    ("headers", "checked"),
    [
        (None, ()),
        ({}, ()),
        ({"X-Trace": "a b\tc"}, (("x-trace", "a b\tc"),)),
        ({"Cookie": "a=b; c=d"}, (("cookie", "a=b; c=d"),)),
        ({"x-empty": ""}, (("x-empty", ""),)),
    ],
)
def test_a_users_headers_are_taken(headers: Any, checked: tuple[tuple[str, str], ...]) -> None:
    """Names become lower case, values stay (API contract §1)."""
    assert checked_headers(headers) == checked


@pytest.mark.parametrize(
    "name",
    [
        "authorization",
        "X-API-Key",
        "Idempotency-Key",
        "HOST",
        "content-length",
        "Transfer-Encoding",
        "x-attempt",
        "",
        "a b",
        "a:b",
        "a\r\nb",
        "é",
        "a\x00",
        None,
        5,
        b"x",
    ],
)
def test_a_header_name_that_is_ours_or_none_is_refused(name: Any) -> None:
    """Credentials, keys and framing are the client's own."""
    with pytest.raises(InvalidRequestError):
        checked_headers({name: "x"})


@pytest.mark.parametrize(
    "value",
    [
        "s3cret\r\nx: y",
        "s3cret\n",
        "s3cret\x00",
        " s3cret",
        "s3cret ",
        "s3cret é",
        "s3cret\x7f",
        5,
        None,
        b"s3cret",
    ],
)
def test_a_header_value_that_cannot_be_sent_is_refused_unseen(value: Any) -> None:
    """It may be a secret, so the message does not show it."""
    with pytest.raises(InvalidRequestError) as caught:
        checked_headers({"x-token": value})
    assert "s3cret" not in str(caught.value)
    assert "x-token" in str(caught.value)


def test_a_later_header_replaces_an_earlier_one() -> None:
    """Groups are merged by name, in their order."""
    assert merged([("a", "1"), ("b", "2")], [("a", "3")]) == (("a", "3"), ("b", "2"))


@pytest.mark.parametrize("value", [1, 0, 10**5000], ids=["one", "least", "huge"])
def test_a_whole_number_is_taken(value: int) -> None:
    """Any size, from the least one up."""
    assert whole_number("limit", value, least=0) is value


@pytest.mark.parametrize("value", [-1, -(10**5000), 1.0, "1", True, None], ids=kind)
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    """The message names the argument, also where the number is too long to be shown."""
    with pytest.raises(InvalidRequestError, match="`limit` must be a whole number from 0 up"):
        whole_number("limit", value, least=0)


@pytest.mark.parametrize(
    ("value", "body"),
    [
        ({"name": "é", "labels": {}}, '{"name":"é","labels":{}}'.encode()),
        ({"n": [1, 2.5, True, None]}, b'{"n":[1,2.5,true,null]}'),
        ({"since": NAIVE.replace(tzinfo=UTC)}, b'{"since":"2026-03-17T10:22:14Z"}'),
        ({"day": date(2026, 3, 1)}, b'{"day":"2026-03-01"}'),
        (MappingProxyType({"a": 1}), b'{"a":1}'),
        (UserDict(a=(1, 2)), b'{"a":[1,2]}'),
        (Box(AttrsBox(Pair(1))), b'{"value":{"value":[1]}}'),
        ({1: Decimal("1.5")}, b'{"1":"1.5"}'),
        (Text.ACTIVE, b'"active"'),
        (2**70, b"1180591620717411303424"),
    ],
)
def test_a_body_is_written_as_json(value: object, body: bytes) -> None:
    """Mappings of every kind, sequences, classes and moments have a JSON form."""
    assert json_body(value) == body


@pytest.mark.parametrize(
    "holder", [lambda value: value, Box, AttrsBox, Pair, lambda value: OrderedDict(a=[value])]
)
@pytest.mark.parametrize(
    "value", [math.nan, -math.inf, Decimal("nan"), Decimal("sNaN"), NAIVE, b"x", bytearray(b"x")]
)
def test_what_json_cannot_carry_is_refused_wherever_it_is(holder: Any, value: object) -> None:
    """Nothing is silently written as null, and the message says where it stands."""
    with pytest.raises(InvalidRequestError, match=r"`\$"):
        json_body(holder(value))


@pytest.mark.parametrize("value", [{math.nan: 1}, {NAIVE: 1}, {b"x": 1}], ids=["nan", "naive", "bytes"])
def test_what_json_cannot_carry_is_refused_as_a_name(value: object) -> None:
    """The names of an object are looked at like its values."""
    with pytest.raises(InvalidRequestError):
        json_body(value)


@pytest.mark.parametrize(
    "value", [object(), {"a": object()}, "\ud800", {"\ud800": 1}, 10**5000, msgspec.Raw(b"{")], ids=kind
)
def test_a_type_without_a_json_form_is_refused(value: object) -> None:
    """Foreign types and broken Unicode are the caller's mistake, named as such."""
    with pytest.raises(InvalidRequestError, match="cannot be written as JSON"):
        json_body(value)


def test_a_body_that_contains_itself_or_is_too_deep_is_refused() -> None:
    """No recursion error gets out."""
    ring: list[object] = []
    ring.append(ring)
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (ring, deep):
        with pytest.raises(InvalidRequestError, match="nested too deeply"):
            json_body(value)
    while deep:  # taken apart one by one: to free it at once would recurse
        deep = deep.pop()  # type: ignore[assignment]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(json_values)
def test_a_body_arrives_as_it_was_or_is_refused(value: object) -> None:
    """A server that reads the JSON sees exactly what was given."""
    try:
        body = json_body(value)
    except InvalidRequestError:
        assert any(text in repr(value) for text in ("nan", "inf", "\\ud"))
        return
    assert json.loads(body) == value


@pytest.mark.parametrize(
    ("target", "group"),
    [
        ("/projects", "projects"),
        ("/projects/prj_01", "projects"),
        ("/usage?from=2026-03-01", "usage"),
        ("/workflows/a%2Fb/runs?x=/projects", "workflows"),
    ],
)
def test_the_group_is_the_first_segment(target: str, group: str) -> None:
    """Limits are counted per endpoint group (API contract §7)."""
    assert group_of(target) == group


def test_a_target_without_parameters_has_no_question_mark() -> None:
    """An empty query is no query."""
    assert target_of("/projects", "") == "/projects"
    assert target_of("/projects", "a=b") == "/projects?a=b"


class Text(str):
    """A text that shows, encodes and formats as something else."""

    __slots__ = ()

    def __str__(self) -> str:
        return "shown"

    def __format__(self, spec: str) -> str:
        return "shown"

    def encode(self, *_: Any) -> bytes:
        return b"encoded"


class Count(int):
    """A number that shows itself in words."""

    def __repr__(self) -> str:
        return "three"

    __str__ = __repr__


class Ratio(float):
    """As numpy's floats, whose repr is a call."""

    def __repr__(self) -> str:
        return "Ratio(0.5)"


class Stamp(datetime):
    """As pandas' time stamps, whose text is their own."""

    def isoformat(self, *_: Any, **__: Any) -> str:
        return "shown"


class Day(date):
    """A date of another library."""

    def isoformat(self) -> str:
        return "shown"


class Amount(Decimal):
    """Money."""


class Plan(Enum):
    """An enum that is nothing else."""

    FREE = "free"


BELOW: dict[str, tuple[Any, bytes, str | None]] = {
    "text": (Text("x"), b'"x"', "x"),
    "int": (Count(3), b"3", "3"),
    "float": (Ratio(0.5), b"0.5", "0.5"),
    "datetime": (
        Stamp(2026, 1, 2, tzinfo=UTC),
        b'"2026-01-02T00:00:00Z"',
        "2026-01-02T00%3A00%3A00%2B00%3A00",
    ),
    "date": (Day(2026, 1, 2), b'"2026-01-02"', "2026-01-02"),
    "decimal": (Amount("1.10"), b'"1.10"', None),
    "in a list": ([Text("x"), Count(3)], b'["x",3]', "x&v=3"),
}


@pytest.mark.parametrize("case", BELOW)
def test_an_instance_of_a_subclass_is_sent_as_what_it_is_below(case: str) -> None:
    """In bodies and in filters; what it shows of itself is for people."""
    value, body, text = BELOW[case]
    assert json_body({"v": value}) == b'{"v":%s}' % body
    if text is not None:
        assert query_string({"v": value}) == f"v={text}"


@pytest.mark.parametrize(
    ("name", "written"),
    [(Text("k"), b"k"), (Count(3), b"3"), (Day(2026, 1, 2), b"2026-01-02")],
    ids=["text", "int", "date"],
)
def test_a_subclass_may_be_a_name_of_a_mapping(name: Any, written: bytes) -> None:
    """At any depth."""
    assert json_body({"v": [{name: 1}]}) == b'{"v":[{"%s":1}]}' % written


@pytest.mark.parametrize(
    ("name", "written"),
    [
        (Plan.FREE, "free"),
        (Number.ONE, "1"),
        (Count(3), "3"),
        (True, "true"),
        (Day(2026, 1, 2), "2026-01-02"),
        (Text("k"), "k"),
    ],
)
def test_a_name_of_a_filter_is_written_as_a_value_of_it_is(name: Any, written: str) -> None:
    """As in bodies: an enum is its value, a subclass what it is below."""
    assert query_string({name: "v"}) == f"{written}=v"


@pytest.mark.parametrize("name", [None, 1.0e400, ("a",), datetime(2026, 1, 2)])
def test_what_cannot_be_the_name_of_a_filter_is_refused(name: Any) -> None:
    """As a value of one is."""
    with pytest.raises(InvalidRequestError):
        query_string({name: "v"})


@pytest.mark.parametrize("headers", ["x-a: b", [("x-a", "b")], {"x-a"}])
def test_headers_that_are_no_mapping_are_refused(headers: Any) -> None:
    """By the argument's name."""
    with pytest.raises(InvalidRequestError, match="`headers` must be a mapping"):
        checked_headers(headers)


def test_a_subclass_of_text_may_be_an_id_a_name_and_a_header() -> None:
    """Wherever text is taken."""
    assert path_of("projects", Text("prj_1")) == "/projects/prj_1"
    assert query_string({Text("name"): "v"}) == "name=v"
    ((name, value),) = checked_headers({Text("X-A"): Text("b")})
    assert (name, value, type(name), type(value)) == ("x-a", "b", str, str)


def test_a_subclass_of_int_may_be_a_count() -> None:
    """It stands in queries and checkpoints as the number that it is."""
    size = whole_number("page_size", Count(3), least=1)
    assert (size, type(size)) == (3, int)


@pytest.mark.parametrize("value", [Ratio("nan"), Amount("Infinity"), Stamp(2026, 1, 2)])
def test_a_subclass_is_held_to_the_rules_of_its_type(value: Any) -> None:
    """Not finite, or without a time zone."""
    with pytest.raises(InvalidRequestError):
        json_body([value])
