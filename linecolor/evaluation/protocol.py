"""The hint protocol: the same hints for every program. NumPy and OpenCV only."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from linecolor.arrays import INK, Line, Mask, Picture, check_color, check_line

DRAFT_SIZE = 256
# With less room than this beside the ink, the draws that hit none of it would take minutes.
LEAST_ROOM = 1e-4


@dataclass(frozen=True)
class Hint:
    """One hint: a box of one colour.

    Attributes:
        y0, y1, x0, x1: the box [y0, y1) x [x0, x1) in full-size pixels.
        y, x: where its colour was taken.
        color: RGB, 0 to 255.
    """

    y0: int
    y1: int
    x0: int
    x1: int
    y: int
    x: int
    color: tuple[int, int, int]


def protocol_hints(line: Line, color: Picture, name: str, count: int, seed: int = 0) -> list[Hint]:
    """The first `count` hints of a drawing: boxes at random places off the ink, each in its true colour.

    Side of a box: max(1, round(3 * short side / 256)), three pixels of the 256 px draft. The draws depend on
    the seed, the name and the picture alone, so 8 hints are the first 8 of 128. A box holds no line pixel
    below 128.

    Args:
        line: (H, W) uint8, paper = 255.
        color: (H, W, 3) uint8 RGB, the truth.
        name: the drawing's file stem, "1F35B"; with or without ".png".
        count: number of hints, 0 or more.
        seed: 0 for the published table.

    Raises:
        ValueError: pictures or count do not fit, or the ink leaves no room (less than 0.01 % of the positions).
    """
    check_line(line)
    check_color(line, color)
    if count < 0:
        raise ValueError(f"count={count}: the number of hints cannot be negative")
    if count == 0:
        return []
    height, width = line.shape
    side = max(1, round(3 * min(height, width) / DRAFT_SIZE))
    free = _free_positions(line, side)
    if free.mean() < LEAST_ROOM:
        raise ValueError(
            f"{name}: the ink (line < {INK}) leaves {free.mean():.4%} of the page for {side} px hints, "
            "not enough to place any; is the line inverted? Paper should be white (255)"
        )
    file_name = name if name.endswith(".png") else f"{name}.png"
    rng = np.random.default_rng([seed, zlib.crc32(file_name.encode())])
    hints: list[Hint] = []
    while len(hints) < count:
        y, x = int(rng.integers(height)), int(rng.integers(width))
        if free[y, x]:
            (y0, y1), (x0, x1) = _span(y, side, height), _span(x, side, width)
            red, green, blue = (int(level) for level in color[y, x])
            hints.append(Hint(y0, y1, x0, x1, y, x, (red, green, blue)))
    return hints


def paint_hints(hints: Sequence[Hint], shape: tuple[int, int]) -> Picture:
    """The hints on a transparent layer of (H, W), as a user would paint them; a later hint covers an earlier one.

    Returns:
        (H, W, 4) uint8 RGBA; alpha 255 on a hint, all four channels 0 elsewhere.
    """
    layer = np.zeros((*shape, 4), np.uint8)
    for hint in hints:
        layer[hint.y0 : hint.y1, hint.x0 : hint.x1] = (*hint.color, 255)
    return layer


def _span(center: int, side: int, size: int) -> tuple[int, int]:
    start = max(0, center - side // 2)
    return start, min(start + side, size)


def _free_positions(line: Line, side: int) -> Mask:
    """(H, W) bool: whether the box of a hint drawn there holds no ink."""
    ink = cv2.integral((line < INK).astype(np.uint8))
    edges = []
    for size in line.shape:
        start = np.maximum(np.arange(size) - side // 2, 0)
        edges.append((start, np.minimum(start + side, size)))
    (y0, y1), (x0, x1) = edges
    below, above = ink[y1], ink[y0]
    return below[:, x1] - below[:, x0] == above[:, x1] - above[:, x0]
