"""How much a picture looks photographed rather than drawn.

Drawn pictures are areas of few, perfectly even colours between dark lines. Photographs have texture nearly
everywhere, and where they have none they are smooth yet never even, for a lens and a sensor leave their traces;
light lines are as frequent as dark ones, and no colour prevails (the last is a metric of Athitsos, Swain & Frankel
1997, Distinguishing photographs and graphics on the World Wide Web). A logistic regression weighs the five; its
coefficients were fitted to drawings and photographs, rounded, and are part of `measures.VERSION`.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from linecolor.arrays import Picture

_WEIGHTS = {"texture": 18.0, "smooth_share": 9.5, "even_share": -9.0, "line_excess": -4.4, "prevalence": -6.3}
_BIAS = -4.1


def photograph_figures(rgb: Picture) -> dict[str, float]:
    """What speaks for a photograph, and the score that follows.

    Args:
        rgb: (H, W, 3), about 256 x 256 pixels in all.

    Returns:
        texture: share of 16-pixel blocks whose median gradient exceeds 4 levels at middle brightness;
        smooth_share: share of 8-pixel blocks whose levels deviate by less than 2;
        even_share: share of pixels with a gradient below half a level;
        line_excess: log10 of thin dark lines over thin light lines, by area;
        prevalence: share of the ten most frequent colours;
        photograph: from 0 (drawn) to 1 (photographed).
    """
    luma = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    level = luma.astype(np.float32)
    gradient = cv2.magnitude(cv2.Sobel(level, -1, 1, 0, scale=1 / 8), cv2.Sobel(level, -1, 0, 1, scale=1 / 8))
    # The eye, and a lens, know contrast: in the dark the same texture has smaller steps.
    contrast = gradient * (152 / (cv2.blur(level, (9, 9)) + 48))
    figures = {
        "texture": float(np.mean(_blocks(contrast > 4, 16).mean(axis=(1, 3)) > 0.5)),
        "smooth_share": float(np.mean(_blocks(level, 8).std(axis=(1, 3)) < 2)),
        "even_share": float(np.mean(gradient < 0.5)),
        "line_excess": _line_excess(luma),
        "prevalence": _prevalence(rgb),
    }
    score = _BIAS + sum(weight * figures[name] for name, weight in _WEIGHTS.items())
    return figures | {"photograph": 1 / (1 + math.exp(-score))}


def _blocks(values: NDArray[Any], side: int) -> NDArray[Any]:
    """(H, W) as (H // side, side, W // side, side), a picture smaller than a block as one block."""
    height, width = (size // side * side or size for size in values.shape)
    rows, columns = min(side, height), min(side, width)
    return values[:height, :width].reshape(height // rows, rows, width // columns, columns)


def _line_excess(luma: Picture) -> float:
    kernel = np.ones((5, 5), np.uint8)
    dark = int(np.count_nonzero(cv2.morphologyEx(luma, cv2.MORPH_BLACKHAT, kernel) > 25))
    light = int(np.count_nonzero(cv2.morphologyEx(luma, cv2.MORPH_TOPHAT, kernel) > 25))
    return math.log10((dark + 20) / (light + 20))


def _prevalence(rgb: Picture) -> float:
    wide = rgb.astype(np.uint32)
    colors = np.sort((wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]).ravel())
    counts = np.diff(np.flatnonzero(np.diff(colors, prepend=-1, append=1 << 24)))
    return float(np.sort(counts)[-10:].sum() / colors.size)
