"""Bodies in, answers out: what the requests of `server` have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from linecolor.web.turns import Left

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


_PATIENCE_SECONDS = 60.0


class Refused(Exception):
    """A request that is answered with an error.

    Args:
        status: of HTTP.
        message: for the user.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def read_body(request: Request, limit: int) -> bytes:
    """The body, refused by its header where that says enough, and otherwise as soon as it is too long.

    Raises:
        Refused: it is longer than `limit` bytes, or stands still.
        Left: nobody sends any more.
    """
    from starlette.requests import ClientDisconnect

    refused = Refused(413, f"This is larger than the {limit / 1e6:g} MB this server takes.")
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told) > limit:
        raise refused
    data = bytearray()
    chunks = request.stream()
    try:
        while True:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                data += await anext(chunks)
            if len(data) > limit:
                raise refused
    except StopAsyncIteration:
        return bytes(data)
    except ClientDisconnect:
        raise Left from None
    except TimeoutError:
        raise Refused(408, "The upload has stood still for too long; open the drawing again.") from None


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
