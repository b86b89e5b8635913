"""The hint protocol: the same hints for every program. NumPy and OpenCV only."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from linecolor.arrays import INK, Line, Picture, check_color, check_line

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
    side = max(1, round(3 * min(line.shape) / DRAFT_SIZE))
    rows, columns = (_spans(size, side) for size in line.shape)
    ink = cv2.integral((line < INK).astype(np.uint8))
    above, below = (ink[edge][:, columns] for edge in rows)
    # Whether the box of a hint drawn there holds no ink.
    free = below[:, 1] - below[:, 0] == above[:, 1] - above[:, 0]
    if free.mean() < LEAST_ROOM:
        raise ValueError(
            f"{name}: the ink (line < {INK}) leaves {free.mean():.4%} of the page for {side} px hints, "
            "not enough to place any; is the line inverted? Paper should be white (255)"
        )
    file_name = name if name.endswith(".png") else f"{name}.png"
    rng = np.random.default_rng([seed, zlib.crc32(file_name.encode())])
    hints: list[Hint] = []
    while len(hints) < count:
        y, x = (int(rng.integers(size)) for size in line.shape)
        if free[y, x]:
            (y0, y1), (x0, x1) = rows[:, y].tolist(), columns[:, x].tolist()
            red, green, blue = color[y, x].tolist()
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


def _spans(size: int, side: int) -> NDArray[np.int64]:
    """(2, size): where a box around each place of an axis starts and ends."""
    start = np.maximum(np.arange(size) - side // 2, 0)
    return np.stack([start, np.minimum(start + side, size)])
