"""Checks that ask the platform: is the key accepted, for what, how often, and do the clocks agree?"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from attrs import define, field

from cloudplatform_async import (
    AsyncClient,
    AuthenticationError,
    CloudPlatformError,
    NotFoundError,
    PermissionDeniedError,
    PooledTransport,
    RateLimitError,
    RetryPolicy,
)
from cloudplatform_async.cli.doctor.findings import Findings
from cloudplatform_async.cli.errors import EXIT_CODES, OTHER
from cloudplatform_async.cli.session.identity import Found, claims_of
from cloudplatform_async.cli.session.options import ANY_JSON

_SECONDS = 10.0
_SKEW = 30.0
_TODAY = "today"
_READS: dict[str, tuple[str, dict[str, Any]]] = {
    "projects:read": ("/projects", {"limit": 1}),
    "usage:read": ("/usage", {"from": _TODAY, "to": _TODAY}),
    "workflows:read": ("/workflows", {"limit": 1}),
    "events:read": ("/events", {"limit": 1}),
}


@define(eq=False)
class Listening(httpx.AsyncBaseTransport):
    """The pool, which keeps the headers of the last answer, also of one that says no.

    Attributes:
        headers: Of the last answer.
    """

    headers: httpx.Headers = field(factory=httpx.Headers, init=False)
    _pool: PooledTransport = field(factory=PooledTransport, init=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and keep the headers of its answer."""
        response = await self._pool.handle_async_request(request)
        self.headers = response.headers
        return response

    async def aclose(self) -> None:
        """Close the pool."""
        await self._pool.aclose()


def check_tokens(findings: Findings, settings: list[Found]) -> None:
    """Read what a token says of itself."""
    for setting in settings:
        claims = claims_of(setting.value) if setting.name == "access_token" else {}
        if ends := claims.get("expires_at"):
            if datetime.fromisoformat(ends) < datetime.now(UTC):
                findings.problem("token", f"it expired at {ends}", "get a new one", code=3)
            else:
                findings.ok("token", f"it serves until {ends}")
        if scopes := claims.get("scopes"):
            findings.ok("token scopes", scopes)


# The client's options are of many types.
async def check_answers(findings: Findings, options: dict[str, Any]) -> None:
    """Ask for what each scope allows to read, once and without retries."""
    transport = Listening()
    retries = RetryPolicy(max_retries=0)
    options = {**options, "timeout": options.get("timeout") or _SECONDS}
    async with AsyncClient(**options, retries=retries, transport=transport) as client:
        accepted = await _check_credentials(findings, client)
        headers = transport.headers
        _check_clock(findings, headers)
        if accepted:
            _check_limits(findings, headers)
            await _check_scopes(findings, client)


async def _check_credentials(findings: Findings, client: AsyncClient) -> bool:
    try:
        await _ask(client, "projects:read")
    except AuthenticationError as error:
        advice = "set the key or token that this platform issued; `cloudplatform auth login` stores it"
        findings.problem(
            "credentials", f"not accepted: {error}", advice, code=EXIT_CODES[AuthenticationError]
        )
        return False
    except RateLimitError as error:
        wait = f"{error.retry_after:.0f} s" if error.retry_after else "a while"
        advice = f"wait {wait}; see what else uses this key"
        findings.problem("rate limit", f"used up: {error}", advice, code=EXIT_CODES[RateLimitError])
        return False
    except PermissionDeniedError:
        pass  # accepted, and told apart below
    except CloudPlatformError as error:
        code = next((EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES), OTHER)
        advice = "see the checks above; if they are all well, the platform has a problem: give it this report"
        findings.problem("answer", str(error), advice, code=code)
        return False
    findings.ok("credentials", "accepted")
    return True


def _check_clock(findings: Findings, headers: httpx.Headers) -> None:
    try:
        there = parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError):
        findings.unknown("clock", "the answer has no date")
        return
    if there.tzinfo is None:
        there = there.replace(tzinfo=UTC)
    skew = (datetime.now(UTC) - there).total_seconds()
    if abs(skew) <= _SKEW:
        findings.ok("clock", f"within {_SKEW:.0f} s of the platform's")
        return
    direction = "ahead of" if skew > 0 else "behind"
    found = f"this machine's is {abs(skew):.0f} s {direction} the platform's"
    advice = "set it by NTP: tokens and webhooks are judged by the time"
    findings.problem("clock", found, advice, code=OTHER)


async def _check_scopes(findings: Findings, client: AsyncClient) -> None:
    allowed: list[str] = []
    refused: list[str] = []
    for scope in _READS:
        try:
            await _ask(client, scope)
        except PermissionDeniedError:
            refused.append(scope)
        except NotFoundError:
            continue  # this platform has no such thing
        except CloudPlatformError as error:
            findings.unknown("scopes", f"{scope}: {error}")
        else:
            allowed.append(scope)
    if refused:
        advice = "ask for a key or token with these scopes, if you need them"
        code = EXIT_CODES[PermissionDeniedError]
        findings.problem("scopes", f"missing: {', '.join(refused)}", advice, code=code)
    else:
        findings.ok("scopes", f"allowed: {', '.join(allowed)}")


def _check_limits(findings: Findings, headers: httpx.Headers) -> None:
    for prefix in ("ratelimit-", "x-ratelimit-"):
        if f"{prefix}remaining" in headers:
            limit, left = headers.get(f"{prefix}limit", "?"), headers[f"{prefix}remaining"]
            findings.ok("rate limit", f"{left} of {limit} requests left for projects")
            return
    findings.unknown("rate limit", "the answer says nothing of it")


async def _ask(client: AsyncClient, scope: str) -> None:
    path, params = _READS[scope]
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    params = {name: today if value is _TODAY else value for name, value in params.items()}
    await client.request("GET", path, params=params, model=ANY_JSON)
