"""A request of parts that are ready for the wire, which httpx's own would check and copy once more."""

from typing import Any

import httpx

from cloudplatform_async._connections.request_body import BodyPieces
from cloudplatform_async._connections.wire_headers import WireHeaders

_NO_BODY = BodyPieces(b"")


class WireRequest(httpx.Request):
    """What a transport needs of a request; its body is there whole, for mocks too.

    Args:
        method: Upper case.
        url: Where it goes.
        headers: All of them.
        content: Its body.
        extensions: Of its own, not copied.
    """

    def __init__(
        self, method: str, url: httpx.URL, headers: WireHeaders, content: bytes, extensions: dict[str, Any]
    ) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.extensions = extensions
        self.stream = BodyPieces(content) if content else _NO_BODY
        self._content = content  # where httpx keeps a body that was read
