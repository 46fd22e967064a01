"""Posts one delivery and tells the status of its answer."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit

import h11

PIECE = 64 * 1024


async def post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Post a JSON body on a connection of its own, in the running asyncio loop.

    Not by httpx: mocks and recorders that a test puts on its own client would meet it.

    Raises:
        OSError: Where the connection or its TLS fails.
        h11.RemoteProtocolError: For an answer that is none.
    """
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=secure or None)
    try:
        connection = h11.Connection(h11.CLIENT)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        sent = {
            "host": parts.netloc,
            "user-agent": "cloudplatform-sandbox",
            "content-type": "application/json",
            "content-length": str(len(body)),
            "connection": "close",
            **headers,
        }
        request = h11.Request(method="POST", target=target, headers=list(sent.items()))
        for event in (request, h11.Data(data=body), h11.EndOfMessage()):
            writer.write(connection.send(event) or b"")
        # An endpoint may answer, and close, before it has read everything.
        with suppress(ConnectionError):
            await writer.drain()
        return await _status(connection, reader)
    finally:
        writer.close()


async def _status(connection: h11.Connection, reader: asyncio.StreamReader) -> int:
    status = 0
    # Read to its end, so that the endpoint is not disturbed while it answers.
    while not isinstance(event := connection.next_event(), h11.EndOfMessage | h11.ConnectionClosed):
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(PIECE))
        elif isinstance(event, h11.Response):
            status = event.status_code
    return status
