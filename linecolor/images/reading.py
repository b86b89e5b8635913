"""A picture file as what it is used for: a colour picture, a line, a hint layer.

A picture is given by its path, or by anything with its bytes (`PictureBytes`, a slice of a shard). With Pillow;
`opencv_decoder` does the same where it is not installed.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from PIL import Image

from linecolor.arrays import Picture
from linecolor.images.formats import not_transparent
from linecolor.images.pillow_decoder import decoded, in_mode, opened, oriented_size
from linecolor.images.sources import MAX_PIXELS, PictureSource

_STRIP_PIXELS = 1 << 16


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
        return _on_white(plain, "RGB"), alpha


def read_line(path: PictureSource, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read line art as (H, W) uint8 grey (ITU-R 601 luma), ink dark, transparent parts white paper.

    Raises:
        UnreadableImage: as `read_color`.
    """
    with opened(path, max_pixels) as picture:
        return _on_white(decoded(picture), "L")


def read_hint_layer(path: PictureSource, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a painted hint layer as (H, W, 4) uint8 RGBA with straight alpha (0 where there is no hint).

    Raises:
        UnreadableImage: as `read_color`, and where the file has no transparency: a flat picture would be one
            hint over every pixel.
    """
    with opened(path, max_pixels) as picture:
        plain = decoded(picture)
        if plain.mode != "RGBA":
            raise not_transparent(path)
        return np.array(plain)


def _on_white(picture: Image.Image, mode: Literal["L", "RGB"]) -> Picture:
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
        flat[top:bottom] = np.asarray(in_mode(strip, mode))
    return flat
