"""What a browser may do: any site may use the API with a key; only the sandbox's own page may steer it."""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from cloudplatform_async.sandbox.api.answers import error_answer
from cloudplatform_async.sandbox.serving.front import is_own

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
# What a script may read beyond the headers that the Fetch standard always shows.
_EXPOSED = (
    "date",
    "idempotency-replayed",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "retry-after",
    "x-request-id",
)


class Origins:
    """CORS for the API; for the sandbox's own paths none, and the names of this machine alone.

    A site that lets its name point to 127.0.0.1 (DNS rebinding) would else be of one origin with the page.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open = CORSMiddleware(
            app, allow_origins=["*"], allow_methods=_METHODS, allow_headers=["*"], expose_headers=_EXPOSED
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope["path"]
        if not is_own(path) or path == "/health":
            await self._open(scope, receive, send)
        elif _host(Headers(scope=scope).get("host", "")) in _LOOPBACK:
            await self._app(scope, receive, send)
        else:
            message = "The sandbox is steered under a name of this machine, such as 127.0.0.1, alone."
            await error_answer(403, "foreign_host", message).response()(scope, receive, send)


def _host(authority: str) -> str:
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0].lower()
