"""Peak signal-to-noise ratio on whole pictures and their foreground."""

import math

import cv2
import numpy as np

from linecolor.arrays import Mask, Picture
from linecolor.evaluation.metrics.metric import Metric, check_pair

IDENTICAL_PSNR = 100.0


def psnr(image: Picture, truth: Picture, mask: Mask | None = None) -> float:
    """Peak signal-to-noise ratio of one picture, peak 255.

    Args:
        image, truth: (H, W, 3) uint8 RGB.
        mask: (H, W) bool; the mean square error is taken over its True pixels only.

    Returns:
        dB, 100 for identical pictures; NaN if the mask is empty.

    Raises:
        ValueError: the pictures are not 8-bit RGB of one size, or the mask has another size.
    """
    check_pair(image, truth, mask)
    squares = cv2.norm(image, truth, cv2.NORM_L2SQR, None if mask is None else mask.view(np.uint8))
    pixels = image[..., 0].size if mask is None else int(mask.sum())
    if pixels == 0:
        return math.nan
    return IDENTICAL_PSNR if squares == 0 else min(10 * math.log10(255**2 * 3 * pixels / squares), IDENTICAL_PSNR)


def _whole_and_foreground(image: Picture, truth: Picture, mask: Mask | None) -> tuple[float, float]:
    return psnr(image, truth), math.nan if mask is None else psnr(image, truth, mask)


METRIC = Metric("psnr", "PSNR", "dB", "max", _whole_and_foreground)
