"""Work on many files in processes, past those that take a process down."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, get_context, parent_process
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_processes(
    work: Callable[[Sequence[Item]], list[Result]],
    chunks: Sequence[Sequence[Item]],
    jobs: int,
    crashed: Callable[[Item], Result],
) -> Iterator[list[Result]]:
    """Results of `work`, a module-level function or a partial of one, for all chunks, from so many processes.

    An item that kills its process (a crash, no memory) gets `crashed(item)` instead.
    """
    remaining = deque(chunks)
    while remaining:
        waiting: deque[tuple[Future[list[Result]], Sequence[Item]]] = deque()
        lost: list[Sequence[Item]] = []
        pool = spawned_pool(jobs)
        try:
            while remaining or waiting:
                # A window only: 700,000 files would be 20,000 futures and all their results.
                while remaining and len(waiting) < 4 * jobs:
                    waiting.append((pool.submit(work, remaining[0]), remaining.popleft()))
                yield waiting[0][0].result()
                waiting.popleft()
        except BrokenProcessPool:
            # It is unknown which of the chunks in work did it.
            lost = [chunk for _, chunk in waiting]
        finally:
            pool.shutdown(cancel_futures=True)
        for chunk in lost:
            yield _alone(work, chunk, crashed)


def _alone(
    work: Callable[[Sequence[Item]], list[Result]], chunk: Sequence[Item], crashed: Callable[[Item], Result]
) -> list[Result]:
    """A chunk in a process of its own; if that dies too, its halves, down to the one item."""
    pool = spawned_pool(1)
    try:
        return pool.submit(work, chunk).result()
    except BrokenProcessPool:
        if len(chunk) == 1:
            return [crashed(chunk[0])]
    finally:
        pool.shutdown(cancel_futures=True)
    middle = len(chunk) // 2
    return _alone(work, chunk[:middle], crashed) + _alone(work, chunk[middle:], crashed)


def spawned_pool(jobs: int) -> ProcessPoolExecutor:
    """Spawned, not forked: a fork of a process with running threads (torch, OpenCV) may never wake up."""
    return ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_begin)


def _begin() -> None:
    """One thread a process; Ctrl-C is the parent's business; without a parent there is nothing left to do."""
    import cv2

    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
