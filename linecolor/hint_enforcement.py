"""Hints rule: where the networks painted another colour than a hint says, the difference is added around the hint.

Networks believe a hint as far as it fits what they know; who paints a blue face wants one. Ours, not the paper's. NumPy
and OpenCV only.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from linecolor.blending import inpaint_ink
from linecolor.hints import Territories

Picture = NDArray[np.uint8]

RADIUS = 1 / 16
"""Of the short side: from the hint to where 1/e of the difference is added."""
SOFTNESS = 1 / 128
"""Of the short side: sigma of the blur over what is added, so that territories meet softly."""
OPEN = (0.90, 0.99)
"""Shares of paper on the way from the hint: nothing is added beyond a line, all of it on open paper."""


def enforce_hints(colorized: Picture, line: Picture, hint: Picture, territories: Territories) -> Picture:
    """Bring the colours at and around hints to what the hints say.

    Each hinted cell knows by how much the paper there was painted differently. That difference is added within the
    cell's territory, as far as no line lies between, and fades away from the hints. Where the networks followed
    their hints nothing changes.

    Args:
        colorized: (h, w, 3) RGB, what the networks painted.
        line: (h, w), the line they saw, paper = 255.
        hint: (h/2, w/2, 4), the hints on the draft's grid, one at least.
        territories: of these hints, with reach.

    Returns:
        (h, w, 3) RGB.
    """
    hinted = hint[..., 3] > 0
    height, width = hinted.shape
    paper = cv2.resize(inpaint_ink(line, colorized), (width, height), interpolation=cv2.INTER_AREA)
    missing = hint[hinted, :3].astype(np.float32) - paper[hinted]
    away = cv2.distanceTransform((~hinted).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    assert territories.reach is not None
    share = np.clip((territories.reach - OPEN[0]) / (OPEN[1] - OPEN[0]), 0, 1)
    short = min(height, width)
    share *= np.exp(-np.square(away / (RADIUS * short)))
    added = cv2.GaussianBlur(missing[territories.owner] * share[..., None], (0, 0), SOFTNESS * short)
    added = cv2.resize(added, line.shape[::-1], interpolation=cv2.INTER_LINEAR)
    # Ink stays ink: a colour counts as much as there is paper under it.
    changed = colorized + added * (line[..., None] / np.float32(255))
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8)
