"""Responses: JSON, files and errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


class RequestError(Exception):
    """A request that is answered with an error.

    Args:
        status: of HTTP.
        message: for the user.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def json_response(content: Any, status: int = 200) -> Response:
    """JSON."""
    from starlette.responses import JSONResponse

    return JSONResponse(content, status)


def file_response(data: bytes, media_type: str, name: str | None = None) -> Response:
    """A file; with a name, one to save."""
    from starlette.responses import Response

    headers = {"content-disposition": f'attachment; filename="{name}"'} if name else None
    return Response(data, headers=headers, media_type=media_type)


def static_file(data: bytes, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    """A handler that always sends the same file."""

    async def handle(request: Request) -> Response:
        return file_response(data, media_type)

    return handle


def error_handler(describe: Callable[[Any], tuple[int, str]]) -> Callable[[Request, Any], Awaitable[Response]]:
    """A handler of errors, from a function that gives an error's status and message."""

    async def handle(request: Request, error: Any) -> Response:
        status, message = describe(error)
        return json_response({"error": message}, status)

    return handle
