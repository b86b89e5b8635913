"""Fills that need no training: the line alone, its mean colour, the nearest hint, a watershed, a flood.

Each takes a line, (H, W) uint8 with white paper, and gives (H, W, 3) uint8 RGB: its colours times the line. A later
hint covers an earlier one; without any hints the bare line comes back. ValueError where the line is none.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from linecolor.arrays import INK, Line, Mask, Picture, check_color, check_line, check_mask
from linecolor.evaluation.protocol import Hint, paint_hints


def bare_line(line: Line) -> Picture:
    """The line as an RGB picture, the score of colouring nothing."""
    check_line(line)
    return np.repeat(line[..., None], 3, axis=2)


def mean_color_fill(line: Line, color: Picture, foreground: Mask, ink: bool) -> Picture:
    """The foreground in its own mean colour, white outside.

    The mean is taken from the truth, so this is an oracle: the drawing's mean colour with its ink, or the mean of its
    paint alone, the best a single colour does. Ink in the mean darkens the fill twice, which costs 4 dB on the
    protocol's drawings.

    Args:
        line: of the drawing.
        color: (H, W, 3) uint8 RGB, the truth.
        foreground: (H, W) bool; its pixels make the mean.
        ink: whether inked pixels (line < 128) are part of the mean.
    """
    check_line(line)
    check_color(line, color)
    check_mask(foreground, line.shape, "foreground")
    fill = np.full_like(color, 255)
    counted = foreground if ink else foreground & (line >= INK)
    if counted.any():
        fill[foreground] = np.rint(color[counted].mean(axis=0))
    return times_line(fill, line)


def voronoi_fill(line: Line, hints: Sequence[Hint]) -> Picture:
    """Every pixel in the colour of the nearest hint pixel (Euclidean)."""
    if not hints:
        return bare_line(line)
    check_line(line)
    layer = paint_hints(hints, line.shape)
    return times_line(_nearest(layer[..., :3], layer[..., 3] > 0), line)


def watershed_fill(line: Line, hints: Sequence[Hint]) -> Picture:
    """Hints flooding over the line's ink as relief: scikit-image's watershed with a marker per hint."""
    from skimage.segmentation import watershed

    if not hints:
        return bare_line(line)
    check_line(line)
    markers = np.zeros(line.shape, np.int32)
    for number, hint in enumerate(hints, start=1):
        markers[hint.y0 : hint.y1, hint.x0 : hint.x1] = number
    palette = np.array([(255, 255, 255), *(hint.color for hint in hints)], np.uint8)
    return times_line(palette[watershed(255 - line, markers)], line)


def times_line(fill: Picture, line: Line) -> Picture:
    """The fill, (H, W, 3) uint8, under the line: fill x line / 255, rounded."""
    product = np.empty_like(fill)
    cv2.multiply(fill, bare_line(line), product, scale=1 / 255)
    return product


def flood_fill(line: Line, hints: Sequence[Hint]) -> Picture:
    """Each hint floods the paper (line >= 128) it lies on, by steps to the four neighbours; on ink it floods nothing.

    The bucket of every paint program. Where several hints lie on one connected part of the paper, each pixel takes the
    colour of the nearest hint pixel on that part (Euclidean). Parts without a hint, and the ink, stay white under the
    line.
    """
    check_line(line)
    layer = paint_hints(hints, line.shape)
    paper = (line >= INK).astype(np.uint8)
    _, parts, boxes, _ = cv2.connectedComponentsWithStats(paper, connectivity=4)
    hinted = (layer[..., 3] > 0) & (paper > 0)
    fill = np.full((*line.shape, 3), 255, np.uint8)
    for part in np.unique(parts[hinted]):
        x, y, width, height = boxes[part, :4]
        box = np.s_[y : y + height, x : x + width]
        inside = parts[box] == part
        seeds = inside & hinted[box]
        colors = layer[box][..., :3]
        if (colors[seeds] == colors[seeds][0]).all():
            # So it is in most parts, the page around the drawing above all, and the distances are what takes time.
            fill[box][inside] = colors[seeds][0]
            continue
        fill[box][inside] = _nearest(colors, seeds)[inside]
    return times_line(fill, line)


def _nearest(colors: Picture, seeds: Mask) -> Picture:
    """(H, W, 3): each pixel in the colour of the nearest seed."""
    from scipy.ndimage import distance_transform_edt

    ys, xs = distance_transform_edt(~seeds, return_distances=False, return_indices=True)
    return colors[ys, xs]
