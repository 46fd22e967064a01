"""No crafted value changes where a request goes."""

import json
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

import anyio
from hypothesis import given
from hypothesis import strategies as st

from cloudplatform_async import InvalidRequestError, ResponseDecodeError
from tests.security.transports import BASE_URL, Answer, Hostile, client_of

NASTY = st.sampled_from(
    [
        *(
            "/",
            "//",
            "\\",
            ".",
            "..",
            "%2e",
            "%2e%2e",
            "..%2f",
            "%2f",
            "@",
            ":",
            "?",
            "#",
            ";",
            "&",
            "=",
            "+",
        ),
        *("\r\n", "\x00", "\x7f", " ", "https://", "evil.example:1@", "[::1]", "％", "。", "﹒"),
    ]
)
TEXTS = st.one_of(
    st.text(max_size=30),
    st.lists(st.one_of(NASTY, st.text(max_size=4)), max_size=8).map("".join),
    st.lists(NASTY, max_size=6).map(lambda parts: "/" + "/".join(parts)),
)
JSON_TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)


def sent_by(call: Any) -> list[Any]:
    """Make a call, and give the requests that it sent."""
    transport = Hostile(Answer(chunks=[b'{"data": []}']))

    async def main() -> None:
        async with client_of(transport) as client:
            with suppress(InvalidRequestError, ResponseDecodeError):
                await call(client)

    anyio.run(main)
    return transport.requests


def assert_at_home(request: Any, path: str) -> None:
    """The request goes to the base URL's scheme, host, port and version, at a path of this shape."""
    url = request.url
    assert (url.scheme, url.host, url.port, url.userinfo) == ("https", "api.cloudplatform.dev", None, b"")
    assert request.headers.get_list("host") == ["api.cloudplatform.dev"]
    assert str(url).startswith(BASE_URL + "/")
    raw = url.raw_path.decode("ascii")
    assert raw.partition("?")[0].count("/") == path.count("/")
    assert not {".", ".."} & {unquote(segment) for segment in raw.partition("?")[0].split("/")}
    assert not set("\r\n\x00 \\#") & set(raw.partition("?")[0])


@given(TEXTS)
def test_an_id_stays_one_segment_of_its_path(text: str) -> None:
    """It is refused, or it arrives as it is."""
    for request in sent_by(lambda client: client.projects.get(text)):
        assert_at_home(request, "/v1/projects/id")
        assert unquote(request.url.raw_path.decode().rpartition("/")[2]) == text


@given(TEXTS, TEXTS)
def test_a_filter_stays_in_the_query(text: str, name: str) -> None:
    """Names and values of filters, and cursors, arrive as they are."""
    call = {"slug": text, "filters": {f"x{name}": text}, "cursor": text or "c"}
    for request in sent_by(lambda client: client.projects.list(**call)):
        assert_at_home(request, "/v1/projects")
        assert request.url.params.multi_items() == [
            ("slug", text),
            (f"x{name}", text),
            ("cursor", text or "c"),
        ]


@given(TEXTS)
def test_a_path_of_the_users_stays_below_the_version(text: str) -> None:
    """``request`` reaches every endpoint of the platform, and nothing else."""
    for request in sent_by(lambda client: client.request("GET", text)):
        assert_at_home(request, "/v1/" + text.removeprefix("/"))


@given(
    st.one_of(
        TEXTS, st.sampled_from(["Cookie", "X-Request-Id", "Content-Type", "User-Agent", "accept", "Host"])
    ),
    TEXTS,
)
def test_a_header_stays_one_header(name: str, value: str) -> None:
    """Neither a name nor a value can begin another header, or take the place of our own."""
    for request in sent_by(lambda client: client.request("PUT", "/projects", json={}, headers={name: value})):
        assert_at_home(request, "/v1/projects")
        given = request.headers.get_list(name)
        assert given == [value] or (
            name.lower() == "x-request-id" and len(given) == 1
        )  # an empty one is made
        assert request.headers["x-api-key"] == "cp_test_key"


@given(st.dictionaries(JSON_TEXT, st.one_of(JSON_TEXT, st.integers(-(2**63), 2**63), st.none()), max_size=4))
def test_a_body_arrives_as_it_is(body: dict[str, Any]) -> None:
    """Whatever JSON can say is said, byte for byte the same on each attempt."""
    (request,) = sent_by(lambda client: client.request("POST", "/projects", json=body))
    assert json.loads(request.content) == body
    assert request.headers["content-length"] == str(len(request.content))
