"""Saturation: the chroma of a result against the truth's (Lee & Lee 2020, section 4.3)."""

import math

import cv2
import numpy as np

from linecolor.arrays import Mask, Picture
from linecolor.evaluation.claims.planes import check_foreground, check_picture, reduced

# Colour is measured at a reduced size: the eye sees no single pixel's colour, and noise should not count as any.
CHROMA_SIDE = 384
LEAST_CHROMA = 1.0


def chroma_ratio(result: Picture, truth: Picture, foreground: Mask) -> float:
    """Mean CIELAB chroma of a result over that of the truth.

    Ink is grey in both pictures, adds nothing to either mean and cancels out.

    Args:
        result: (H, W, 3) uint8 RGB.
        truth: (H, W, 3) uint8 RGB.
        foreground: (H, W) bool; the means are taken over its True pixels.

    Returns:
        1 = as saturated as the truth, below 1 = washed out. NaN for an empty foreground or a truth without colours
        (mean chroma below 1).

    Raises:
        ValueError: sizes or types do not fit.
    """
    check_foreground(foreground)
    for picture in (result, truth):
        check_picture(picture, foreground.shape)
    of_truth = mean_chroma(truth, foreground)
    return mean_chroma(result, foreground) / of_truth if of_truth >= LEAST_CHROMA else math.nan


def mean_chroma(picture: Picture, foreground: Mask) -> float:
    """Mean CIELAB chroma of a picture's foreground at a reduced size; NaN without a foreground."""
    share = reduced(foreground.astype(np.float32), CHROMA_SIDE)
    lab = cv2.cvtColor(reduced(picture, CHROMA_SIDE).astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    total = float(share.sum())
    return float((np.hypot(lab[..., 1], lab[..., 2]) * share).sum()) / total if total else math.nan
