"""Taking turns: how many may compute at once, and how many may wait for it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Result = TypeVar("Result")


class Busy(RuntimeError):
    """Too many are waiting already."""


class Left(RuntimeError):
    """Whoever asked went away before their turn came."""


class Turns:
    """Work in threads, a bounded number at a time, the others in the order they came.

    Args:
        at_once: computing at one time.
        waiting: waiting for it at most; one more is told `Busy` at once, which is better than an answer too late.
    """

    def __init__(self, at_once: int, waiting: int) -> None:
        self.most_waiting = waiting
        self._free = asyncio.Semaphore(at_once)
        self._waiting = 0

    async def take(self, work: Callable[[], Result], has_left: Callable[[], Awaitable[bool]] | None = None) -> Result:
        """Wait for a turn and do the work in a thread.

        Args:
            work: what to do; what it raises is raised here.
            has_left: asked when the turn has come.

        Raises:
            Busy: too many are waiting.
            Left: has_left said so; nothing was done.
        """
        if self._free.locked() and self._waiting >= self.most_waiting:
            raise Busy(f"{self._waiting} others are waiting already")
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            if has_left is not None and await has_left():
                raise Left
            # A thread cannot be stopped: the turn ends when the work does, even if nobody waits for it any more.
            doing = asyncio.ensure_future(asyncio.to_thread(work))
        except BaseException:
            self._free.release()
            raise
        doing.add_done_callback(self._done)
        return await asyncio.shield(doing)

    def _done(self, doing: asyncio.Future) -> None:
        self._free.release()
        if not doing.cancelled():
            doing.exception()  # looked at, or asyncio complains of one that nobody was left to hear
