"""Does one background come out in one colour? Measured on drawings whose true background is known. NumPy and OpenCV."""

import math
from typing import Any

import cv2
import numpy as np

from linecolor.arrays import PAPER, Mask, Picture
from linecolor.evaluation.metrics.psnr import psnr
from linecolor.rendering.result import ColorizationResult
from linecolor.samples import FullDrawing
from linecolor.systems.comic import WITHOUT_BACKGROUND


def color_variance(picture: Picture, area: Mask) -> float:
    """The variance of an RGB picture inside an area, mean of the channels, in levels of 255 squared; NaN of no area."""
    inside = picture[area].astype(np.float64)
    return float(inside.var(axis=0).mean()) if len(inside) else math.nan


def intersection_over_union(found: Mask, truth: Mask) -> float:
    """How far two areas of one size agree, in [0, 1]; NaN where both are empty."""
    union = int((found | truth).sum())
    return int((found & truth).sum()) / union if union else math.nan


def measure_background(drawing: FullDrawing, coloring: ColorizationResult, found: Picture) -> dict[str, float] | None:
    """The figures of one drawing; None where its true background is not known, or there is none.

    Args:
        drawing: whose foreground is a true mask.
        coloring: with a result that knows of no background beside it, where there is one.
        found: (h, w) uint8, 255 where the detector sees background.

    Returns:
        `iou` of the found background with the true one, `iou_of_everything` if the whole page were background, `share`
        of the page that was found; `variance`, `variance_without` the background network and `variance_of_truth`
        inside the true background, off the ink; `foreground_psnr`, `foreground_psnr_without`.
    """
    truth = ~drawing.foreground
    if not drawing.true_foreground or not truth.any() or truth.all():
        return None
    height, width = truth.shape
    enlarged = cv2.resize(found, (width, height), interpolation=cv2.INTER_NEAREST) >= 128
    # Ink and its soft edge vary whatever the colour does.
    off_ink = truth & ((drawing.line if drawing.ink is None else drawing.ink) >= PAPER)
    row = {
        "iou": intersection_over_union(enlarged, truth),
        "iou_of_everything": float(truth.mean()),
        "share": float(enlarged.mean()),
        "variance": color_variance(coloring.full, off_ink),
        "variance_of_truth": color_variance(drawing.color, off_ink),
        "foreground_psnr": psnr(coloring.full, drawing.color, drawing.foreground),
        "psnr": psnr(coloring.full, drawing.color),
    }
    if WITHOUT_BACKGROUND in coloring.extras:
        plain = coloring.extras[WITHOUT_BACKGROUND]
        row["variance_without"] = color_variance(plain, off_ink)
        row["foreground_psnr_without"] = psnr(plain, drawing.color, drawing.foreground)
        row["psnr_without"] = psnr(plain, drawing.color)
    return row


def summarise_backgrounds(rows: list[dict[str, Any]]) -> dict[str, float] | None:
    """Means over drawings, `least_share` and `most_share` of one of them, `n`; None without rows."""
    if not rows:
        return None
    names = [name for name in rows[0] if isinstance(rows[0][name], float)]
    figures = {name: float(np.nanmean([row[name] for row in rows])) for name in names}
    shares = [row["share"] for row in rows]
    return {**figures, "least_share": min(shares), "most_share": max(shares), "n": len(rows)}
