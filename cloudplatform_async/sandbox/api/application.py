"""The platform as an ASGI application: every resource's operations behind the front."""

from collections.abc import Iterable
from itertools import groupby

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from cloudplatform_async.sandbox.api.answers import error_answer
from cloudplatform_async.sandbox.api.gateway import Gateway
from cloudplatform_async.sandbox.openapi.description import OPERATIONS
from cloudplatform_async.sandbox.page.routes import page_routes
from cloudplatform_async.sandbox.platform.state import Platform
from cloudplatform_async.sandbox.serving.front import Front
from cloudplatform_async.sandbox.serving.origins import Origins

_CODES = {404: "not_found", 405: "method_not_allowed"}


def create_application(platform: Platform) -> ASGIApp:
    """The application that serves this platform."""
    starlette = Starlette(
        routes=[*_routes(platform), *page_routes(platform)],
        exception_handlers={HTTPException: _http_exception, Exception: _bug},
    )
    # Another path is another resource; no answer leads to a guess at what was meant.
    starlette.router.redirect_slashes = False
    return Origins(Front(platform, starlette))


def _routes(platform: Platform) -> Iterable[Route]:
    for path, operations in groupby(OPERATIONS, key=lambda operation: operation.path):
        gateway = Gateway(platform, list(operations))
        yield Route(path, gateway.serve, methods=gateway.methods)


def _http_exception(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    message = f"{request.method} {request.url.path} is not part of this API."
    return error_answer(status, _CODES.get(status, "http_error"), message, headers=headers).response()


def _bug(request: Request, error: Exception) -> Response:
    message = f"The platform failed in {request.method} {request.url.path}: {type(error).__name__}."
    return error_answer(500, "internal_error", message).response()
