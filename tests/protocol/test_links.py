"""Next links: found where RFC 8288 puts them, and never followed out of the origin and the version."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cloudplatform_async._protocol.lists.links import follow, next_in_header
from cloudplatform_async.errors import PaginationError
from cloudplatform_async.settings import parse_base_url

BASE = parse_base_url("https://api.cloudplatform.dev/v1")
CURRENT = "/projects?page=1"


@pytest.mark.parametrize(
    ("header", "link"),
    [
        ('</v1/projects?page=2>; rel="next"', "/v1/projects?page=2"),
        ("</a>;rel=next", "/a"),
        ("</a> ; REL = NEXT", "/a"),
        ('</a>; rel="prev next"', "/a"),
        ('</a>; rel="prev", </b>; rel="next"', "/b"),
        ('</a>; rel="next", </b>; rel="next"', "/a"),
        ('</a>; title="x, y; z"; rel="next"', "/a"),
        (r'</a>; title="\"; rel=prev"; rel=next', "/a"),
        ("</a,b>; rel=next", "/a,b"),
        ("</a>; rel=next;", "/a"),
        ("</a>;; rel=next", "/a"),
        ("</a>; crossorigin; rel=next", "/a"),
        ("</a>; rel=next,", "/a"),
    ],
)
def test_the_next_link_of_a_header_is_found(header: str, link: str) -> None:
    """Whatever the order, the quoting and the other parameters (RFC 8288 §3)."""
    assert next_in_header(header) == link


@pytest.mark.parametrize(
    "header",
    [
        "",
        "</a>",
        "</a>; rel=prev",
        "</a>; rel=nextish",
        "</a>; rel=",
        "</a>; xrel=next",
        "</a>; rel=prev; rel=next",
        '</a>; title="; rel=next"; rel=prev',
        '</a>; title="; rel=next"',
        '</a>; title=", </b>; rel=next"',
        "</a; rel=next",
        "/a; rel=next",
        '</a>; rel="next',
        "</a> </b>; rel=next",
        "</a>; rel=next, nonsense",
        "<>; rel=next",
        "next",
    ],
)
def test_a_header_without_a_next_link_or_with_a_fault_is_ignored(header: str) -> None:
    """Only the first ``rel`` counts, and never what stands in the quotes of another."""
    assert not next_in_header(header)


@given(st.text(alphabet='<>;,="\\ \tarelnxt/') | st.text(alphabet=st.characters(max_codepoint=255)))
@example("<a>" + "; " * 20_000)
@example("<a>" + ";\t " * 20_000 + "!")
@example("<a>; " + " " * 50_000 + "!")
@example("<a>;x" + ";x=y" * 20_000 + '"')
@example("<a>;" + "x" * 50_000 + '"')
@example('<a>;x="' + "\\" * 50_001)
@example("<" * 50_000)
@example("<a>," * 20_000 + "!")
def test_no_header_can_raise_or_take_long(header: str) -> None:
    """A header of 64 KiB is read in time linear in its length; what it says is a part of it."""
    link = next_in_header(header)
    assert link is None or f"<{link}>" in header


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("https://api.cloudplatform.dev/v1/projects?page=2", "/projects?page=2"),
        ("HTTPS://API.cloudplatform.DEV/v1/projects", "/projects"),
        ("https://api.cloudplatform.dev:443/v1/projects", "/projects"),
        ("https://api.cloudplatform.dev:/v1/projects", "/projects"),
        ("//api.cloudplatform.dev/v1/projects", "/projects"),
        ("/v1/projects?page=2", "/projects?page=2"),
        ("?page=2", "/projects?page=2"),
        ("projects?page=2", "/projects?page=2"),
        ("/v1/other/../projects?page=2", "/projects?page=2"),
        ("/v1/projects?page=2#part", "/projects?page=2"),
        ("/v1/projects?next=https://evil.example/", "/projects?next=https://evil.example/"),
        ("/v1/a%2Fb", "/a%2Fb"),
    ],
)
def test_a_link_within_the_version_is_followed(link: str, target: str) -> None:
    """Absolute or relative to the page it stands on."""
    assert follow(link, BASE, CURRENT) == target


@pytest.mark.parametrize(
    "link",
    [
        "http://api.cloudplatform.dev/v1/projects",
        "https://evil.example/v1/projects",
        "https://api.cloudplatform.dev.evil.example/v1/projects",
        "https://api.cloudplatform.dev@evil.example/v1/projects",
        "https://user@api.cloudplatform.dev/v1/projects",
        "https://user:pass@api.cloudplatform.dev/v1/projects",
        "https://@api.cloudplatform.dev/v1/projects",
        "https://api.cloudplatform.dev:8443/v1/projects",
        "https://api.cloudplatform.dev:80/v1/projects",
        "https://api.cloudplatform.dev:x/v1/projects",
        "https://api.cloudplatform.dev./v1/projects",
        "//evil.example/v1/projects",
        "///evil.example/v1/projects",
        "https://[::1/v1/projects",
        "https://[::1]/v1/projects",
        "ftp://api.cloudplatform.dev/v1/projects",
        "javascript:alert(1)",
        "file:///v1/projects",
        "/v2/projects",
        "/v1",
        "/v1x/projects",
        "/projects",
        "/",
        "../../v2/projects",
        "/v1/../v2/projects",
        "/v1/%2e%2e/v2/projects",
        "/v1/.%2E/projects",
        "/v1/x%2f..%2f..%2fv2",
        "/v1/x%5C..%5C..%5Cv2",
        "/v1\\projects",
        "https:\\\\evil.example/v1/projects",
        "/v1/projects\r\nx: y",
        "/v1/projects\n",
        "/v1/pro jects",
        "/v1/projects\x00",
        "/v1/projects\x7f",
        "/v1/projects?c=é",
        "/v1/projects?c=\U0001f600",
        "https://\U0001f600/v1/projects",
    ],
)
def test_a_link_that_leads_elsewhere_is_refused(link: str) -> None:
    """Another origin, version or scheme, userinfo, dots, and characters that no URL has (API contract §5)."""
    with pytest.raises(PaginationError) as caught:
        follow(link, BASE, CURRENT)
    assert "pass" not in str(caught.value)
    assert caught.value.outcome == "not_sent"


@pytest.mark.parametrize(
    ("base", "link", "is_followed"),
    [
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1/x", True),
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1/v1/x", False),
        ("http://127.0.0.1:80/v1", "http://127.0.0.1/v1/x", True),
        ("http://localhost/v1", "https://localhost/v1/x", False),
        ("https://h:443/api/v1", "https://h/api/v1/x", True),
        ("https://h/api/v1", "https://h/v1/x", False),
        ("https://[::1]:443/v1", "https://[::1]/v1/x", True),
    ],
)
def test_the_origin_is_compared_with_its_port(base: str, link: str, is_followed: bool) -> None:
    """A port that goes without saying may be said (RFC 3986 §6.2.3)."""
    url = parse_base_url(base)
    if is_followed:
        assert follow(link, url, CURRENT) == "/x"
    else:
        with pytest.raises(PaginationError):
            follow(link, url, CURRENT)


pieces = st.sampled_from(
    [
        "https:",
        "http:",
        "//",
        "/",
        "v1",
        "api.cloudplatform.dev",
        "evil.example",
        "@",
        ":",
        "..",
        "%2e",
        "?",
        "#",
        "\\",
        "[",
    ]
)


@given(st.lists(pieces | st.text(max_size=2)).map("".join))
def test_no_link_can_lead_out(link: str) -> None:
    """What is followed is a plain ASCII path below the version; anything else is an error of paging."""
    try:
        target = follow(link, BASE, CURRENT)
    except PaginationError:
        return
    assert target.startswith("/")
    assert target.isascii()
    assert target.isprintable()
    assert not {".", ".."} & set(target.partition("?")[0].split("/"))
    assert follow(str(BASE) + target, BASE, CURRENT) == target
