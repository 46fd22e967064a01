"""The token endpoint: both grants, rotation, and the errors of RFC 6749."""

import httpx
import pytest

from cloudplatform_async.sandbox import Sandbox

pytestmark = pytest.mark.anyio


@pytest.fixture
def form(sandbox: Sandbox) -> dict[str, str]:
    """The client's credentials in the body."""
    return {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}


async def test_client_credentials_give_a_token_that_works(
    sandbox: Sandbox, api, form: dict[str, str]
) -> None:
    """With its lifetime and scopes, never to be stored, and without a refresh token (RFC 6749 §4.4.3)."""
    sandbox.token_lifetime = 90.0
    data = {**form, "grant_type": "client_credentials", "scope": "projects:read usage:read"}
    answer = await api.post(sandbox.token_url, data=data)
    token = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert token.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert (token["expires_in"], token["scope"]) == (90, "projects:read usage:read")
    headers = {"authorization": f"Bearer {token['access_token']}"}
    assert (await api.get("/projects", headers=headers)).status_code == 200
    assert (await api.post("/projects", headers=headers, json={"name": "n", "slug": "s"})).status_code == 403


async def test_a_granted_token_expires(
    sandbox: Sandbox, api: httpx.AsyncClient, form: dict[str, str]
) -> None:
    """After `token_lifetime` seconds, an hour unless it is set."""
    now = sandbox.clock()
    assert sandbox.token_lifetime == 3600.0
    sandbox.token_lifetime = 90.0
    token = (await api.post(sandbox.token_url, data={**form, "grant_type": "client_credentials"})).json()
    sandbox.clock._source = lambda: now + 91
    answer = await api.get("/projects", headers={"authorization": f"Bearer {token['access_token']}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "token_expired")


async def test_a_refresh_token_is_good_for_one_use(sandbox: Sandbox, api, form: dict[str, str]) -> None:
    """Each use gives the next one; the used one is `invalid_grant`."""
    refresh = {**form, "grant_type": "refresh_token"}
    old = sandbox.issue_refresh_token(scopes=["usage:read"])
    first = (await api.post(sandbox.token_url, data={**refresh, "refresh_token": old})).json()
    again = await api.post(sandbox.token_url, data={**refresh, "refresh_token": old})
    second = await api.post(sandbox.token_url, data={**refresh, "refresh_token": first["refresh_token"]})
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert (second.status_code, second.json()["scope"]) == (200, "usage:read")


async def test_a_revoked_refresh_token_is_worthless(sandbox: Sandbox, api, form: dict[str, str]) -> None:
    """400 `invalid_grant`."""
    token = sandbox.issue_refresh_token()
    sandbox.revoke(token)
    answer = await api.post(
        sandbox.token_url, data={**form, "grant_type": "refresh_token", "refresh_token": token}
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_the_client_may_say_who_it_is_by_http_basic(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    """RFC 6749 §2.3.1 asks every server for this form."""
    auth = httpx.BasicAuth(sandbox.client_id, sandbox.client_secret)
    answer = await api.post(sandbox.token_url, data={"grant_type": "client_credentials"}, auth=auth)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("change", "headers", "status", "code"),
    [
        ({"grant_type": "password"}, {}, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, {}, 400, "invalid_grant"),
        ({"scope": "projects:read everything"}, {}, 400, "invalid_scope"),
        ({"client_secret": "wrong"}, {}, 401, "invalid_client"),
        ({"client_id": "ü"}, {}, 401, "invalid_client"),
        ({}, {"authorization": "Basic Og=="}, 401, "invalid_client"),
        ({}, {"authorization": "Basic /w=="}, 401, "invalid_client"),
        ({}, {"authorization": "Basic x"}, 401, "invalid_client"),
    ],
)
async def test_what_is_refused_is_told_in_the_oauth_form(
    sandbox: Sandbox, api, form, change: dict[str, str], headers: dict[str, str], status: int, code: str
) -> None:
    """RFC 6749 §5.2: `error` is a string here, not the API's envelope."""
    data = {**form, "grant_type": "client_credentials", **change}
    answer = await api.post(sandbox.token_url, data=data, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert ("www-authenticate" in answer.headers) == (status == 401)
