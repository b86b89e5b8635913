"""Colour hints: reading a painted layer and bringing it to the draft's grid. Without torch.

One convention everywhere, in checkpoints and exports too (`CONVENTION`): four channels, RGB and alpha; **alpha is 1
where there is a hint**, RGB is 0 (mid grey in [-1, 1]) elsewhere. It is what a user paints on a transparent layer.
The paper's section 3.1 says the opposite of its own figure 2; every public code base agrees with the figure.
"""

import re
from collections.abc import Sequence

import cv2
import numpy as np

from linecolor.arrays import Channels, Picture

Point = tuple[float, float, tuple[int, int, int] | str]
"""A hint as x, y in pixels of the line and a colour: (r, g, b) in [0, 255] or "#rrggbb"."""

CONVENTION = "RGB in [-1, 1], 0 without hint; alpha 1 = hint, 0 = none"
HINT_ALPHA = 32
"""Alpha from which a painted cell counts as a hint: light brushes count, the faint rim of a soft one does not."""
BAND_PIXELS = 1 << 20
"""Pixels of a painted layer that are looked at together: a page filled with paint would take 40 bytes a pixel."""
_HEX = re.compile("#[0-9a-fA-F]{6}")


def reduce_layer(layer: Picture, size: tuple[int, int]) -> Picture:
    """Bring a painted hint layer, (H, W, 4) RGBA with straight alpha, to the draft's grid of `size` (h, w).

    Nearest-neighbour reduction loses thin strokes, so a cell takes the largest alpha and the alpha-weighted mean
    colour of all that was painted in it.

    Returns:
        (h, w, 4) RGBA with alpha 0 or 255; RGB is 0 where alpha is.
    """
    if layer.ndim != 3 or layer.shape[2] != 4 or layer.dtype != np.uint8:
        raise ValueError(f"a hint layer is (H, W, 4) uint8 RGBA, got {layer.shape} {layer.dtype}")
    height, width = size
    cells = height * width
    strongest, weight, color = np.zeros(cells, np.uint8), np.zeros(cells), np.zeros((3, cells))
    band = max(1, BAND_PIXELS // layer.shape[1])
    for top in range(0, layer.shape[0], band):
        ys, xs = np.nonzero(layer[top : top + band, :, 3])
        if not len(ys):
            continue
        painted = layer[top + ys, xs]
        cell = ((top + ys) * height // layer.shape[0]) * width + xs * width // layer.shape[1]
        alpha = painted[:, 3]
        np.maximum.at(strongest, cell, alpha)
        # Whole numbers, which doubles add exactly, in whatever bands.
        weight += np.bincount(cell, alpha, minlength=cells)
        for channel in range(3):
            color[channel] += np.bincount(cell, painted[:, channel] * alpha.astype(np.float64), minlength=cells)
    grid = np.zeros((height, width, 4), np.uint8)
    hinted = strongest >= HINT_ALPHA
    flat = grid.reshape(-1, 4)
    flat[hinted, :3] = np.rint(color[:, hinted] / weight[hinted]).T
    flat[hinted, 3] = 255
    return grid


def count_painted(layer: Picture) -> int:
    """How many separate places of a painted hint layer (H, W, 4) count as hints: what touches is one."""
    columns, rows = (np.flatnonzero((layer[..., 3] >= HINT_ALPHA).any(axis)) for axis in (0, 1))
    if not rows.size:
        return 0
    painted = layer[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1, 3] >= HINT_ALPHA
    return cv2.connectedComponents(painted.astype(np.uint8), connectivity=8)[0] - 1


def check_layer(layer: Picture, shape: tuple[int, int]) -> None:
    """ValueError if a painted layer is not RGBA, or its shape not that of the line (H, W), at whatever scale."""
    if layer.ndim != 3 or layer.shape[2] != 4 or layer.dtype != np.uint8 or not layer.size:
        raise ValueError(
            f"a hint layer is (H, W, 4) uint8 RGBA, transparent where there is no hint, got {layer.shape} {layer.dtype}"
        )
    if layer[..., 3].min() == 255 and layer.shape[0] * layer.shape[1] > 1:
        raise ValueError("the hint layer is opaque everywhere, one hint over every pixel: paint on a transparent layer")
    (height, width), (h, w) = shape, layer.shape[:2]
    # A pixel of rounding in a small layer is no other shape.
    if (w + 1) * height * 1.02 < (h - 1) * width or (w - 1) * height > (h + 1) * width * 1.02:
        raise ValueError(
            f"the hint layer is {w} x {h} and the line {width} x {height}: paint hints on a layer of the line's size, "
            "or of its shape"
        )


def place_points(points: Sequence[Point], shape: tuple[int, int], grid: tuple[int, int]) -> Picture:
    """Hints given as points, on the draft's grid: boxes as large as the protocol's, a later one over an earlier.

    Args:
        points: (x, y, colour) in pixels of the line; colour (r, g, b) in [0, 255] or "#rrggbb".
        shape: (H, W) of the line.
        grid: (h, w).

    Returns:
        (h, w, 4) as `reduce_layer` returns it.

    Raises:
        ValueError: for a point that is none, lies outside the line, or has no colour; it is named.
    """
    placed = np.zeros((*grid, 4), np.uint8)
    side = max(1, round(3 * min(shape) / 256))
    for point in points:
        x, y, color = checked_point(point, shape)
        rows, columns = (
            slice(max(0, at - side // 2) * cells // size, (min(size, at - side // 2 + side) - 1) * cells // size + 1)
            for at, size, cells in ((y, shape[0], grid[0]), (x, shape[1], grid[1]))
        )
        placed[rows, columns] = (*color, 255)
    return placed


def checked_point(point: Point, shape: tuple[int, int]) -> tuple[int, int, tuple[int, int, int]]:
    """Column, row and (r, g, b) of a hint; ValueError for a point that is none, or lies outside the line (H, W)."""
    try:
        x, y, color = point
        column, row = int(np.floor(x)), int(np.floor(y))
        if isinstance(color, str):
            rgb = parse_color(color)
        else:
            if any(value != int(value) for value in color):
                raise ValueError("channels are whole numbers from 0 to 255")
            red, green, blue = (int(value) for value in color)
            rgb = (red, green, blue)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f'{point!r} is no hint: give (x, y, colour), colour as (r, g, b) or "#rrggbb" ({error})'
        ) from None
    if not (0 <= column < shape[1] and 0 <= row < shape[0]):
        raise ValueError(f"the hint at x={x}, y={y} lies outside the line of {shape[1]} x {shape[0]} pixels")
    if not all(0 <= value <= 255 for value in rgb):
        raise ValueError(f"the hint at x={x}, y={y} has the colour {color}: channels go from 0 to 255")
    return column, row, rgb


def parse_color(color: str) -> tuple[int, int, int]:
    """The (r, g, b) of "#rrggbb"; ValueError for anything else."""
    if not _HEX.fullmatch(color):
        raise ValueError(f"{color!r} is no colour")
    red, green, blue = bytes.fromhex(color[1:])
    return red, green, blue


def to_network(grid: Picture) -> Channels:
    """A grid of hints (h, w, 4) uint8 as the network reads it: (4, h, w) float32 by `CONVENTION`."""
    alpha = (grid[..., 3:] > 0).astype(np.float32)
    color = (grid[..., :3].astype(np.float32) / 127.5 - 1) * alpha
    return np.concatenate([color, alpha], axis=2).transpose(2, 0, 1).copy()
