"""A middleware of your own: each request is signed, and the pool below keeps all of its promises."""

import hashlib
import hmac

import httpx

from cloudplatform_async import PooledTransport


class SigningTransport(httpx.AsyncBaseTransport):
    """Signs the body of each request with a secret; pass it as ``transport=``.

    Args:
        secret: To sign with.
        inner: What carries the requests; closed with this transport.
    """

    def __init__(self, secret: bytes, inner: httpx.AsyncBaseTransport | None = None) -> None:
        self._secret = secret
        self._inner = inner or PooledTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sign and pass on; what the pool raises passes through untouched."""
        signature = hmac.new(self._secret, await request.aread(), hashlib.sha256).hexdigest()
        request.headers["X-Signature"] = signature
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the pool."""
        await self._inner.aclose()
