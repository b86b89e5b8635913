"""A picture file reduced while it is read, for measuring and showing many files in little time."""

from __future__ import annotations

import math

from PIL import Image

from linecolor.arrays import Picture
from linecolor.images.reading import decoded, on_white, opened, oriented_size
from linecolor.images.sources import MAX_PIXELS, PictureSource


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
