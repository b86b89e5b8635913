"""Checkerboard: the coherent period-2 pattern that transposed convolutions leave (Lee & Lee 2020, section 3.2)."""

import math

import cv2
import numpy as np

from linecolor.arrays import Line, Picture
from linecolor.evaluation.claims.planes import blurred

CHECKER_MARGIN = 4  # px around ink and edges
CHECKER_INK = 224  # scanned paper is seldom white
CHECKER_EDGE = 12  # levels within 3 px of the smoothed picture
CHECKER_WINDOWS = (1.5, 4.0)  # sigma; the wider one reaches 8 to 16 px
NOISE_IN_WIDE = 0.217  # power of white noise after the wider window, to that between the two


def checkerboard(picture: Picture, line: Line | None = None) -> float:
    """Amplitude of the patterns with a period of two pixels, as strided transposed convolutions leave them.

    RMS over picture and channels of the patterns (-1)^x, (-1)^y and (-1)^(x + y) together, each demodulated and
    averaged over about 12 px. What noise would leave in such an average is estimated from neighbouring frequencies
    and subtracted. Ink and colour edges are left out with a margin of 4 px; what a network repeats every 4 px or
    more does not count.

    Args:
        picture: (H, W, 3) uint8 RGB as the network left it, before any enlarging.
        line: (H, W) uint8, paper = 255, reduced to the picture's size.

    Returns:
        Levels, 0 or more; one pattern of +-2 levels scores 2. NaN where ink and edges leave no place.
    """
    levels = picture.astype(np.float32)
    margin = np.ones((2 * CHECKER_MARGIN + 1,) * 2, np.uint8)
    # The binomial has a zero at period two: no checkerboard passes for an edge.
    binomial = np.array([1, 4, 6, 4, 1], np.float32) / 16
    smooth = cv2.sepFilter2D(levels, -1, binomial, binomial, borderType=cv2.BORDER_REFLECT_101)
    near = np.ones((3, 3), np.uint8)
    busy = (cv2.dilate(smooth, near) - cv2.erode(smooth, near)).max(axis=2) > CHECKER_EDGE
    if line is not None:
        busy |= line < CHECKER_INK
    clear = (cv2.dilate(busy.astype(np.uint8), margin) == 0).astype(np.float32)
    narrow, wide = CHECKER_WINDOWS
    weight = blurred(clear, wide)
    # With less than half of its window clear, an average is mostly noise.
    places = (clear > 0) & (weight >= min(0.5, 0.5 * float(weight.max())))
    if not places.any():
        return math.nan

    fine = (levels - cv2.GaussianBlur(levels, (0, 0), 1.0, borderType=cv2.BORDER_REFLECT_101)) * clear[..., None]
    across = (1 - 2 * (np.arange(picture.shape[1], dtype=np.float32) % 2))[None, :, None]
    down = (1 - 2 * (np.arange(picture.shape[0], dtype=np.float32) % 2))[:, None, None]
    power = 0.0
    for pattern in (across, down, across * down):
        coarse = blurred(fine * pattern, wide) / np.maximum(weight, 1e-6)[..., None]
        close = blurred(fine * pattern, narrow) / np.maximum(blurred(clear, narrow), 1e-6)[..., None]
        noise = NOISE_IN_WIDE * float(np.square(close - coarse)[places].mean())
        power += max(0.0, float(np.square(coarse)[places].mean()) - noise)
    return math.sqrt(power)
