"""The paper's claims as numbers: saturation, bleeding, checkerboard and fine detail, one figure each a picture.

Lee & Lee 2020 (sections 3.2 to 3.4 and 4.3, figures 7 and 8) say that their colours are more saturated and do not
bleed, that pixel shuffle leaves no checkerboard, and that frequency separation keeps hair and eyes at full size.
They show pictures; the figures here are ours. No torch. Pictures are (H, W, 3) uint8 RGB, lines (H, W) uint8 grey with
white paper (255), foregrounds (H, W) bool; what comes in is checked here.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from linecolor.arrays import Line, Mask, Picture, check_color, check_line, check_mask, check_picture
from linecolor.evaluation.claims.detail import FineDetail
from linecolor.evaluation.claims.pattern import checkerboard
from linecolor.evaluation.claims.regions import Regions
from linecolor.evaluation.claims.saturation import LEAST_CHROMA, mean_chroma

__all__ = ["CLAIMS", "Claim", "ClaimTruth", "measure_claims"]


@dataclass(frozen=True)
class Claim:
    """A figure of `measure_claims`, its title in tables, and what a faultless picture has."""

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
    """What the claims need of one drawing, prepared once for many results; `chroma` is the truth's, see `mean_chroma`.

    The foreground is the drawing without its paper.
    """

    line: Line
    foreground: Mask
    chroma: float
    regions: Regions
    detail: FineDetail

    @classmethod
    def of(cls, line: Line, truth: Picture, foreground: Mask) -> "ClaimTruth":
        """Prepare a drawing; ValueError where sizes or types do not fit."""
        check_line(line)
        check_color(line, truth)
        check_mask(foreground, line.shape, "foreground")
        chroma = mean_chroma(truth, foreground)
        return cls(line, foreground, chroma, Regions.of(line, truth), FineDetail.of(line, truth))


def measure_claims(result: Picture, network_picture: Picture | None, truth: ClaimTruth) -> dict[str, float]:
    """All four figures of one result.

    Args:
        result: (H, W, 3) uint8 RGB at the drawing's size.
        network_picture: (h, w, 3) uint8 RGB, the colours as the network left them, without padding; None for a
            result that no network made, whose checkerboard is then NaN.
        truth: of the drawing.

    Returns:
        chroma_ratio: mean CIELAB chroma of the foreground over the truth's. 1 = as saturated, below 1 = washed out. NaN
            for an empty foreground or a truth without colours (mean chroma below 1).
        bleeding: see `Regions.bleeding`; checkerboard: see there; edge_loss: see `FineDetail.loss`.

    Raises:
        ValueError: sizes or types do not fit.
    """
    check_color(truth.line, result)
    pattern = math.nan
    if network_picture is not None:
        check_picture(network_picture, "a network's picture")
        height, width = network_picture.shape[:2]
        line = cv2.resize(truth.line, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
        pattern = checkerboard(network_picture, line)
    chroma = mean_chroma(result, truth.foreground)
    return {
        "chroma_ratio": chroma / truth.chroma if truth.chroma >= LEAST_CHROMA else math.nan,
        "bleeding": truth.regions.bleeding(result),
        "checkerboard": pattern,
        "edge_loss": truth.detail.loss(result),
    }
