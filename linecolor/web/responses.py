"""Answers and refusals: what the requests of `server` have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


class Refused(Exception):
    """A request that is answered with an error.

    Args:
        status: of HTTP.
        message: for the user.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def json_answer(content: Any, status: int = 200) -> Response:
    """JSON."""
    from starlette.responses import JSONResponse

    return JSONResponse(content, status)


def file_answer(data: bytes, kind: str, name: str | None = None) -> Response:
    """A file; with a name, one to save."""
    from starlette.responses import Response

    headers = {"content-disposition": f'attachment; filename="{name}"'} if name else None
    return Response(data, headers=headers, media_type=kind)


def always(data: bytes, kind: str) -> Callable[[Request], Awaitable[Response]]:
    """A handler that answers with the same file whatever is asked."""

    async def answer(request: Request) -> Response:
        return file_answer(data, kind)

    return answer


def error_answer(read: Callable[[Any], tuple[int, str]]) -> Callable[[Request, Any], Awaitable[Response]]:
    """A handler of errors, from what gives an error's status and message."""

    async def answer(request: Request, error: Any) -> Response:
        status, message = read(error)
        return json_answer({"error": message}, status)

    return answer
