"""Request bodies, held in memory until they are read: bounded for each, and for all of them together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.exceptions import HTTPException
from starlette.requests import Request

from linecolor.web.worker_pool import QueueFull

_CHUNK_SECONDS = 60.0
_UPLOAD_SECONDS = 600.0


class Uploads:
    """The bodies of requests.

    Args:
        max_bytes: held at one time, of all users together, finished or not; one more raises `QueueFull`.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._held = 0

    @asynccontextmanager
    async def read(self, request: Request, limit: int) -> AsyncIterator[bytes]:
        """The body, counted as held until the context ends.

        It is refused by its header where that says enough, and otherwise as soon as it is too long.

        Raises:
            HTTPException: it is longer than `limit` bytes, stands still, or comes too slowly.
            QueueFull: there is no room for it now.
            ClientDisconnect: the client stopped sending.
        """
        too_large = HTTPException(413, f"This is larger than the {limit / 1e6:g} MB this server takes.")
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limit:
            raise too_large
        data, held = bytearray(), 0
        chunks = request.stream()
        try:
            try:
                async with asyncio.timeout(_UPLOAD_SECONDS):
                    while True:
                        async with asyncio.timeout(_CHUNK_SECONDS):
                            data += await anext(chunks)
                        self._held += len(data) - held
                        held = len(data)
                        if held > limit:
                            raise too_large
                        if self._held > self.max_bytes:
                            raise QueueFull(f"uploads of {self._held / 1e6:.0f} MB are held already")
            except StopAsyncIteration:
                pass
            except TimeoutError:
                raise HTTPException(408, "The upload takes too long or stands still; open the drawing again.") from None
            body = bytes(data)
            data.clear()  # or all of it would be held twice
            yield body
        finally:
            self._held -= held
