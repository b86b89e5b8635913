"""Tone: hatching, screentone, dither and flat grey, which say how dark an area is and not where it ends.

A line drawing is reduced to a few hundred pixels by its darkest pixels (`lines.reduce`), by which tone would become
solid ink. So the networks are shown the page without its tone, and the blend lays the whole page over the colour. Ours,
not the paper's. NumPy and OpenCV only.

All lengths are in cells: a cell is a pixel of the page as the networks see it.
"""

import cv2
import numpy as np

from linecolor.arrays import Floats, Picture

LEAST_FACTOR = 2.0
"""A page that is reduced by less is shown as it is: the networks see all that is drawn there."""
INK = 160
"""Grey below which a pixel is a stroke or a dot."""
DENSE, LOOSE = 1.6, 4.0
"""Radius of the paper between strokes of tone: of any width, and of thin strokes or specks."""
THIN = 0.6
"""A stroke is thin below this share of the width of the outlines."""
SPECK = 3.0
"""The longer side of a dot."""
AREA, WIDE_AREA = 5.0, 6.0
"""Radius of the smallest area of tone, more than LOOSE: a closed curve is no tone; and of strokes of any width, which
may be outlines next to each other."""
SOLID = 1.0
"""Radius from which ink is an area of its own, such as black hair."""
RIM = 1.5
"""Beside the border of an area of strokes of any width they stay: there its outline runs."""
FLAT = 2.0
"""Radius of the widest line; wider grey is flat tone."""
WHITE, DARKEST = 250, 90
"""Flat tone is darker than the one, and not as dark as the other: that is ink."""

_FINE, _COARSE = 5, 2
"""Pixels across a cell of the pictures in which strokes and flat tone are looked for."""


def without_tone(line: Picture, factor: float) -> Picture | None:
    """A page without the ink that is tone, for the networks.

    Args:
        line: (H, W) uint8, paper = 255.
        factor: how many times larger the page is than the networks see it.

    Returns:
        (H, W) uint8; None where there is no tone.
    """
    if factor < LEAST_FACTOR:
        return None
    level = _flat_tone(line, factor)
    if level is not None:
        line = _divided(line, level)
    left_out = _tone_strokes(line, factor, level)
    if not left_out.any():
        return None if level is None else line
    return np.maximum(line, cv2.resize(left_out, line.shape[::-1], interpolation=cv2.INTER_NEAREST))


def _reduced(line: Picture, factor: float, pixels: int) -> tuple[Picture, float]:
    """The page with at most so many pixels across a cell, and how many there are."""
    scale = min(1.0, pixels / factor)
    if scale == 1:
        return line, factor
    size = (max(1, round(line.shape[1] * scale)), max(1, round(line.shape[0] * scale)))
    return np.asarray(cv2.resize(line, size, interpolation=cv2.INTER_AREA), np.uint8), factor * scale


def _flat_tone(line: Picture, factor: float) -> Picture | None:
    """The grey of the paper or flat tone around each place, small; 255 where it is white, or black."""
    grey, cell = _reduced(line, factor, _COARSE)
    # A halftone is no flat tone: its paper between the dots is white.
    level = np.asarray(cv2.morphologyEx(grey, cv2.MORPH_CLOSE, _disk(round(FLAT * cell))), np.uint8)
    tone = ((level < WHITE) & (level >= DARKEST)).astype(np.uint8)
    tone = _opened(tone, AREA * cell / 2)
    if not tone.any():
        return None
    return np.where(_widened(tone, 1) > 0, np.maximum(level, DARKEST), np.uint8(255))


def _divided(line: Picture, level: Picture) -> Picture:
    wide = cv2.resize(level, line.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.divide(line, wide, scale=255), np.uint8)


def _tone_strokes(line: Picture, factor: float, level: Picture | None) -> Picture:
    """(h, w), 255 wherever tone of strokes or dots is to be left out, else 0."""
    grey, cell = _reduced(line, factor, _FINE)
    rest = (grey < INK).astype(np.uint8)
    left_out = np.zeros_like(rest)
    # No kind has an area where all ink together has none, which spares most pages the search.
    is_crowded = _opened(_closed(rest, LOOSE * cell), AREA * cell).any()
    # Of a cross-hatching the crossings stay, which are specks.
    for kind in (_specks, _thin_strokes, _specks, _strokes) if is_crowded else ():
        candidates, gap, least, rim = kind(rest, cell)
        area = _opened(_closed(candidates, gap * cell), least * cell)
        if area.any():
            inner = _eroded(area, rim * cell) if rim else area
            tone = (candidates & inner) | _inside(candidates, area)
            rest = rest & ~tone
            # Grey pixels at the edge of a dot too: in an area of tone only what is near other ink stays.
            left_out |= _widened(tone, 1) | (inner & ~_widened(rest, 1))
    if level is not None:
        # A dither so fine that it looks flat.
        flat = cv2.resize((level < WHITE).astype(np.uint8), grey.shape[::-1], interpolation=cv2.INTER_NEAREST)
        left_out |= np.asarray(flat, np.uint8) & ~_widened(rest, 2)
    return left_out * np.uint8(255)


def _specks(strokes: Picture, cell: float) -> tuple[Picture, float, float, float]:
    """Dots of a screentone or a dither, dashes, and each letter of small lettering."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(strokes, connectivity=8)
    sides = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1)
    return (sides <= SPECK * cell)[labels].astype(np.uint8) & strokes, LOOSE, AREA, 0


def _thin_strokes(strokes: Picture, cell: float) -> tuple[Picture, float, float, float]:
    """Hatching, patterns and hair, drawn with a finer pen than the outlines."""
    crowded = _opened(_closed(_without_solids(strokes, cell), LOOSE * cell), AREA * cell) > 0
    distance = _distance(strokes)
    ridge = (distance > 0.5) & (distance >= cv2.dilate(distance, np.ones((3, 3), np.uint8)))
    outlines = distance[ridge & ~crowded]
    if not outlines.size:
        return np.zeros_like(strokes), LOOSE, AREA, 0
    # Of a page with fat outlines a hatching may still be no finer than a pen.
    half = min(float(np.percentile(outlines, 75)), SOLID * cell)
    thick = _widened(_opened(strokes, THIN * half), 1)
    return strokes & ~thick, LOOSE, AREA, 0


def _strokes(strokes: Picture, cell: float) -> tuple[Picture, float, float, float]:
    """Strokes of any width, so dense that the networks see one dark area."""
    return _without_solids(strokes, cell), DENSE, WIDE_AREA, RIM


def _without_solids(ink: Picture, cell: float) -> Picture:
    return ink & ~_widened(_opened(ink, SOLID * cell), 2)


def _closed(mask: Picture, radius: float) -> Picture:
    return _eroded(_grown(mask, radius), radius)


def _opened(mask: Picture, radius: float) -> Picture:
    return _grown(_eroded(mask, radius), radius) & mask


def _grown(mask: Picture, radius: float) -> Picture:
    return (_distance(1 - mask) <= radius).astype(np.uint8)


def _eroded(mask: Picture, radius: float) -> Picture:
    return (_distance(mask) > radius).astype(np.uint8)


def _distance(mask: Picture) -> Floats:
    """To the nearest 0, in pixels; beyond the border the picture goes on."""
    if mask.all():
        return np.full(mask.shape, np.inf, np.float32)
    return np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, 5), np.float32)


def _inside(strokes: Picture, area: Picture) -> Picture:
    """The connected strokes that lie in the area whole."""
    count, labels = cv2.connectedComponents(strokes, connectivity=8)
    outside = np.zeros(count, bool)
    outside[labels[(strokes > 0) & (area == 0)]] = True
    outside[0] = True
    return (~outside)[labels].astype(np.uint8)


def _widened(mask: Picture, pixels: int) -> Picture:
    return np.asarray(cv2.dilate(mask, _disk(pixels)), np.uint8)


def _disk(radius: int) -> Picture:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)
