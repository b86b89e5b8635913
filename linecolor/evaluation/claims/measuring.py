"""All claims of one result at once; what a drawing needs is prepared once for many results."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from linecolor.arrays import Line, Mask, Picture, check_color, check_line
from linecolor.evaluation.claims.detail import FineDetail
from linecolor.evaluation.claims.pattern import checkerboard
from linecolor.evaluation.claims.planes import check_foreground, check_picture
from linecolor.evaluation.claims.regions import Regions, bleeding
from linecolor.evaluation.claims.saturation import LEAST_CHROMA, mean_chroma


@dataclass(frozen=True)
class Claim:
    """A figure of `measure_claims`.

    Attributes:
        name: of the figure.
        title: in tables.
        faultless: what a faultless picture has.
    """

    name: str
    title: str
    faultless: float


CLAIMS = (
    Claim("chroma_ratio", "chroma ratio", 1.0),
    Claim("bleeding", "bleeding", 0.0),
    Claim("checkerboard", "checkerboard", 0.0),
    Claim("edge_loss", "lost detail", 0.0),
)


@dataclass(frozen=True)
class ClaimTruth:
    """What the claims need of one drawing, prepared once for many results.

    Attributes:
        line: (H, W) uint8.
        foreground: (H, W) bool.
        chroma: the truth's mean CIELAB chroma over the foreground.
        regions: for `bleeding`.
        detail: for `edge_loss`.
    """

    line: Line
    foreground: Mask
    chroma: float
    regions: Regions
    detail: FineDetail

    @classmethod
    def of(cls, line: Line, truth: Picture, foreground: Mask) -> "ClaimTruth":
        """Prepare a drawing.

        Args:
            line: (H, W) uint8, paper = 255.
            truth: (H, W, 3) uint8 RGB.
            foreground: (H, W) bool, the drawing without its paper.

        Raises:
            ValueError: sizes or types do not fit.
        """
        check_line(line)
        check_color(line, truth)
        check_foreground(foreground, line.shape)
        chroma = mean_chroma(truth, foreground)
        return cls(line, foreground, chroma, Regions.of(line, truth), FineDetail.of(line, truth))


def measure_claims(result: Picture, network_picture: Picture | None, truth: ClaimTruth) -> dict[str, float]:
    """All four figures of one result.

    Args:
        result: (H, W, 3) uint8 RGB at the drawing's size.
        network_picture: (h, w, 3) uint8 RGB, the colours as the network left them, without padding; None for a
            result that no network made, whose checkerboard is then NaN.
        truth: of the drawing, see `ClaimTruth.of`.

    Returns:
        chroma_ratio, bleeding, checkerboard and edge_loss, each as the function of that name gives it.

    Raises:
        ValueError: sizes or types do not fit.
    """
    check_color(truth.line, result)
    pattern = math.nan
    if network_picture is not None:
        check_picture(network_picture)
        height, width = network_picture.shape[:2]
        line = cv2.resize(truth.line, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
        pattern = checkerboard(network_picture, line)
    return {
        "chroma_ratio": mean_chroma(result, truth.foreground) / truth.chroma
        if truth.chroma >= LEAST_CHROMA
        else math.nan,
        "bleeding": bleeding(result, truth.regions),
        "checkerboard": pattern,
        "edge_loss": truth.detail.loss(result),
    }
