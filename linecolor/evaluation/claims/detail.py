"""Fine detail at full size: what of the truth's lines is missing or wrong (Lee & Lee 2020, section 4.3, figure 8)."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from linecolor.arrays import INK, Floats, Line, Mask, Picture
from linecolor.evaluation.claims.planes import blurred, reduced
from linecolor.evaluation.claims.saturation import CHROMA_SIDE

DETAIL_SIGMA = 2 / 1500  # in short sides, as the two below
PAINT_SIGMA = 1 / 100
DETAIL_WINDOW = 1 / 25  # of a box, applied twice
DETAILED_SHARE = 0.25
DARKEST_PAINT = 32.0  # levels; dividing by less would only amplify noise


@dataclass(frozen=True)
class FineDetail:
    """The truth's high frequencies where a drawing is finely detailed.

    Attributes:
        line: (H, W) uint8, paper = 255.
        where: (H, W) bool, the quarter of the ink's neighbourhood where its contours are densest.
        truth: (n,) float32, the truth's detail there.
    """

    line: Line
    where: Mask
    truth: Floats

    @classmethod
    def of(cls, line: Line, truth: Picture) -> "FineDetail":
        """Find the detail of a drawing and its true colours, (H, W, 3) uint8 RGB."""
        ink = (line < INK).astype(np.uint8)
        side = min(line.shape)
        contour = cv2.morphologyEx(ink, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        reach = 2 * math.ceil(3 * _detail_sigma(side)) + 1
        near = cv2.dilate(contour, np.ones((reach, reach), np.uint8)) > 0
        # Slopes sum to the length of the contours whatever their direction, which counting pixels does not.
        slope = cv2.magnitude(cv2.Sobel(line, cv2.CV_32F, 1, 0), cv2.Sobel(line, cv2.CV_32F, 0, 1))
        window = (2 * max(1, round(DETAIL_WINDOW * side / 2)) + 1,) * 2
        density = cv2.blur(cv2.blur(slope, window), window)
        where = near & (density >= np.quantile(density[near], 1 - DETAILED_SHARE)) if near.any() else near
        return cls(line, where, _detail(truth, line)[where])

    def loss(self, result: Picture) -> float:
        """How much of the truth's fine detail beside the lines a result, (H, W, 3) uint8 RGB, misses at full size.

        Detail h is luma minus its Gaussian blur (sigma 2 px at 1,500 px), where luma is relative to the paint around
        it: a wrong colour is no lost detail. The figure is sum (h - h_truth)^2 / sum h_truth^2 over `where`.

        Returns:
            0 = all detail is there, 1 = none, above 1 = wrong detail. NaN without ink, or a truth without detail
            beside it.
        """
        total = float(np.square(self.truth).sum())
        # A level of detail in every pixel is rounding.
        if total <= len(self.truth) * (1 / 255) ** 2:
            return math.nan
        return float(np.square(_detail(result, self.line)[self.where] - self.truth).sum()) / total


def _detail_sigma(side: int) -> float:
    # Less than a pixel would be no blur.
    return max(1.0, DETAIL_SIGMA * side)


def _detail(picture: Picture, line: Line) -> Floats:
    """(H, W) luma relative to the paint around it, minus its blur."""
    height, width = line.shape
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    paper = (line >= INK).astype(np.float32)
    weight, weighted = reduced(paper, CHROMA_SIDE), reduced(luma * paper, CHROMA_SIDE)
    sigma = max(1.0, PAINT_SIGMA * min(weight.shape))
    # Amid broad ink there is no paint to be seen: there the page's mean decides.
    rest = 1e-3
    mean = float(weighted.sum()) / max(float(weight.sum()), 1.0)
    paint = (blurred(weighted, sigma) + rest * mean) / (blurred(weight, sigma) + rest)
    luma /= cv2.resize(np.maximum(paint, DARKEST_PAINT), (width, height), interpolation=cv2.INTER_LINEAR)
    return luma - cv2.GaussianBlur(luma, (0, 0), _detail_sigma(min(line.shape)), borderType=cv2.BORDER_REPLICATE)
