"""The transport of the documentation that signs each request."""

import hashlib
import hmac

import pytest

from cloudplatform_async import APIConnectionError, AsyncClient, RetryPolicy
from cloudplatform_async.sandbox import Sandbox
from tests.examples.programs import program

pytestmark = pytest.mark.anyio
SigningTransport = program("signing_transport").SigningTransport


async def test_each_attempt_is_signed_over_real_sockets() -> None:
    """A retry too, with the same body and so with the same signature."""
    async with (
        Sandbox() as sandbox,
        AsyncClient(
            base_url=sandbox.base_url,
            api_key=sandbox.api_key,
            transport=SigningTransport(b"secret"),
            retries=RetryPolicy(base=0),
        ) as client,
    ):
        sandbox.faults.add(status=503, headers={"Retry-After": "0"}, times=1)
        await client.projects.create(name="Search", slug="search")
        first, second = sandbox.requests
    assert (first.status, second.status) == (503, 201)
    for request in (first, second):
        signature = hmac.new(b"secret", request.body, hashlib.sha256).hexdigest()
        assert request.headers["x-signature"] == signature


async def test_what_the_pool_raises_passes_through() -> None:
    """A platform that is gone is a connection error, with the outcome that is certain."""
    with Sandbox() as sandbox:
        base_url, key = sandbox.base_url, sandbox.api_key
    async with AsyncClient(
        base_url=base_url, api_key=key, transport=SigningTransport(b"secret"), retries=0
    ) as client:
        with pytest.raises(APIConnectionError) as caught:
            await client.projects.get("prj_1")
    assert caught.value.outcome == "not_sent"
