"""Outlines as Kang et al. 2017 take them from comic pages: OpenCV's Canny edges, and whatever is dark anyway."""

import cv2
import numpy as np

from linecolor.arrays import Picture
from linecolor.lineart.lines import grey_uint8

LOW, HIGH = 100, 180
"""Canny's thresholds (Kang et al. 2017): |dx| + |dy| of the 3x3 Sobel filters, which reaches 1,530."""
DARK = 80
"""Grey below which a pixel is ink whether or not an edge runs there (Kang et al. 2017)."""


def outline(color: Picture, low: int = LOW, high: int = HIGH, dark: int = DARK) -> Picture:
    """Binary line art (H, W) uint8, ink = 0 and paper = 255: edges one pixel wide, areas of ink as they are.

    Canny(low, high) OR grey < dark, on the grey of `lines.grey_uint8`. The sources leave the rest of Canny open; here
    it is OpenCV's default: Sobel of aperture 3, the gradient's length as |dx| + |dy| (L1), no blur before it.

    Args:
        color: (H, W, 3) uint8 RGB, any size.
        low: an edge goes on where the gradient is above this.
        high: an edge begins where the gradient is above this.
        dark: grey level, [0, 256]; 0 leaves the edges alone.

    Raises:
        ValueError: for what is no colour picture, or a low threshold above the high one, which OpenCV would exchange.
    """
    if color.ndim != 3 or color.shape[2] != 3 or color.dtype != np.uint8 or color.size == 0:
        raise ValueError(f"an outline is taken from colour (H, W, 3) uint8, got {color.shape} {color.dtype}")
    if not 0 <= low <= high:
        raise ValueError(f"Canny needs 0 <= low <= high, got low={low} and high={high}")
    grey = grey_uint8(color)
    # OpenCV 5 gives the same edges with any number of threads, with and without Intel's library.
    line = cv2.bitwise_not(cv2.Canny(grey, low, high, apertureSize=3, L2gradient=False))
    line[grey < dark] = 0
    return np.asarray(line, np.uint8)
