"""A picture file as what it is used for: colour picture, line, hint layer or thumbnail. Hostile files are refused.

A picture is given by its path, or by anything with its bytes (`PictureBytes`, a slice of a shard). Its size is read
from the header and refused before anything is decoded, and whatever goes wrong is an `UnreadableImage`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np
from PIL import Image, PngImagePlugin
from PIL.ExifTags import Base
from PIL.ImageFile import ImageFile

from linecolor.arrays import Picture
from linecolor.images.formats import TRANSPARENT, format_of, names
from linecolor.images.headers import HEAD_BYTES
from linecolor.images.sources import (
    MAX_PIXELS,
    MAX_PROFILE_BYTES,
    PictureSource,
    UnreadableImage,
    check_size,
    opened_file,
)

# Profiles of more than Pillow's megabyte are rare but sound.
PngImagePlugin.MAX_TEXT_CHUNK = MAX_PROFILE_BYTES

_UNREAD_MODES = {"F": "levels of 32 bits", "I": "levels of 32 bits", "LAB": "CIELAB colours"}
_STRIP_PIXELS = 1 << 16
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def image_size(path: PictureSource, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """(height, width) in pixels as the picture is seen (EXIF orientation honoured), from the header only.

    Raises:
        UnreadableImage: of no known format, or more than max_pixels.
    """
    with opened(path, max_pixels) as picture:
        return oriented_size(picture)


def check_image(path: PictureSource, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """(height, width) of a picture after decoding all of it, so that a truncated one is found now.

    Raises:
        UnreadableImage: whatever `read_color` would raise.
    """
    with opened(path, max_pixels) as picture:
        picture.load()
        return oriented_size(picture)


def read_color(path: PictureSource, max_pixels: int = MAX_PIXELS) -> tuple[Picture, Picture | None]:
    """Read a colour picture on white paper.

    Palette, grey, 1-bit, 16-bit and CMYK files become 8-bit RGB; of an animation the first frame is read.

    Returns:
        (H, W, 3) uint8 RGB, composited on white, and the (H, W) uint8 alpha, None where the file has none.

    Raises:
        UnreadableImage: broken, truncated, empty, of no known format, or more than max_pixels.
    """
    with opened(path, max_pixels) as picture:
        plain = decoded(picture)
        alpha = np.array(plain.getchannel("A")) if plain.mode == "RGBA" else None
        return on_white(plain, "RGB"), alpha


def read_line(path: PictureSource, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read line art as (H, W) uint8 grey (ITU-R 601 luma), ink dark, transparent parts white paper.

    Raises:
        UnreadableImage: as `read_color`.
    """
    with opened(path, max_pixels) as picture:
        return on_white(decoded(picture), "L")


def read_hint_layer(path: PictureSource, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a painted hint layer as (H, W, 4) uint8 RGBA with straight alpha (0 where there is no hint).

    Raises:
        UnreadableImage: as `read_color`, and where the file has no transparency: a flat picture would be one
            hint over every pixel.
    """
    with opened(path, max_pixels) as picture:
        plain = decoded(picture)
        if plain.mode != "RGBA":
            advice = f"save the hints alone, on a transparent layer, as {names(TRANSPARENT)}"
            raise UnreadableImage(path, f"has no transparency; {advice}")
        return np.array(plain)


def read_thumbnail(path: PictureSource, area: int, max_pixels: int = MAX_PIXELS) -> tuple[Picture, tuple[int, int]]:
    """Read a colour picture on white paper, reduced to about `area` pixels by area means, never enlarged.

    A JPEG is decoded at a half, quarter or eighth of its size where that is enough, in a fraction of the time.

    Args:
        path: the file.
        area: pixels of the result in all, 1 or more.
        max_pixels: larger pictures are refused, from their header.

    Returns:
        (h, w, 3) uint8 RGB, and the (height, width) of the file as the picture is seen.

    Raises:
        UnreadableImage: whatever `read_color` would raise.
        ValueError: an area below 1.
    """
    if area < 1:
        raise ValueError(f"area {area} must be 1 or more")
    with opened(path, max_pixels) as picture:
        height, width = oriented_size(picture)
        scale = min(1.0, math.sqrt(area / (height * width)))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        if scale < 1:
            # Of JPEG alone. In the file the picture may lie on its side.
            picture.draft(None, size if picture.size == (width, height) else size[::-1])
        plain = decoded(picture)
        if plain.size != size:
            # Pillow weighs colours by alpha here, so that transparent pixels do not bleed into seen ones.
            plain = plain.resize(size, Image.Resampling.BOX, reducing_gap=1.0)
        return on_white(plain, "RGB"), (height, width)


@contextmanager
def opened(path: PictureSource, max_pixels: int = MAX_PIXELS) -> Iterator[ImageFile]:
    """A picture file, open by its content and within its limits, nothing decoded yet.

    Raises:
        UnreadableImage: of no known format, more than max_pixels, or whatever a decoder raises for hostile
            bytes, inside the `with` too.
    """
    with opened_file(path) as file:
        row = format_of(path, file.read(HEAD_BYTES))
        file.seek(0)
        if row.check is not None:
            row.check(path, file, max_pixels)
            file.seek(0)
        # Not `Image.open`: it would first compare the size with Pillow's own process-wide limit and print a warning
        # for pages this project allows.
        picture = row.plugin(file)
        check_size(path, picture.size, max_pixels)
        if picture.mode in _UNREAD_MODES:
            raise UnreadableImage(path, f"has {_UNREAD_MODES[picture.mode]}; save it as RGB or grey of 8 or 16 bits")
        yield picture


def oriented_size(picture: Image.Image) -> tuple[int, int]:
    """(height, width) in pixels as the picture is seen (EXIF orientation honoured), from the header only."""
    width, height = picture.size
    return (width, height) if _orientation(picture) >= 5 else (height, width)


def decoded(picture: ImageFile) -> Image.Image:
    """An opened picture decoded, of an animation the first frame, turned as its EXIF orientation asks.

    Palette, grey, 1-bit, 16-bit and CMYK files become 8-bit.

    Returns:
        Mode "L" or "RGB" without transparency, "RGBA" (straight alpha) with it.
    """
    orientation = _orientation(picture)
    picture.load()
    plain = _to_8_bit(picture)
    return plain.transpose(_TURNS[orientation]) if orientation in _TURNS else plain


def on_white(picture: Image.Image, mode: Literal["L", "RGB"]) -> Picture:
    """Composite on white, each level rounded to the nearest, as (H, W) grey or (H, W, 3) RGB.

    Pillow's `paste` is exact for every colour and alpha, in a fifth of the time of the same sums in NumPy. In
    strips: a page would take its memory three times over.
    """
    width, height = picture.size
    flat = np.empty((height, width, 3) if mode == "RGB" else (height, width), np.uint8)
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        strip = picture.crop((0, top, width, bottom))
        if strip.mode == "RGBA":
            paper = Image.new("RGB", strip.size, (255, 255, 255))
            paper.paste(strip, mask=strip)
            strip = paper
        flat[top:bottom] = np.asarray(_in_mode(strip, mode))
    return flat


def _in_mode(picture: Image.Image, mode: str) -> Image.Image:
    """The picture in one of Pillow's modes; itself where it has that mode (`convert` would copy it)."""
    return picture if picture.mode == mode else picture.convert(mode)


def _orientation(picture: Image.Image) -> int:
    """EXIF orientation 1-8; 1 where there is none or it cannot be read.

    Not `getexif`: for a PNG that decodes the whole picture.
    """
    exif = Image.Exif()
    try:
        exif.load(picture.info.get("exif", b""))
        value = exif.get(Base.Orientation, 1)
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
        return _in_mode(picture, "RGBA")
    return _in_mode(picture, "L" if picture.mode in ("1", "L") else "RGB")
