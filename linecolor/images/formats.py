"""The picture formats that are read. A new format is a new row of `FORMATS`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.WebPImagePlugin import WebPImageFile

from linecolor.images.decoders import Jpeg, Png, Tiff
from linecolor.images.headers import check_gif, check_tiff, check_webp
from linecolor.images.sources import PictureSource, UnreadableImage, check_scans

try:
    from PIL import AvifImagePlugin
except ImportError:  # before Pillow 11.3
    AvifImagePlugin = None  # type: ignore[assignment]

Magic = tuple[tuple[int, bytes], ...]


@dataclass(frozen=True)
class PictureFormat:
    """A format of picture files.

    Attributes:
        name: as messages call it; image/name in lower case is its media type.
        suffixes: of its files; the first is the usual one.
        magic: what files start with, each alternative as bytes with their places in the first `HEAD_BYTES`.
        plugin: the class of Pillow's that opens a file.
        check: refuses a file before Pillow opens it: UnreadableImage, given its name, the file and the most pixels.
        transparent: whether a picture may be transparent, so that it can be a hint layer.
    """

    name: str
    suffixes: tuple[str, ...]
    magic: tuple[Magic, ...]
    plugin: type[ImageFile]
    check: Callable[[PictureSource, BinaryIO, int], None] | None = None
    transparent: bool = True

    def matches(self, head: bytes) -> bool:
        """Whether a file with these first `HEAD_BYTES` is of this format."""
        return any(all(head.startswith(part, place) for place, part in magic) for magic in self.magic)


def _starting(*starts: bytes) -> tuple[Magic, ...]:
    return tuple(((0, start),) for start in starts)


FORMATS: tuple[PictureFormat, ...] = (
    PictureFormat("PNG", (".png",), _starting(b"\x89PNG\r\n\x1a\n"), Png),
    PictureFormat("JPEG", (".jpg", ".jpeg"), _starting(b"\xff\xd8\xff"), Jpeg, check_scans, transparent=False),
    PictureFormat("WebP", (".webp",), (((0, b"RIFF"), (8, b"WEBP")),), WebPImageFile, check_webp),
    PictureFormat("TIFF", (".tif", ".tiff"), _starting(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), Tiff, check_tiff),
    PictureFormat("BMP", (".bmp",), _starting(b"BM"), BmpImageFile, transparent=False),
    PictureFormat("GIF", (".gif",), _starting(b"GIF87a", b"GIF89a"), GifImageFile, check_gif),
)
if AvifImagePlugin is not None and AvifImagePlugin.SUPPORTED:
    _AVIF = (((4, b"ftypavif"),), ((4, b"ftypavis"),))
    FORMATS += (PictureFormat("AVIF", (".avif",), _AVIF, AvifImagePlugin.AvifImageFile),)


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
