"""Work in threads: how many jobs may run at once, and how many may wait."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.requests import ClientDisconnect

Result = TypeVar("Result")


class QueueFull(RuntimeError):
    """Too many jobs are waiting already."""


class WorkerPool:
    """Runs jobs in threads, a bounded number at a time, the others in the order they came.

    Args:
        workers: jobs that run at one time.
        queue_size: jobs that may wait; one more raises `QueueFull` at once, which is better than a late answer.
    """

    def __init__(self, workers: int, queue_size: int) -> None:
        self.queue_size = queue_size
        self._free = asyncio.Semaphore(workers)
        self._waiting = 0

    async def run(
        self, job: Callable[[], Result], is_disconnected: Callable[[], Awaitable[bool]] | None = None
    ) -> Result:
        """Wait for a worker and run the job in a thread.

        Args:
            job: what it raises is raised here.
            is_disconnected: called when the job may start.

        Raises:
            QueueFull: too many jobs are waiting.
            ClientDisconnect: is_disconnected returned True; the job did not run.
        """
        if self._free.locked() and self._waiting >= self.queue_size:
            raise QueueFull(f"{self._waiting} others are waiting already")
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            if is_disconnected is not None and await is_disconnected():
                raise ClientDisconnect
            # A thread cannot be stopped: the worker is free when the job ends, even if its client has gone.
            running = asyncio.ensure_future(asyncio.to_thread(job))
        except BaseException:
            self._free.release()
            raise
        running.add_done_callback(self._done)
        return await asyncio.shield(running)

    def _done(self, running: asyncio.Future) -> None:
        self._free.release()
        if not running.cancelled():
            running.exception()  # retrieved, or asyncio warns about an exception that nobody waits for
