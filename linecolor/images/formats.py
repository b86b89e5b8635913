"""The picture formats that are read, one row a format. The standard library only.

A new format is a new row: how its files are known, which plug-in of Pillow opens them, and what their header says, so
that a picture too large is refused before anything is decoded. OpenCV knows a format by its bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from linecolor.images import headers, metadata
from linecolor.images.metadata import PageMetadata
from linecolor.images.sources import PictureSource, UnreadableImage, check_scans, check_size

HEAD_BYTES = 30
"""By these a file's format is known, and the size of a WebP."""


def _check_webp(path: PictureSource, file: BinaryIO, max_pixels: int) -> None:
    # Opening a WebP allocates its canvas, so its size has to be known before.
    check_size(path, headers.webp_size(file.read(HEAD_BYTES)), max_pixels)


@dataclass(frozen=True)
class PictureFormat:
    """A format of picture files.

    Attributes:
        name: as messages call it; image/name in lower case is its media type.
        suffixes: of its files; the first is the usual one.
        magic: bytes that every file has, each with its place in the file's first `HEAD_BYTES`.
        pillow: the class of Pillow's that opens a file, below PIL.
        size_and_orientation: (width, height) as stored and EXIF orientation 1 to 8 from the bytes of a file;
            ValueError or struct.error if it is damaged before its pixels.
        metadata: reads the resolution and the colour profile of a file; None where they are not kept.
        check: refuses a file before a decoder opens it: UnreadableImage, given its name, the file and the most pixels.
        transparent: whether a picture may be transparent, so that it can be a hint layer.
    """

    name: str
    suffixes: tuple[str, ...]
    magic: tuple[tuple[int, bytes], ...]
    pillow: str
    size_and_orientation: Callable[[bytes], tuple[tuple[int, int], int]]
    metadata: Callable[[BinaryIO], PageMetadata] | None = None
    check: Callable[[PictureSource, BinaryIO, int], None] | None = None
    transparent: bool = True

    def matches(self, head: bytes) -> bool:
        """Whether a file with these first `HEAD_BYTES` is of this format."""
        return all(head[place : place + len(part)] == part for place, part in self.magic)


PNG = PictureFormat(
    "PNG", (".png",), ((0, headers.PNG_SIGNATURE),), "PngImagePlugin.PngImageFile", headers.of_png, metadata.of_png
)
JPEG = PictureFormat(
    "JPEG", (".jpg", ".jpeg"), ((0, b"\xff\xd8\xff"),), "JpegImagePlugin.JpegImageFile",
    headers.of_jpeg, metadata.of_jpeg, check_scans, transparent=False,
)  # fmt: skip
WEBP = PictureFormat(
    "WebP", (".webp",), ((0, b"RIFF"), (8, b"WEBP")), "WebPImagePlugin.WebPImageFile",
    headers.of_webp, check=_check_webp,
)  # fmt: skip
FORMATS = (PNG, JPEG, WEBP)


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


def not_transparent(path: PictureSource) -> UnreadableImage:
    """What is wrong with a hint layer that has no transparent pixel: it would be one hint over every pixel."""
    return UnreadableImage(
        path, f"has no transparency; save the hints alone, on a transparent layer, as {names(TRANSPARENT)}"
    )


def identify(path: PictureSource, file: BinaryIO, max_pixels: int) -> PictureFormat:
    """The format of an open file, once its own check has passed; the file stands at its beginning again.

    Raises:
        UnreadableImage: of no known format, or refused by its check.
    """
    row = format_of(path, file.read(HEAD_BYTES))
    file.seek(0)
    if row.check is not None:
        row.check(path, file, max_pixels)
        file.seek(0)
    return row


def read_metadata(path: str | Path) -> PageMetadata:
    """The metadata of a picture file, as a PNG has them; none of a format that keeps none, nor of a damaged file.

    A page is worth colouring whatever its metadata are, so nothing is raised for them.
    """
    with Path(path).open("rb") as file:
        head = file.read(HEAD_BYTES)
        file.seek(0)
        reader = next((row.metadata for row in FORMATS if row.matches(head)), None)
        return PageMetadata() if reader is None else reader(file)
