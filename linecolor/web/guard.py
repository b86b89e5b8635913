"""Which requests are allowed, and the headers that every response has."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "::1")

HEADERS = {
    # Nothing from elsewhere, not even a font; and nobody may frame the page.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Refuses the requests that other web sites make a user's browser send, and adds `HEADERS` to every response.

    A page of another site can send requests to 127.0.0.1. By a name of its own that resolves to it (DNS rebinding) it
    can read the responses too. So the server answers to its own names only, and changes things only for its own page.

    Args:
        app: the application behind it.
        hosts: names and addresses the server answers to; None for any.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str] | None = LOOPBACK) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        reason = self._refusal(scope["method"], Headers(scope=scope))
        answer = self.app if reason is None else JSONResponse({"error": reason}, 403)
        await answer(scope, receive, send_with_headers)

    def _refusal(self, method: str, headers: Headers) -> str | None:
        host = headers.get("host", "")
        if self.hosts is not None and _name(f"http://{host}") not in self.hosts:
            return "this server does not answer to that name"
        origin = headers.get("origin")
        if method not in ("GET", "HEAD") and origin is not None and not _same(origin, host):
            return "only the app's own page may send this request"
        return None


def _name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _same(origin: str, host: str) -> bool:
    # Behind a proxy the scheme may differ; name and port may not.
    try:
        return urlsplit(origin).netloc.lower() == host.lower() != ""
    except ValueError:
        return False
