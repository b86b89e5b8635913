"""Picture files as bytes: which are let in, and what is said of those that are not. Nothing is decoded here.

Whatever goes wrong is an `UnreadableImage` that names the file. The standard library only.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol

MAX_PIXELS = 225_000_000
"""15,000 x 15,000: half as much again as the largest pages of Lee & Lee 2020 (10,000 px)."""

MAX_FILE_BYTES = 1_000_000_000
"""Above the 900 MB that MAX_PIXELS of uncompressed RGBA take; a larger file is no picture of ours."""

MAX_PROFILE_BYTES = 4_000_000
"""Of a colour profile; printers' CMYK profiles have half a megabyte or so."""
MAX_SCANS = 100
"""Of a JPEG: progressive ones have ten or so."""
_SCAN = b"\xff\xda"


class EncodedPicture(Protocol):
    """A picture whose file lies inside another one, a slice of a shard, say; `str` of it names it in messages."""

    def read(self) -> bytes:
        """The whole picture file. What goes wrong here is raised as it is: no fault of the picture."""


@dataclass(frozen=True)
class PictureBytes:
    """A picture's file in memory.

    Attributes:
        name: what messages call it.
        data: the whole picture file.
    """

    name: str
    data: bytes

    def read(self) -> bytes:
        """The file."""
        return self.data

    def __str__(self) -> str:
        return self.name


PictureSource = str | Path | EncodedPicture
"""Where a picture is read from: the path of its file, or something that has its bytes."""


class UnreadableImage(ValueError):
    """A file that is no usable picture; its message is one line, "<path>: <reason>".

    Attributes:
        path: the file, or as much of a path as the name of a picture without a file of its own makes.
        reason: what was wrong, and where it helps, what to do.
    """

    def __init__(self, path: PictureSource, reason: str) -> None:
        self._named = str(path)
        self.path = Path(self._named)
        self.reason = " ".join(str(reason).split())
        super().__init__(f"{printable(str(path))}: {self.reason}")

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self._named, self.reason)


def printable(name: str) -> str:
    """A name on one line, as any terminal shows it: it may hold line breaks, or bytes that are no text."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)


def encoded(path: str | Path) -> PictureBytes:
    """A picture file's bytes as they are, from a regular file within the limits; what they are is not looked at.

    Raises:
        UnreadableImage: no regular file, empty, too large, or the system cannot read it.
    """
    try:
        with _open_regular(path) as file:
            return PictureBytes(str(path), file.read(MAX_FILE_BYTES))
    except FileNotFoundError as error:
        raise UnreadableImage(path, "no such file") from error
    except OSError as error:
        raise UnreadableImage(path, _cannot_be_read(error)) from error


@contextmanager
def opened_file(path: PictureSource) -> Iterator[BinaryIO]:
    """The bytes of a picture, of a length within the limits.

    Raises:
        UnreadableImage: no regular file, empty or too large; and for whatever a decoder raises for hostile bytes
            inside the `with`.
    """
    # Before the `try`: a network that is down is no broken picture.
    data = None if isinstance(path, (str, Path)) else path.read()
    try:
        if data is not None:
            _check_length(path, len(data))
        with BytesIO(data) if data is not None else _open_regular(str(path)) as file:
            yield file
    except UnreadableImage:
        raise
    except FileNotFoundError as error:
        raise UnreadableImage(path, "no such file") from error
    except MemoryError as error:
        raise UnreadableImage(path, "not enough memory to decode it") from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno:
            # The system's own: decoders give no number.
            raise UnreadableImage(path, _cannot_be_read(error)) from error
        # Decoders raise SyntaxError, struct.error, ValueError, OSError, KeyError and more on damaged files.
        raise UnreadableImage(path, f"broken picture ({_first_line(error)})") from error


def check_scans(path: PictureSource, file: BinaryIO, max_pixels: int) -> None:
    """Refuse a JPEG of so many scans that decoding it would take for ever: a scan of 100 bytes may cost a whole page.

    Pixels never look like the marker that is counted, for JPEG stuffs them; a thumbnail inside the file adds a few.
    """
    scans, last = 0, b""
    while block := file.read(1 << 20):
        scans += (last + block).count(_SCAN)
        last = block[-1:]
        if scans > MAX_SCANS:
            raise UnreadableImage(path, f"is a JPEG of more than {MAX_SCANS} scans; save it anew")


def check_size(path: PictureSource, size: tuple[int, int], max_pixels: int) -> None:
    """UnreadableImage if a (width, height) holds nothing or more than max_pixels."""
    width, height = size
    if width < 1 or height < 1:
        raise UnreadableImage(path, f"is {width} x {height} pixels: nothing to see")
    if width * height > max_pixels:
        raise UnreadableImage(path, f"is {width:,} x {height:,} pixels; the limit is {max_pixels:,} in all")


def _cannot_be_read(error: OSError) -> str:
    advice = "; change who may read it" if isinstance(error, PermissionError) else ""
    return f"cannot be read ({_first_line(error)}){advice}"


def _first_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__


def _open_regular(path: str | Path) -> BinaryIO:
    """Open a regular file; a pipe or device would block or never end."""
    status = Path(path).stat()
    if stat.S_ISDIR(status.st_mode):
        raise UnreadableImage(path, "is a folder, not a picture")
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableImage(path, "is no regular file")
    _check_length(path, status.st_size)
    return Path(path).open("rb")


def _check_length(path: PictureSource, length: int) -> None:
    if length == 0:
        raise UnreadableImage(path, "is empty (0 bytes)")
    if length > MAX_FILE_BYTES:
        raise UnreadableImage(path, f"is {length:,} bytes long; the limit is {MAX_FILE_BYTES:,}")
