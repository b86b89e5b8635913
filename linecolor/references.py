"""What needs no training: every reference method under one signature, to be measured beside trained systems.

From colouring nothing at all to G'MIC's smart coloring: with the same hints, this is what a model has to beat. Two
oracles read the truth; they say what a single colour can reach.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from linecolor import gmic
from linecolor.protocol import (
    INK,
    Hint,
    Line,
    Mask,
    Picture,
    bare_line,
    check_line,
    mean_color_fill,
    paint_hints,
    times_line,
    voronoi_fill,
    watershed_fill,
)

Color = Callable[[Line, Picture, Mask, Sequence[Hint]], Picture]
"""(line, truth, foreground, hints) -> (H, W, 3) uint8 RGB of the line's size."""


@dataclass(frozen=True)
class Reference:
    """A method that needs no training.

    Attributes:
        name: as tables and charts call it.
        uses_hints: False where the result is the same for any hints.
        oracle: whether it reads the truth and its foreground; the others get them and leave them alone.
        color: (line, truth, foreground, hints) -> picture: (H, W) uint8, (H, W, 3) uint8 RGB, (H, W) bool and a
            list -> (H, W, 3) uint8 RGB. It may raise RuntimeError where it runs a program of the machine.
    """

    name: str
    uses_hints: bool
    oracle: bool
    color: Color


def flood_fill(line: Line, hints: Sequence[Hint]) -> Picture:
    """Each hint floods the paper (line >= 128) it lies on, by steps to the four neighbours, times the line.

    The bucket of every paint program. Where several hints lie on one connected part of the paper, each pixel takes the
    colour of the nearest hint pixel on that part (Euclidean). Parts without a hint, and the ink, stay white under the
    line.

    Args:
        line: (H, W) uint8.
        hints: the hints; a later one covers an earlier one, and what lies on ink floods nothing. Without any, the bare
            line comes back.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: the line is not (H, W) uint8.
    """
    from scipy.ndimage import distance_transform_edt

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
        ys, xs = distance_transform_edt(~seeds, return_distances=False, return_indices=True)
        fill[box][inside] = colors[ys[inside], xs[inside]]
    return times_line(fill, line)


BARE_LINE, MEAN_COLOR, MEAN_PAINT = "bare line", "mean colour", "mean paint"
VORONOI, WATERSHED, FLOOD_FILL, SMART_COLORING = "Voronoi", "watershed", "flood fill", "G'MIC smart coloring"

REFERENCES: tuple[Reference, ...] = (
    Reference(BARE_LINE, False, False, lambda line, truth, foreground, hints: bare_line(line)),
    Reference(
        MEAN_COLOR, False, True, lambda line, truth, foreground, hints: mean_color_fill(line, truth, foreground, True)
    ),
    Reference(
        MEAN_PAINT, False, True, lambda line, truth, foreground, hints: mean_color_fill(line, truth, foreground, False)
    ),
    Reference(VORONOI, True, False, lambda line, truth, foreground, hints: voronoi_fill(line, hints)),
    Reference(WATERSHED, True, False, lambda line, truth, foreground, hints: watershed_fill(line, hints)),
    Reference(FLOOD_FILL, True, False, lambda line, truth, foreground, hints: flood_fill(line, hints)),
    Reference(SMART_COLORING, True, False, lambda line, truth, foreground, hints: gmic.smart_coloring(line, hints)),
)
"""All of them, in the order of tables; see `available` for those that run here."""


def available() -> list[Reference]:
    """The references that run on this machine, in the order of `REFERENCES`."""
    without = unavailable()
    return [reference for reference in REFERENCES if reference.name not in without]


def unavailable() -> dict[str, str]:
    """The references that do not run on this machine: name -> why not, and what to install."""
    reason = gmic.missing()
    return {SMART_COLORING: reason} if reason else {}
