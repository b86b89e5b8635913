"""Byte ranges of the files of one place: a folder on disk, a web server, an S3 bucket.

Everything here may be carried into loader workers, forked or spawned: files and connections are opened by the
process that uses them, when it first does.
"""

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, BinaryIO

_MAX_OPEN_FILES = 128


class ChangedFile(ValueError):
    """A file is not the one that its index describes; the message names it and says what to do."""


def changed(place: str, found: int, expected: int) -> ChangedFile:
    """The error for a file whose length its index does not know."""
    return ChangedFile(
        f"{place}: has {found:,} bytes, its index says {expected:,}: it was changed or copied in part; "
        "copy the shards and their index again, together"
    )


def too_large(place: str, most: int) -> ValueError:
    """The error for a small file that is none."""
    return ValueError(f"{place}: has more than {most:,} bytes; it is no index of linecolor's")


class ByteRanges(ABC):
    """A place, `root`, with files that are read in parts; one thread of a process uses it at a time."""

    root: Any

    def __reduce__(self) -> tuple[type, tuple[Any]]:
        return type(self), (self.root,)

    @abstractmethod
    def place(self, name: str) -> str:
        """What messages call a file: its path or address, without passwords."""

    @abstractmethod
    def read(self, name: str, start: int, length: int, total: int) -> bytes:
        """`length` bytes from byte `start` of the file `name`, which by its index has `total` bytes.

        Raises:
            ChangedFile: the file has another length.
            OSError: it cannot be read, also when tried again; the message names it.
        """

    @abstractmethod
    def read_whole(self, name: str, most: int) -> bytes:
        """A small file whole.

        Raises:
            ValueError: it has more than `most` bytes.
            OSError: as `read`.
        """


def open_place(root: str) -> ByteRanges:
    """The place that data.root names: a folder, http(s)://host/folder or s3://bucket/prefix.

    Raises:
        ValueError: an address of another kind.
    """
    from datamodules.shards.remote_ranges import HttpRanges, S3Ranges

    scheme = root.partition("://")[0].lower() if "://" in root else ""
    if scheme in ("http", "https"):
        return HttpRanges(root)
    if scheme == "s3":
        return S3Ranges(root)
    if scheme:
        raise ValueError(f"{root}: shards are read from a folder, http://, https:// or s3://, not from {scheme}://")
    return DiskRanges(Path(root).expanduser())


class DiskRanges(ByteRanges):
    """Files of a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._process = os.getpid()
        self._files: dict[str, BinaryIO] = {}

    def place(self, name: str) -> str:
        """The path."""
        return str(self.root / name)

    def read(self, name: str, start: int, length: int, total: int) -> bytes:
        """See `ByteRanges`; the length of the whole file is looked at only where the range ends too early."""
        descriptor = self._open(name).fileno()
        data = os.pread(descriptor, length, start)
        while len(data) < length:  # a system call moves 2 GB at most
            more = os.pread(descriptor, length - len(data), start + len(data))
            if not more:
                raise changed(self.place(name), os.fstat(descriptor).st_size, total)
            data += more
        return data

    def read_whole(self, name: str, most: int) -> bytes:
        """See `ByteRanges`."""
        path = self.root / name
        with path.open("rb") as file:
            data = file.read(most + 1)
        if len(data) > most:
            raise too_large(str(path), most)
        return data

    def size(self, name: str) -> int:
        """Bytes of a file."""
        return (self.root / name).stat().st_size

    def _open(self, name: str) -> BinaryIO:
        if self._process != os.getpid():
            self._process, self._files = os.getpid(), {}
        file = self._files.pop(name, None) or (self.root / name).open("rb", buffering=0)
        self._files[name] = file  # the most recently used comes last
        if len(self._files) > _MAX_OPEN_FILES:
            self._files.pop(next(iter(self._files))).close()
        return file
