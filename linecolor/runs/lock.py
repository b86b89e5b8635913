"""One process at a folder: a lock that ends with its process, and tells the next one who has it."""

import contextlib
import json
import os
import platform
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LOCK = ".lock"
BEAT_S, WATCH_S = 5.0, 20.0
"""How often who has a folder gives a sign of life, and how long the next one looks for it."""

_MOST_BYTES = 4096
_open: set[int] = set()


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Have a folder, which is made, for this process alone; a crash lets go of it, too.

    The system's lock decides, where the file system has one. Between machines not every one does: a lock that was not
    given back by a process on another machine is therefore watched for its sign of life. A folder that cannot be
    written needs no lock.

    Raises:
        ValueError: if another process has it; the message names its machine, its number and when it started.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        yield
        return
    with open_lock(folder / LOCK) as descriptor:
        locked, holder = try_lock(descriptor), _holder(descriptor)
        elsewhere = bool(holder) and (locked is None or holder.get("host") != platform.node())
        if locked is False or (elsewhere and _is_alive(folder, holder)):
            raise ValueError(
                f"{folder}: {_in_words(holder)} is at work here; wait for it, stop it, or use another name"
            )
        _write(descriptor, {"host": platform.node(), "pid": os.getpid(), "started": _now()})
        ended = threading.Event()
        beat = threading.Thread(target=_give_signs, args=(folder / LOCK, ended), daemon=True)
        beat.start()
        try:
            yield
        finally:
            ended.set()
            beat.join()
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, 0)  # given back, as against lost in a crash


@contextlib.contextmanager
def open_lock(path: Path) -> Iterator[int]:
    """A descriptor of a file to lock; its being closed gives the lock back. Forked processes do not get it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    _open.add(descriptor)
    try:
        yield descriptor
    finally:
        _open.discard(descriptor)
        os.close(descriptor)


def try_lock(descriptor: int) -> bool | None:
    """Lock an open file; False if another process has it, None where the system or the file system has no locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    for _ in range(3):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)  # somebody may only be looking whether another is at work
        except OSError:
            return None
        else:
            return True
    return False


def _close_in_child() -> None:
    """A loader's process that outlives a killed training by seconds must not keep its lock."""
    for descriptor in _open:
        os.close(descriptor)
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)


def _give_signs(path: Path, ended: threading.Event) -> None:
    while not ended.wait(BEAT_S):
        with contextlib.suppress(OSError):
            os.utime(path)


def _is_alive(folder: Path, holder: dict[str, Any]) -> bool:
    """Whether who has not given back a folder still gives signs; by changes alone, for clocks differ."""
    print(f"{folder}: looking whether {_in_words(holder)} is still at work here ...", file=sys.stderr, flush=True)
    before, end = _last_sign(folder / LOCK), time.monotonic() + WATCH_S
    while time.monotonic() < end:
        time.sleep(WATCH_S / 40)
        if _last_sign(folder / LOCK) != before:
            return True
    return False


def _last_sign(path: Path) -> int:
    # NFS asks the server at opening, not at a mere look.
    with path.open("rb") as file:
        return os.fstat(file.fileno()).st_mtime_ns


def _holder(descriptor: int) -> dict[str, Any]:
    try:
        found = json.loads(os.read(descriptor, _MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(descriptor: int, holder: dict[str, Any]) -> None:
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, json.dumps(holder).encode())


def _in_words(holder: dict[str, Any]) -> str:
    if not holder:
        return "another process"
    return f"process {holder.get('pid')} on {holder.get('host')}, started {holder.get('started')},"


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")
