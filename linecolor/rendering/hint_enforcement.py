"""Hint enforcement: where the networks painted another colour than a hint says, the difference is added around it.

Networks follow a hint as far as it fits what they have learned, but whoever paints a blue face wants one. Ours, not the
paper's. NumPy and OpenCV only.
"""

import cv2
import numpy as np

from linecolor.arrays import Picture
from linecolor.hints.propagation import WatershedRegions
from linecolor.rendering.blending import inpaint_ink

RADIUS = 1 / 16
"""Of the short side: from the hint to where 1/e of the difference is added."""
OPEN = (0.90, 0.99)
"""How open the way from the hint is, as a share of the paper's own brightness: from none of the difference to all."""
LEAST_PAPER = 0.5
"""Of grey or scanned paper so much white is left at least; hints that are darker lie on ink."""


def enforce_hints(colorized: Picture, line: Picture, hint: Picture, regions: WatershedRegions) -> Picture:
    """Bring the colours at and around hints to what the hints say.

    Each hinted cell knows by how much the paper there was painted differently. That difference is added within the
    cell's territory, as far as no line lies between, and fades away from the cell. Where the networks followed
    their hints nothing changes, nor where a hint lies on ink.

    Args:
        colorized: (h, w, 3) RGB, what the networks painted.
        line: (h, w), the line they saw, paper = 255.
        hint: (h/2, w/2, 4), the hints on the draft's grid, one at least.
        regions: of these hints, with openness.
    """
    hinted = hint[..., 3] > 0
    height, width = hinted.shape
    paint = cv2.resize(inpaint_ink(line, colorized), (width, height), interpolation=cv2.INTER_AREA)
    missing = hint[hinted, :3].astype(np.float32) - paint[hinted]

    assert regions.openness is not None
    paper = max(float(np.median(regions.openness[hinted])), LEAST_PAPER)
    share = np.clip((regions.openness / np.float32(paper) - OPEN[0]) / (OPEN[1] - OPEN[0]), 0, 1)
    # From the hint that rules a place, for another may be nearer behind a line.
    ys, xs = (at.astype(np.float32)[regions.owner] for at in np.nonzero(hinted))
    away = np.square(ys - np.arange(height, dtype=np.float32)[:, None])
    away += np.square(xs - np.arange(width, dtype=np.float32))
    share *= np.exp(-away / (RADIUS * min(height, width)) ** 2)

    added = cv2.resize(missing[regions.owner] * share[..., None], line.shape[::-1], interpolation=cv2.INTER_LINEAR)
    # Ink stays ink: a colour counts as much as there is paper under it.
    changed = colorized + added * (line[..., None] / np.float32(255))
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8)
