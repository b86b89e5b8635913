"""Opening and decoding hostile picture files with Pillow.

A file's size is read from the header and refused before anything is decoded, and whatever goes wrong is an
`UnreadableImage` that names the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile, PngImagePlugin

from linecolor.images.formats import identify
from linecolor.images.sources import MAX_PROFILE_BYTES, PictureSource, check_size, opened_file

# Profiles of more than Pillow's megabyte are rare but sound.
PngImagePlugin.MAX_TEXT_CHUNK = MAX_PROFILE_BYTES

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


@contextmanager
def opened(path: PictureSource, max_pixels: int) -> Iterator[ImageFile.ImageFile]:
    """A picture file, open and within its limits, nothing decoded yet.

    Raises:
        UnreadableImage: of no known format, more than max_pixels, or whatever a decoder raises for hostile
            bytes, inside the `with` too.
    """
    with opened_file(path) as file:
        yield _open_picture(path, file, max_pixels)


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


def _open_picture(path: PictureSource, file: BinaryIO, max_pixels: int) -> ImageFile.ImageFile:
    """Open by content and refuse by size, before any pixel is decoded.

    The plug-ins are called directly: `Image.open` would first compare the size with Pillow's own process-wide
    limit and print a warning for pages this project allows.
    """
    module, name = identify(path, file, max_pixels).pillow.split(".")
    picture: ImageFile.ImageFile = getattr(import_module(f"PIL.{module}"), name)(file)
    check_size(path, picture.size, max_pixels)
    return picture


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
        # The pixels are sound even where the metadata next to them are not.
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
