"""Where the page, its files and its paths are."""

from collections.abc import Iterator
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from cloudplatform_async.sandbox.api.answers import json_answer
from cloudplatform_async.sandbox.page.controls import Controls
from cloudplatform_async.sandbox.page.snapshot import Snapshots
from cloudplatform_async.sandbox.platform.state import Platform

_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/_sandbox/page.css": ("page.css", "text/css; charset=utf-8"),
    "/_sandbox/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/_sandbox/icon.svg": ("icon.svg", "image/svg+xml"),
}
_HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": "default-src 'self'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_UNSTORED = {"cache-control": "no-store"}


def page_routes(platform: Platform) -> Iterator[Route]:
    """The routes of the page of this platform."""
    controls = Controls(platform)
    snapshots = Snapshots(platform, controls)

    async def state(_request: Request) -> Response:
        return json_answer(snapshots.state(), headers=_UNSTORED).response()

    async def stream(_request: Request) -> Response:
        return StreamingResponse(snapshots.stream(), headers=_UNSTORED, media_type="text/event-stream")

    for path in _FILES:
        yield Route(path, _file, methods=["GET"])
    yield Route("/_sandbox/state", state, methods=["GET"])
    yield Route("/_sandbox/stream", stream, methods=["GET"])
    yield from controls.routes()


async def _file(request: Request) -> Response:
    name, media_type = _FILES[request.url.path]
    # Read anew each time: the files are small, and whoever works on the page sees each change.
    content = files("cloudplatform_async.sandbox.page").joinpath(name).read_bytes()
    return Response(content, headers=_HEADERS, media_type=media_type)
