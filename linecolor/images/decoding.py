"""Opening and decoding hostile picture files.

A file's kind is told by its first bytes, its size is read from the header and refused before anything is
decoded, and whatever goes wrong is an `UnreadableImage` that names the file.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from PIL import Image, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

MAX_PIXELS = 225_000_000
"""15,000 x 15,000: half as much again as the largest pages of Lee & Lee 2020 (10,000 px)."""

MAX_FILE_BYTES = 1_000_000_000
"""Above the 900 MB that MAX_PIXELS of uncompressed RGBA take; a larger file is no picture of ours."""

_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class EncodedPicture(Protocol):
    """A picture whose file lies inside another one, a slice of a shard, say; `str` of it names it in messages."""

    def read(self) -> bytes:
        """The whole PNG, JPEG or WebP file. What goes wrong here is raised as it is: no fault of the picture."""


@dataclass(frozen=True)
class PictureBytes:
    """A picture's file in memory.

    Attributes:
        name: what messages call it.
        data: the whole PNG, JPEG or WebP file.
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
        # A file name may hold line breaks, or bytes that are no text.
        name = "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(path))
        super().__init__(f"{name}: {self.reason}")

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self._named, self.reason)


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
        raise UnreadableImage(path, f"cannot be read ({_first_line(error)})") from error


@contextmanager
def opened(path: PictureSource, max_pixels: int) -> Iterator[ImageFile.ImageFile]:
    """A picture file, open and within its limits, nothing decoded yet.

    Raises:
        UnreadableImage: no PNG, JPEG or WebP, more than max_pixels, or whatever a decoder throws at hostile
            bytes, inside the `with` too.
    """
    # Before the `try`: a network that is down is no broken picture.
    data = b"" if isinstance(path, (str, Path)) else path.read()
    try:
        with _open_regular(path) if isinstance(path, (str, Path)) else _open_bytes(path, data) as file:
            yield _open_picture(path, file, max_pixels)
    except UnreadableImage:
        raise
    except FileNotFoundError as error:
        raise UnreadableImage(path, "no such file") from error
    except MemoryError as error:
        raise UnreadableImage(path, "not enough memory to decode it") from error
    except Exception as error:
        # Decoders raise SyntaxError, struct.error, ValueError, OSError, KeyError and more on damaged files.
        raise UnreadableImage(path, f"broken picture ({_first_line(error)})") from error


def oriented_size(picture: Image.Image) -> tuple[int, int]:
    """(height, width) in pixels as the picture is seen (EXIF orientation honoured), from the header only."""
    width, height = picture.size
    return (width, height) if _orientation(picture) >= 5 else (height, width)


def decoded(picture: ImageFile.ImageFile) -> Image.Image:
    """An opened picture decoded, of an animation the first frame, turned as its EXIF orientation asks.

    Palette, grey, 1-bit, 16-bit and CMYK files become 8-bit.

    Returns:
        Mode "L" or "RGB" without transparency, "RGBA" (straight alpha) with it.
    """
    orientation = _orientation(picture)
    picture.load()
    plain = _to_8_bit(picture)
    return plain.transpose(_TURNS[orientation]) if orientation in _TURNS else plain


def in_mode(picture: Image.Image, mode: str) -> Image.Image:
    """The picture in one of Pillow's modes; itself where it has that mode (`convert` would copy it)."""
    return picture if picture.mode == mode else picture.convert(mode)


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


def _open_bytes(name: PictureSource, data: bytes) -> BinaryIO:
    _check_length(name, len(data))
    return BytesIO(data)


def _check_length(path: PictureSource, length: int) -> None:
    if length == 0:
        raise UnreadableImage(path, "is empty (0 bytes)")
    if length > MAX_FILE_BYTES:
        raise UnreadableImage(path, f"is {length:,} bytes long; the limit is {MAX_FILE_BYTES:,}")


def _open_picture(path: PictureSource, file: BinaryIO, max_pixels: int) -> ImageFile.ImageFile:
    """Open by content and refuse by size, before any pixel is decoded.

    The plug-ins are called directly: `Image.open` would first compare the size with Pillow's own process-wide
    limit and print a warning for pages this project allows.
    """
    head = file.read(30)
    file.seek(0)
    picture: ImageFile.ImageFile
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        picture = PngImagePlugin.PngImageFile(file)
    elif head.startswith(b"\xff\xd8\xff"):
        picture = JpegImagePlugin.JpegImageFile(file)
    elif head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        # Opening a WebP allocates its canvas, so its size has to be known before.
        _check_size(path, _webp_size(head), max_pixels)
        picture = WebPImagePlugin.WebPImageFile(file)
    else:
        raise UnreadableImage(path, "is not a PNG, JPEG or WebP picture, whatever its name says")
    _check_size(path, picture.size, max_pixels)
    return picture


def _check_size(path: PictureSource, size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise UnreadableImage(path, f"is {width} x {height} pixels: nothing to see")
    if width * height > max_pixels:
        raise UnreadableImage(path, f"is {width:,} x {height:,} pixels; the limit is {max_pixels:,} in all")


def _webp_size(head: bytes) -> tuple[int, int]:
    """(width, height) from the first 30 bytes of a WebP file (its three chunk kinds, RFC 9649)."""
    kind = head[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", head, 21)[0]
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError(f"unknown WebP chunk {kind!r}")


def _orientation(picture: Image.Image) -> int:
    """EXIF orientation 1-8; 1 where there is none or it cannot be read.

    Not `getexif`: for a PNG that decodes the whole picture.
    """
    data = picture.info.get("exif")
    if not isinstance(data, bytes):
        return 1
    exif = Image.Exif()
    try:
        exif.load(data)
        value = exif.get(_ORIENTATION_TAG, 1)
    except Exception:
        # The pixels are sound even where the notes beside them are not.
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _to_8_bit(picture: Image.Image) -> Image.Image:
    transparent = picture.info.get("transparency")
    if picture.mode.startswith("I"):
        # 16-bit grey; Pillow's own conversion to "L" would clip everything above 255 to white.
        deep = np.asarray(picture).astype(np.uint32)
        grey = Image.fromarray(((np.minimum(deep, 65535) + 128) // 257).astype(np.uint8))
        if not isinstance(transparent, int):
            return grey
        alpha = Image.fromarray(np.where(deep == transparent, 0, 255).astype(np.uint8))
        return Image.merge("LA", (grey, alpha)).convert("RGBA")
    if transparent is not None or picture.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        return in_mode(picture, "RGBA")
    return in_mode(picture, "L" if picture.mode in ("1", "L") else "RGB")
