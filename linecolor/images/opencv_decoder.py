"""Reading picture files with OpenCV, where Pillow is not installed: the same functions, limits, errors and pixels.

The pixels are Pillow's, level by level, but for CMYK files, which OpenCV brings to RGB itself: up to 2 levels apart.
"""

from __future__ import annotations

from typing import BinaryIO

import cv2
import numpy as np

from linecolor.arrays import Picture
from linecolor.images.formats import PNG, PictureFormat, identify, not_transparent
from linecolor.images.paper import on_white
from linecolor.images.png_pixels import png_pixels
from linecolor.images.sources import MAX_PIXELS, PictureSource, UnreadableImage, check_size, opened_file

_STRIP_PIXELS = 1 << 16
_LUMA = np.array([19595, 38470, 7471], np.uint32)
"""ITU-R 601 in 1/65536, as Pillow has it."""
_TO_RGB = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}


def image_size(path: PictureSource, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """As `reading.image_size`."""
    with opened_file(path) as file:
        _, _, (width, height), orientation = _inspected(path, file, max_pixels)
        return (width, height) if orientation >= 5 else (height, width)


def check_image(path: PictureSource, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """As `reading.check_image`."""
    height, width = _decoded(path, max_pixels).shape[:2]
    return height, width


def read_color(path: PictureSource, max_pixels: int = MAX_PIXELS) -> tuple[Picture, Picture | None]:
    """As `reading.read_color`."""
    plain = _decoded(path, max_pixels)
    if plain.ndim == 2:
        return np.repeat(plain[..., None], 3, 2), None
    return (plain, None) if plain.shape[2] == 3 else (_on_white(plain), plain[..., 3].copy())


def read_line(path: PictureSource, max_pixels: int = MAX_PIXELS) -> Picture:
    """As `reading.read_line`."""
    plain = _decoded(path, max_pixels)
    if plain.ndim == 2:
        return plain
    grey = np.empty(plain.shape[:2], np.uint8)
    rows = max(1, _STRIP_PIXELS // plain.shape[1])
    for top in range(0, len(plain), rows):
        strip = plain[top : top + rows]
        rgb = strip if strip.shape[2] == 3 else _on_white(strip)
        grey[top : top + rows] = (rgb @ _LUMA + 0x8000) >> 16
    return grey


def read_hint_layer(path: PictureSource, max_pixels: int = MAX_PIXELS) -> Picture:
    """As `reading.read_hint_layer`."""
    plain = _decoded(path, max_pixels)
    if plain.shape[2:] != (4,):
        raise not_transparent(path)
    return plain


def _decoded(path: PictureSource, max_pixels: int) -> Picture:
    """A picture as it is seen: (H, W) grey or (H, W, 3) RGB without transparency, (H, W, 4) RGBA with it."""
    with opened_file(path) as file:
        data, kind, _, orientation = _inspected(path, file, max_pixels)
        if kind is PNG:
            plain = png_pixels(data)
        else:
            raw = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
            if raw is None:
                raise UnreadableImage(path, "broken picture (damaged or cut off)")
            plain = np.asarray(raw if raw.ndim == 2 else cv2.cvtColor(raw, _TO_RGB[raw.shape[2]]), np.uint8)
        return _turned(plain, orientation)


def _inspected(
    path: PictureSource, file: BinaryIO, max_pixels: int
) -> tuple[bytes, PictureFormat, tuple[int, int], int]:
    """The file, its format, its (width, height), which is within the limit, and its orientation."""
    kind = identify(path, file, max_pixels)
    data = file.read()
    size, orientation = kind.size_and_orientation(data)
    check_size(path, size, max_pixels)
    return data, kind, size, orientation


def _turned(plain: Picture, orientation: int) -> Picture:
    if orientation >= 5:
        plain = plain.swapaxes(0, 1)
    # As 2, 3 and 4 turn a picture that stands, 6, 7 and 8 turn one that lies.
    if orientation in (2, 3, 6, 7):
        plain = plain[:, ::-1]
    if orientation in (3, 4, 7, 8):
        plain = plain[::-1]
    return np.ascontiguousarray(plain)


def _on_white(rgba: Picture) -> Picture:
    """Composite (H, W, 4) on white, each level rounded to the nearest, in strips."""
    flat = np.empty((*rgba.shape[:2], 3), np.uint8)
    rows = max(1, _STRIP_PIXELS // rgba.shape[1])
    for top in range(0, len(rgba), rows):
        flat[top : top + rows] = on_white(rgba[top : top + rows])
    return flat
