"""Structural similarity on whole pictures and their foreground."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from linecolor.arrays import Mask, Picture
from linecolor.evaluation.metrics.metric import Metric, check_pair

WINDOW = 7
# 32 rows keep the float64 maps of a band near the cache: 1.5 MB each on a picture 2,048 px wide.
BAND_ROWS = 32
C1 = (0.01 * 255) ** 2
C2 = (0.03 * 255) ** 2


def ssim(image: Picture, truth: Picture, mask: Mask | None = None) -> float:
    """Structural similarity of one picture: 7 x 7 uniform window, sample covariance, data range 255.

    The mean over the channels of the SSIM map without its border of 3 px, which is scikit-image's default
    (Wang et al. 2004). With a mask, the mean over the mask's pixels inside that border.

    Args:
        image, truth: (H, W, 3) uint8 RGB, H and W at least 7.
        mask: (H, W) bool.

    Returns:
        At most 1, which identical pictures have; NaN if the mask is empty inside the border.

    Raises:
        ValueError: the pictures are not 8-bit RGB of one size of 7 px and more, or the mask has another size.
    """
    whole, masked = whole_and_foreground_ssim(image, truth, mask)
    return whole if mask is None else masked


def whole_and_foreground_ssim(image: Picture, truth: Picture, mask: Mask | None) -> tuple[float, float]:
    """`ssim` of the whole picture and of the mask's pixels in one pass; the second is NaN without a mask."""
    check_pair(image, truth, mask)
    height, width = image.shape[:2]
    if min(height, width) < WINDOW:
        raise ValueError(f"SSIM needs pictures of at least {WINDOW} x {WINDOW} px, got {width} x {height}")
    cut = WINDOW // 2
    whole = masked = 0.0
    for top in range(cut, height - cut, BAND_ROWS):
        bottom = min(top + BAND_ROWS, height - cut)
        similarity = _ssim_rows(image[top - cut : bottom + cut], truth[top - cut : bottom + cut])
        whole += float(similarity.sum())
        if mask is not None:
            masked += float(similarity[mask[top:bottom, cut : width - cut]].sum())
    inside = 0 if mask is None else int(mask[cut : height - cut, cut : width - cut].sum())
    return whole / ((height - 2 * cut) * (width - 2 * cut)), masked / inside if inside else math.nan


def _ssim_rows(image: Picture, truth: Picture) -> NDArray[np.float64]:
    """(h, w, 3) rows -> (h - 6, w - 6) SSIM, mean of the channels. The window sums are exact integers."""
    count = WINDOW**2
    x, y = image.astype(np.float64), truth.astype(np.float64)
    sum_x, sum_y, sum_xy = _window_sum(x), _window_sum(y), _window_sum(x * y)
    sum_squares = _window_sum(x * x + y * y)
    product = sum_x * sum_y
    sum_x *= sum_x
    sum_y *= sum_y
    squares = np.add(sum_x, sum_y, out=sum_x)
    numerator = (2 / count**2 * product + C1) * (2 / (count - 1) * (sum_xy - product / count) + C2)
    denominator = (squares / count**2 + C1) * ((sum_squares - squares / count) / (count - 1) + C2)
    numerator /= denominator
    return numerator.mean(axis=2)


def _window_sum(values: NDArray[np.float64]) -> NDArray[np.float64]:
    cut = WINDOW // 2
    sums = np.empty_like(values)
    cv2.boxFilter(values, -1, (WINDOW, WINDOW), sums, normalize=False)
    return sums[cut:-cut, cut:-cut]


METRIC = Metric("ssim", "SSIM", "SSIM", "max", whole_and_foreground_ssim)
