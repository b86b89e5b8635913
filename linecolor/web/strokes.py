"""What a user painted: strokes in pixels of the page, read from hostile JSON and rasterised at any size.

Strokes, not pixels, travel between page and server: they are exact at every size, small, and easily undone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np

from linecolor.arrays import Picture
from linecolor.hints.layers import parse_color

MAX_STROKES = 5_000
MAX_STROKE_POINTS = 200_000
MAX_COVERAGE = 200
"""How often strokes may cover the page: a hand covers it once or twice, and other users wait while they are drawn."""
MAX_WIDTH = 64
"""Width of a brush in pixels that is allowed on any page; the default is 26."""
_SUBPIXEL_BITS = 4
_MAX_THICKNESS = 32767  # OpenCV draws no thicker line


@dataclass(frozen=True)
class Stroke:
    """One stroke of the brush or the eraser.

    Attributes:
        color: (r, g, b) in [0, 255]; None erases.
        width: diameter of the brush in pixels of the page.
        points: (x, y) in pixels of the page, [0, W) x [0, H) and a little beyond; one is a dot.
    """

    color: tuple[int, int, int] | None
    width: float
    points: tuple[tuple[float, float], ...]


def read_strokes(content: Any, size: tuple[int, int]) -> tuple[Stroke, ...]:
    """Strokes from parsed JSON: [{"color": "#rrggbb" or null, "width": w, "points": [[x, y], ...]}, ...].

    Args:
        content: the parsed JSON, whatever it holds.
        size: (H, W) of the page. Points more than a page away are brought back to there.

    Raises:
        ValueError: for anything else, or for more strokes or points than a drawing needs; the message says which.
    """
    if not isinstance(content, list):
        raise ValueError(f"strokes are a list, not {type(content).__name__}")
    if len(content) > MAX_STROKES:
        raise ValueError(f"{len(content):,} strokes; the limit is {MAX_STROKES:,}: clear some")
    strokes = tuple(_stroke(number, stroke, size) for number, stroke in enumerate(content, start=1))
    points = sum(len(stroke.points) for stroke in strokes)
    if points > MAX_STROKE_POINTS:
        raise ValueError(f"strokes of {points:,} points; the limit is {MAX_STROKE_POINTS:,}: clear some")
    painted = sum(stroke.width * (stroke.width + _length(stroke)) for stroke in strokes)
    if painted > MAX_COVERAGE * size[0] * size[1]:
        raise ValueError(f"the strokes would paint the page more than {MAX_COVERAGE} times over: clear some")
    return strokes


def paint_strokes(strokes: Sequence[Stroke], page: tuple[int, int], size: tuple[int, int]) -> Picture:
    """Rasterise strokes in their order, without soft edges; none is lost, however small the layer.

    Args:
        strokes: in pixels of the page.
        page: (H, W) of the page.
        size: (h, w) of the layer.

    Returns:
        (h, w, 4) uint8 RGBA, alpha 0 or 255.
    """
    height, width = size
    layer = np.zeros((height, width, 4), np.uint8)
    across, down = width / page[1], height / page[0]
    for stroke in strokes:
        paint = (0, 0, 0, 0) if stroke.color is None else (*stroke.color, 255)
        thickness = min(max(1, round(stroke.width * min(across, down))), _MAX_THICKNESS)
        points = np.array(stroke.points, np.float64)
        on_page = np.all((points >= 0) & (points < (page[1], page[0])), axis=1, keepdims=True)
        if thickness == 1 and len(points) == 1:
            if on_page.all():
                x, y = points[0] * (across, down)
                layer[min(int(y), height - 1), min(int(x), width - 1)] = paint
            continue
        # OpenCV counts from the centre of the first pixel, a page from its corner.
        places = points * (across, down) - 0.5
        # What is on the page stays on the layer, where rounding would put it past the rim.
        places = np.where(on_page, places.clip(0, (width - 1, height - 1)), places)
        fixed = np.rint(places * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        if len(fixed) == 1:
            radius = round(thickness / 2 * (1 << _SUBPIXEL_BITS))
            cv2.circle(layer, fixed[0].tolist(), radius, paint, cv2.FILLED, cv2.LINE_8, _SUBPIXEL_BITS)
        else:
            cv2.polylines(layer, [fixed[:, None]], False, paint, thickness, cv2.LINE_8, _SUBPIXEL_BITS)
    return layer


def _stroke(number: int, content: Any, size: tuple[int, int]) -> Stroke:
    if not isinstance(content, dict):
        raise ValueError(f"stroke {number} is no object")
    color = content.get("color")
    try:
        rgb = None if color is None else parse_color(color)
    except (ValueError, TypeError):
        raise ValueError(f'stroke {number} has the colour {str(color)[:20]!r}: "#rrggbb", or null to erase') from None
    width = _number(content.get("width"), f"the width of stroke {number}")
    if not 0 < width <= max(MAX_WIDTH, 2 * max(size)):
        raise ValueError(f"stroke {number} is {width:g} pixels wide; a brush is no wider than the page twice over")
    points = content.get("points")
    if not isinstance(points, list) or not points or len(points) > MAX_STROKE_POINTS:
        raise ValueError(f"stroke {number} has no list of points, or one longer than {MAX_STROKE_POINTS:,}")
    read = []
    for point in points:
        if not isinstance(point, list) or len(point) != 2:
            raise ValueError(f"stroke {number} has a point that is not [x, y]")
        x, y = (_number(value, f"a coordinate of stroke {number}") for value in point)
        read.append((_near(x, size[1]), _near(y, size[0])))
    return Stroke(rgb, width, tuple(read))


def _number(value: Any, what: str) -> float:
    # JSON's true is a Python int; and an int may be too long for a float.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e9 or not math.isfinite(value):
        raise ValueError(f"{what} is no number of pixels")
    return float(value)


def _length(stroke: Stroke) -> float:
    return sum(math.dist(here, there) for here, there in pairwise(stroke.points))


def _near(value: float, side: int) -> float:
    return min(max(value, -float(side)), 2.0 * side)
