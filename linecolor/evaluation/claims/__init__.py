"""The paper's claims as numbers: saturation, bleeding, checkerboard and fine detail, one figure each a picture.

Lee & Lee 2020 (sections 3.2 to 3.4 and 4.3, figures 7 and 8) say that their colours are more saturated and do not
bleed, that pixel shuffle leaves no checkerboard, and that frequency separation keeps hair and eyes at full size.
They show pictures; the figures here are ours. No torch. Pictures are uint8 RGB, lines uint8 grey with white paper.
"""

from linecolor.evaluation.claims.detail import FineDetail, edge_loss
from linecolor.evaluation.claims.measuring import CLAIMS, ClaimTruth, measure_claims
from linecolor.evaluation.claims.pattern import checkerboard
from linecolor.evaluation.claims.regions import Regions, bleeding
from linecolor.evaluation.claims.saturation import chroma_ratio

__all__ = [
    "CLAIMS",
    "ClaimTruth",
    "FineDetail",
    "Regions",
    "bleeding",
    "checkerboard",
    "chroma_ratio",
    "edge_loss",
    "measure_claims",
]
