"""What users send, held in memory until it is read: bounded for each, and for all of them together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from linecolor.web.responses import Refused
from linecolor.web.worker_pool import Busy, Left

if TYPE_CHECKING:
    from starlette.requests import Request

_PATIENCE_SECONDS = 60.0
_LONGEST_SECONDS = 600.0


class Uploads:
    """The bodies of requests.

    Args:
        most_bytes: held at one time, of all users together, finished or not; one more is told `Busy`.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._held = 0

    @asynccontextmanager
    async def read(self, request: Request, limit: int) -> AsyncIterator[bytes]:
        """The body, counted as held until the context ends.

        It is refused by its header where that says enough, and otherwise as soon as it is too long.

        Raises:
            Refused: it is longer than `limit` bytes, stands still, or comes too slowly.
            Busy: there is no room for it now.
            Left: nobody sends any more.
        """
        from starlette.requests import ClientDisconnect

        refused = Refused(413, f"This is larger than the {limit / 1e6:g} MB this server takes.")
        told = request.headers.get("content-length", "")
        if told.isdigit() and int(told) > limit:
            raise refused
        data, held = bytearray(), 0
        chunks = request.stream()
        try:
            try:
                async with asyncio.timeout(_LONGEST_SECONDS):
                    while True:
                        async with asyncio.timeout(_PATIENCE_SECONDS):
                            data += await anext(chunks)
                        self._held += len(data) - held
                        held = len(data)
                        if held > limit:
                            raise refused
                        if self._held > self.most_bytes:
                            raise Busy(f"uploads of {self._held / 1e6:.0f} MB are held already")
            except StopAsyncIteration:
                pass
            except ClientDisconnect:
                raise Left from None
            except TimeoutError:
                raise Refused(408, "The upload takes too long or stands still; open the drawing again.") from None
            body = bytes(data)
            data.clear()  # or all of it would be held twice
            yield body
        finally:
            self._held -= held
