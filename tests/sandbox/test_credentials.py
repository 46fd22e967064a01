"""Who may call: keys, tokens, scopes, and each way to be refused."""

import httpx
import pytest

from cloudplatform_async.sandbox import Sandbox

pytestmark = pytest.mark.anyio


async def ask(
    reach, sandbox: Sandbox, headers: dict[str, str], path: str = "/projects"
) -> tuple[int, str | None]:
    """Status and error code of a request with these headers."""
    async with reach(sandbox, headers) as api:
        answer: httpx.Response = await api.get(path)
    return answer.status_code, answer.json().get("error", {}).get("code")


async def test_a_key_a_token_and_both_are_accepted(reach, sandbox: Sandbox) -> None:
    """Both documented headers, and the landing page's form: the key as a bearer token."""
    key, token = sandbox.api_key, sandbox.issue_token()
    assert key.startswith("cp_test_")
    for headers in (
        {"x-api-key": key},
        {"authorization": f"Bearer {token}"},
        {"authorization": f"bearer {token}"},
        {"authorization": f"Bearer {key}"},
        {"x-api-key": key, "authorization": f"Bearer {token}"},
    ):
        assert await ask(reach, sandbox, headers) == (200, None)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "missing_credentials"),
        ({"x-api-key": "wrong"}, "invalid_api_key"),
        ({"x-api-key": ""}, "invalid_api_key"),
        ({"authorization": "Bearer wrong"}, "invalid_token"),
        ({"authorization": "Bearer"}, "invalid_token"),
        ({"authorization": "Basic KEY"}, "invalid_token"),
        ({"authorization": "KEY"}, "invalid_token"),
        ({"x-api-key": "KEY", "authorization": "Bearer wrong"}, "invalid_token"),
        ({"x-api-key": "wrong", "authorization": "Bearer KEY"}, "invalid_api_key"),
    ],
)
async def test_wrong_credentials_are_refused(
    reach, sandbox: Sandbox, headers: dict[str, str], code: str
) -> None:
    """401 with a challenge; of two credentials, both must be right."""
    sent = {name: value.replace("KEY", sandbox.api_key) for name, value in headers.items()}
    async with reach(sandbox, sent) as api:
        answer = await api.get("/projects")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_an_expired_token_is_refused(reach, sandbox: Sandbox) -> None:
    """401 `token_expired`, from the very second on."""
    sandbox.clock._source = lambda: 1000.0
    headers = {"authorization": f"Bearer {sandbox.issue_token(expires_in=60)}"}
    sandbox.clock._source = lambda: 1059.9
    assert await ask(reach, sandbox, headers) == (200, None)
    sandbox.clock._source = lambda: 1060.0
    assert await ask(reach, sandbox, headers) == (401, "token_expired")


async def test_a_token_without_the_scope_is_refused(reach, sandbox: Sandbox) -> None:
    """403 `insufficient_scope` that names the scope, also beside an API key, whose scopes it narrows."""
    token = sandbox.issue_token(scopes=["usage:read", "projects:write"])
    for headers in ({}, {"x-api-key": sandbox.api_key}):
        async with reach(sandbox, {"authorization": f"Bearer {token}", **headers}) as api:
            answer = await api.get("/projects")
            created = await api.post("/projects", json={"name": "n", "slug": f"s{len(headers)}"})
        assert (answer.status_code, created.status_code) == (403, 201)
        assert answer.json()["error"]["details"] == {"scope": "projects:read"}
        assert 'scope="projects:read"' in answer.headers["www-authenticate"]


async def test_a_revoked_credential_is_worthless(reach, sandbox: Sandbox) -> None:
    """Keys and tokens alike; an unknown one changes nothing."""
    key, token = sandbox.issue_api_key(), sandbox.issue_token()
    for credential in (key, token, "unknown"):
        sandbox.revoke(credential)
    assert await ask(reach, sandbox, {"x-api-key": key}) == (401, "invalid_api_key")
    assert await ask(reach, sandbox, {"authorization": f"Bearer {token}"}) == (401, "invalid_token")
    assert await ask(reach, sandbox, {"x-api-key": sandbox.api_key}) == (200, None)
