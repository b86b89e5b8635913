"""Saturation: the chroma of a result against the truth's (Lee & Lee 2020, section 4.3)."""

import math

import cv2
import numpy as np

from linecolor.arrays import Mask, Picture
from linecolor.evaluation.claims.planes import reduced

# Colour is measured at a reduced size: the eye sees no single pixel's colour, and noise should not count as any.
CHROMA_SIDE = 384
LEAST_CHROMA = 1.0


def mean_chroma(picture: Picture, foreground: Mask) -> float:
    """Mean CIELAB chroma of a picture's foreground at a reduced size; NaN without a foreground.

    Ink is grey in a result and in the truth, adds nothing to either mean and cancels out of their ratio.
    """
    share = reduced(foreground.astype(np.float32), CHROMA_SIDE)
    lab = cv2.cvtColor(reduced(picture, CHROMA_SIDE).astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    total = float(share.sum())
    return float((np.hypot(lab[..., 1], lab[..., 2]) * share).sum()) / total if total else math.nan
