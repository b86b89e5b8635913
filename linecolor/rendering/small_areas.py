"""Hints in closed areas that the networks can hardly see, and strokes that run over an outline. NumPy and OpenCV only.

The networks see a page a few hundred pixels wide, on which an eye is a dot. So a small closed area with a hint in it is
filled with the hint's colour at the page's own size. Ours, not the paper's.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from linecolor.arrays import INK, Line, Mask, Picture
from linecolor.hints.layers import HINT_ALPHA, Point, checked_point
from linecolor.rendering.blending import Patch

LARGEST = 8.0
"""Radius in cells of a circle as large as the largest area that is filled; a cell is a pixel of the networks' page."""
UNSEEN = 2.0
"""The same of an area whose hint the networks are not shown: they would see it on both sides of its outline."""
MARGIN = 12.0
"""Cells around a hint in which its area is looked for."""
STRAY = 0.25
"""A stroke does not belong to an area that holds less than this share of it."""
SAME = 24
"""Hints in one area whose channels differ by more are several colours, which only the networks can share out."""
MOST_PIXELS = 1 << 24
"""Of the surroundings of one stroke; a larger one is left to the networks."""
_INTO_LINE = 3


def small_areas(
    line: Picture, hints: Picture | Sequence[Point] | None, grid: Picture, cell: float
) -> tuple[list[Patch], Picture]:
    """Fill small closed areas that have a hint, and take strokes out of areas that they only touch.

    Args:
        line: (H, W) uint8 at the page's size, paper = 255.
        hints: as of `PageColorizer.colorize`.
        grid: (h, w, 4) these hints on the draft's grid.
        cell: pixels of the page across a cell.

    Returns:
        The patches; and the grid without hints that the networks are not to see.
    """
    patches: list[Patch] = []
    if hints is None or not grid[..., 3].any():
        return patches, grid
    shown = grid.copy()
    for rows, columns, cells in _surroundings(grid, line.shape, cell):
        crop = line[rows, columns]
        painted = _painted(hints, line.shape, rows, columns)
        _, areas, stats, _ = cv2.connectedComponentsWithStats((crop >= INK).astype(np.uint8), connectivity=4)
        owned = _owned(painted, areas)
        unseen = (painted[..., 3] >= HINT_ALPHA) & (areas > 0) & ~owned
        for area in np.unique(areas[owned]):
            size = stats[area, cv2.CC_STAT_AREA]
            if size > np.pi * (LARGEST * cell) ** 2 or _reaches_border(stats[area], crop.shape):
                continue
            box = _box(stats[area], crop.shape)
            inside = owned[box] & (areas[box] == area)
            color = _color(painted[box][inside])
            if color is None:
                continue
            top, left = rows.start + box[0].start, columns.start + box[1].start
            patches.append(Patch(top, left, _into_outline(areas[box], area), color))
            if size <= np.pi * (UNSEEN * cell) ** 2:
                unseen[box] |= inside
        _take_out(shown, cells, unseen, owned & ~unseen, rows, columns, line)
    return patches, shown


def _surroundings(grid: Picture, shape: tuple[int, ...], cell: float) -> Iterator[tuple[slice, slice, Mask]]:
    """Rows and columns of the page around each connected hint, and its cells on the grid, (h, w)."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((grid[..., 3] > 0).astype(np.uint8), connectivity=8)
    for label, (left, top, width, height, _) in enumerate(stats[1:], start=1):
        spans = []
        for start, length, cells, size in (
            (top, height, grid.shape[0], shape[0]),
            (left, width, grid.shape[1], shape[1]),
        ):
            first = int(start * size / cells - MARGIN * cell)
            last = int(np.ceil((start + length) * size / cells + MARGIN * cell))
            spans.append(slice(max(0, first), min(size, last)))
        if (spans[0].stop - spans[0].start) * (spans[1].stop - spans[1].start) <= MOST_PIXELS:
            yield spans[0], spans[1], np.asarray(labels == label)


def _painted(hints: Picture | Sequence[Point], shape: tuple[int, ...], rows: slice, columns: slice) -> Picture:
    """The hints of a part of the page at its own size, (h, w, 4)."""
    height, width = rows.stop - rows.start, columns.stop - columns.start
    if isinstance(hints, np.ndarray):
        ys, xs = (
            np.arange(part.start, part.stop) * at // size
            for part, at, size in ((rows, hints.shape[0], shape[0]), (columns, hints.shape[1], shape[1]))
        )
        return np.ascontiguousarray(hints[ys[:, None], xs])
    painted = np.zeros((height, width, 4), np.uint8)
    for point in hints:
        # By its centre alone: the box that the networks are shown may be larger than its area.
        x, y, color = checked_point(point, (shape[0], shape[1]))
        y, x = y - rows.start, x - columns.start
        if 0 <= y < height and 0 <= x < width:
            painted[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] = (*color, 255)
    return painted


def _owned(painted: Picture, areas: np.ndarray) -> Mask:
    """Where hints lie on paper of an area that holds enough of their stroke."""
    hinted = painted[..., 3] >= HINT_ALPHA
    count, strokes = cv2.connectedComponents(hinted.astype(np.uint8), connectivity=8)
    on_paper = hinted & (areas > 0)
    width = int(areas.max()) + 1
    pairs = strokes[on_paper].astype(np.int64) * width + areas[on_paper]
    shares = np.bincount(pairs, minlength=count * width).reshape(count, width)
    enough = shares >= STRAY * np.maximum(shares.sum(axis=1, keepdims=True), 1)
    return on_paper & enough[strokes, areas]


def _reaches_border(stats: np.ndarray, shape: tuple[int, ...]) -> bool:
    left, top, width, height, _ = stats
    return bool(left == 0 or top == 0 or left + width == shape[1] or top + height == shape[0])


def _color(hints: Picture) -> tuple[int, int, int] | None:
    """The colour of an area's hints, (n, 4), or None of several."""
    low, high = np.percentile(hints[:, :3], (5, 95), axis=0)
    if (high - low).max() > SAME:
        return None
    red, green, blue = np.rint(np.average(hints[:, :3], axis=0, weights=hints[:, 3])).astype(int).tolist()
    return red, green, blue


def _box(stats: np.ndarray, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of an area and its outline."""
    left, top, width, height, _ = (int(value) for value in stats)
    return (
        slice(max(0, top - _INTO_LINE), min(shape[0], top + height + _INTO_LINE)),
        slice(max(0, left - _INTO_LINE), min(shape[1], left + width + _INTO_LINE)),
    )


def _into_outline(areas: np.ndarray, area: int) -> Mask:
    """The area and a little of its outline, whose edge is grey, but nothing beyond."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _INTO_LINE + 1, 2 * _INTO_LINE + 1))
    near = cv2.dilate((areas == area).astype(np.uint8), kernel) > 0
    return np.asarray(near & ((areas == area) | (areas == 0)))


def _take_out(shown: Picture, cells: Mask, unseen: Mask, seen: Mask, rows: slice, columns: slice, line: Line) -> None:
    """Clear the cells of a hint in which there is nothing but what the networks are not to see."""
    if not unseen.any():
        return
    if not seen.any():
        shown[cells] = 0  # what lies on ink as well
        return
    touched, kept = np.zeros(cells.shape, bool), np.zeros(cells.shape, bool)
    for mask, into in ((unseen, touched), (seen, kept)):
        ys, xs = np.nonzero(mask)
        into[(ys + rows.start) * len(cells) // len(line), (xs + columns.start) * cells.shape[1] // line.shape[1]] = True
    shown[cells & touched & ~kept] = 0
