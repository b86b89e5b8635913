"""The picture formats that are read. A new format is a new row of `FORMATS`."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from linecolor.images.sources import PictureSource, UnreadableImage, check_scans, check_size

HEAD_BYTES = 30
"""By these a file's format is known, and the size of a WebP."""


@dataclass(frozen=True)
class PictureFormat:
    """A format of picture files.

    Attributes:
        name: as messages call it; image/name in lower case is its media type.
        suffixes: of its files; the first is the usual one.
        magic: bytes that every file has, each with its place in the file's first `HEAD_BYTES`.
        plugin: the class of Pillow's that opens a file.
        check: refuses a file before Pillow opens it: UnreadableImage, given its name, the file and the most pixels.
        transparent: whether a picture may be transparent, so that it can be a hint layer.
    """

    name: str
    suffixes: tuple[str, ...]
    magic: tuple[tuple[int, bytes], ...]
    plugin: type[ImageFile]
    check: Callable[[PictureSource, BinaryIO, int], None] | None = None
    transparent: bool = True

    def matches(self, head: bytes) -> bool:
        """Whether a file with these first `HEAD_BYTES` is of this format."""
        return all(head[place : place + len(part)] == part for place, part in self.magic)


def _check_webp(path: PictureSource, file: BinaryIO, max_pixels: int) -> None:
    """Opening a WebP allocates its canvas, so its size is read before (its three chunk kinds, RFC 9649)."""
    head = file.read(HEAD_BYTES)
    kind = head[12:16]
    if kind == b"VP8X":
        size = (1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little"))
    elif kind == b"VP8L":
        bits = struct.unpack_from("<I", head, 21)[0]
        size = (1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    elif kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 26)
        size = (width & 0x3FFF, height & 0x3FFF)
    else:
        raise ValueError(f"unknown WebP chunk {kind!r}")
    check_size(path, size, max_pixels)


FORMATS = (
    PictureFormat("PNG", (".png",), ((0, b"\x89PNG\r\n\x1a\n"),), PngImageFile),
    PictureFormat("JPEG", (".jpg", ".jpeg"), ((0, b"\xff\xd8\xff"),), JpegImageFile, check_scans, transparent=False),
    PictureFormat("WebP", (".webp",), ((0, b"RIFF"), (8, b"WEBP")), WebPImageFile, _check_webp),
)


def names(formats: tuple[PictureFormat, ...] = FORMATS) -> str:
    """The formats as a sentence has them: "PNG, JPEG or WebP"."""
    *others, last = (row.name for row in formats)
    return f"{', '.join(others)} or {last}" if others else last


SUFFIXES = tuple(suffix for row in FORMATS for suffix in row.suffixes)
TRANSPARENT = tuple(row for row in FORMATS if row.transparent)
MEDIA_TYPES = tuple(f"image/{row.name.lower()}" for row in FORMATS)


def format_of(path: PictureSource, head: bytes) -> PictureFormat:
    """What a file is by its first `HEAD_BYTES`, whatever its name says.

    Raises:
        UnreadableImage: for anything else.
    """
    row = next((row for row in FORMATS if row.matches(head)), None)
    if row is None:
        raise UnreadableImage(path, f"is not a {names()} picture, whatever its name says")
    return row
