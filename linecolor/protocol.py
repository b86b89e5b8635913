"""The hint protocol: the same hints for every program, and reference fills that need no training.

NumPy, OpenCV and scikit-image only. Pictures are uint8 RGB, lines uint8 grey with white paper (255).
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Line = NDArray[np.uint8]
Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]

DRAFT_SIZE = 256
INK = 128
PAPER = 250
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
        ValueError: pictures or count do not fit, or the ink leaves no room (less than 0.01 % of the
            positions).
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
        y = int(rng.integers(height))
        x = int(rng.integers(width))
        if free[y, x]:
            (y0, y1), (x0, x1) = _span(y, side, height), _span(x, side, width)
            red, green, blue = (int(level) for level in color[y, x])
            hints.append(Hint(y0, y1, x0, x1, y, x, (red, green, blue)))
    return hints


def paint_hints(hints: Sequence[Hint], shape: tuple[int, int]) -> Picture:
    """The hints on a transparent layer, as a user would paint them; a later hint covers an earlier one.

    Args:
        hints: the hints, in drawing order.
        shape: (H, W) of the layer.

    Returns:
        (H, W, 4) uint8 RGBA; alpha 255 on a hint, all four channels 0 elsewhere.
    """
    layer = np.zeros((*shape, 4), np.uint8)
    for hint in hints:
        layer[hint.y0 : hint.y1, hint.x0 : hint.x1] = (*hint.color, 255)
    return layer


def foreground(line: Line, color: Picture, alpha: NDArray[np.uint8] | None = None) -> Mask:
    """Where the drawing is.

    With alpha, wherever it is above 0. Without, everything that paper (line and all channels at least 250)
    cannot reach from the border, by steps to the four neighbours.

    Args:
        line: (H, W) uint8.
        color: (H, W, 3) uint8 RGB.
        alpha: (H, W) uint8 alpha of the colour picture, if it has one.

    Returns:
        (H, W) bool.

    Raises:
        ValueError: sizes or types do not fit.
    """
    check_line(line)
    check_color(line, color)
    if alpha is not None:
        if alpha.shape != line.shape:
            raise ValueError(f"alpha is {alpha.shape}, but the line {line.shape}")
        return alpha > 0
    paper = (line >= PAPER) & (color >= PAPER).all(axis=2)
    # A frame of paper around the page makes one flood do for the whole border.
    flooded = cv2.copyMakeBorder(paper.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    cv2.floodFill(flooded, None, (0, 0), 2, flags=4)
    return flooded[1:-1, 1:-1] != 2


def bare_line(line: Line) -> Picture:
    """The line as an RGB picture, the score of colouring nothing: (H, W) uint8 -> (H, W, 3) uint8."""
    check_line(line)
    return np.repeat(line[..., None], 3, axis=2)


def mean_color_fill(line: Line, color: Picture, foreground: Mask, ink: bool) -> Picture:
    """The foreground in its own mean colour, white outside, times the line.

    The mean is taken from the truth, so this is an oracle: the drawing's mean colour with its ink, or the mean of its
    paint alone, the best a single colour does. Ink in the mean darkens the fill twice, which costs 4 dB on the
    protocol's drawings.

    Args:
        line: (H, W) uint8.
        color: (H, W, 3) uint8 RGB, the truth.
        foreground: (H, W) bool; its pixels make the mean.
        ink: whether inked pixels (line < 128) are part of the mean.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: sizes or types do not fit.
    """
    check_line(line)
    check_color(line, color)
    if foreground.shape != line.shape or foreground.dtype != np.bool_:
        raise ValueError(f"foreground should be {line.shape} bool, is {foreground.shape} {foreground.dtype}")
    fill = np.full_like(color, 255)
    counted = foreground if ink else foreground & (line >= INK)
    if counted.any():
        fill[foreground] = np.rint(color[counted].mean(axis=0))
    return times_line(fill, line)


def voronoi_fill(line: Line, hints: Sequence[Hint]) -> Picture:
    """Every pixel in the colour of the nearest hint pixel (Euclidean), times the line.

    Args:
        line: (H, W) uint8.
        hints: the hints; without any, the bare line comes back.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    from scipy.ndimage import distance_transform_edt

    if not hints:
        return bare_line(line)
    check_line(line)
    layer = paint_hints(hints, line.shape)
    ys, xs = distance_transform_edt(layer[..., 3] == 0, return_distances=False, return_indices=True)
    return times_line(layer[ys, xs, :3], line)


def watershed_fill(line: Line, hints: Sequence[Hint]) -> Picture:
    """Hints flooding over the line's ink as relief, each region in its hint's colour, times the line.

    scikit-image's watershed with a marker per hint; without hints, the bare line.

    Args:
        line: (H, W) uint8.
        hints: the hints; a later one covers an earlier one.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    from skimage.segmentation import watershed

    if not hints:
        return bare_line(line)
    check_line(line)
    markers = np.zeros(line.shape, np.int32)
    for number, hint in enumerate(hints, start=1):
        markers[hint.y0 : hint.y1, hint.x0 : hint.x1] = number
    palette = np.array([(255, 255, 255), *(hint.color for hint in hints)], np.uint8)
    return times_line(palette[watershed(255 - line, markers)], line)


def check_line(line: Line) -> None:
    """ValueError if the line is not (H, W) uint8."""
    if line.ndim != 2 or line.dtype != np.uint8 or not line.size:
        raise ValueError(f"a line is (H, W) uint8 with white paper, got {line.shape} {line.dtype}")


def check_color(line: Line, color: Picture) -> None:
    """ValueError if the picture is not uint8 RGB of the line's size."""
    if color.dtype != np.uint8 or color.shape != (*line.shape, 3):
        raise ValueError(f"expected {(*line.shape, 3)} uint8 RGB beside this line, got {color.shape} {color.dtype}")


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


def times_line(fill: Picture, line: Line) -> Picture:
    """The fill under the line: fill x line / 255, rounded; (H, W, 3) and (H, W) uint8 -> (H, W, 3) uint8."""
    product = np.empty_like(fill)
    cv2.multiply(fill, bare_line(line), product, scale=1 / 255)
    return product
