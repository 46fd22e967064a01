"""An endpoint's end is read from its answers (RFC 9745, RFC 8594)."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudplatform_async._protocol.deprecation import Deprecation, deprecation_of

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
SUNSET = datetime(2027, 1, 1, tzinfo=UTC)
DATE = "Fri, 01 Jan 2027 00:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"link": '<https://a.example/>; rel="deprecation"'}, None),
        ({"deprecation": "@1767225600"}, Deprecation(since=SINCE, sunset=None, link=None)),
        ({"sunset": DATE}, Deprecation(since=None, sunset=SUNSET, link=None)),
        ({"deprecation": DATE}, Deprecation(since=SUNSET, sunset=None, link=None)),
        ({"deprecation": " @1767225600;v=1"}, Deprecation(since=SINCE, sunset=None, link=None)),
        ({"deprecation": "false"}, None),
        ({"deprecation": "?0"}, None),
        ({"deprecation": ""}, None),
        ({"deprecation": "?0", "sunset": DATE}, Deprecation(since=None, sunset=SUNSET, link=None)),
        ({"deprecation": "true"}, Deprecation(since=None, sunset=None, link=None)),
        ({"deprecation": "@99999999999999"}, Deprecation(since=None, sunset=None, link=None)),
        (
            {"deprecation": "@1767225600", "link": '<https://a.example/why?key=s>; rel="deprecation"'},
            Deprecation(since=SINCE, sunset=None, link="https://a.example/why"),
        ),
        (
            {"sunset": DATE, "link": '</old>; rel="next", </why>; rel="sunset"'},
            Deprecation(since=None, sunset=SUNSET, link="/why"),
        ),
    ],
)
def test_what_the_headers_say(headers: dict[str, str], expected: Deprecation | None) -> None:
    """A time that cannot be read leaves the endpoint deprecated all the same."""
    assert deprecation_of(headers) == expected


@given(st.text(), st.text(), st.text())
def test_no_header_can_raise(deprecation: str, sunset: str, link: str) -> None:
    """A server that writes nonsense costs no call."""
    found = deprecation_of({"deprecation": deprecation, "sunset": sunset, "link": link})
    assert found is not None
