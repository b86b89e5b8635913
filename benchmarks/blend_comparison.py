"""Which rule joins colour and line better: the same small colour pictures under two blends, against the truth."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from linecolor.arrays import Picture
from linecolor.evaluation import metrics
from linecolor.rendering.blending import blend
from linecolor.rendering.blends import BlendMode
from linecolor.samples import FullDrawing

FIGURES = ("psnr", "psnr_foreground", "ssim", "ssim_foreground")


@dataclass(frozen=True)
class BlendComparison:
    """Figures of two blends on the same drawings.

    Attributes:
        names: of the drawings.
        values: by blend, (n, 4) in the order of `FIGURES`; PSNR in dB.
    """

    names: list[str]
    values: dict[BlendMode, NDArray[np.float64]]

    def mean(self, mode: BlendMode) -> dict[str, float]:
        """Each figure's mean over the drawings."""
        return dict(zip(FIGURES, self.values[mode].mean(0).tolist(), strict=True))

    def better(self, mode: BlendMode, than: BlendMode) -> dict[str, float]:
        """By figure the share of drawings on which `mode` is above `than`."""
        return dict(zip(FIGURES, (self.values[mode] > self.values[than]).mean(0).tolist(), strict=True))


def compare_blends(
    drawings: Iterable[FullDrawing],
    color_of: Callable[[FullDrawing], Picture],
    modes: tuple[BlendMode, ...] = ("clean", "paper"),
) -> BlendComparison:
    """Blend each drawing's small colour picture in every way and measure the results.

    Args:
        drawings: with their truths.
        color_of: the colour at network size (h, w, 3) uint8: a model's, or `reduced_truth`.
        modes: the blends.
    """
    names: list[str] = []
    values: dict[BlendMode, list[list[float]]] = {mode: [] for mode in modes}
    for drawing in drawings:
        names.append(drawing.name)
        color = color_of(drawing)
        for mode in modes:
            full = blend(drawing.line, color, mode)
            ssim, ssim_foreground = metrics.whole_and_foreground_ssim(full, drawing.color, drawing.foreground)
            psnr = metrics.psnr(full, drawing.color)
            psnr_foreground = metrics.psnr(full, drawing.color, drawing.foreground)
            values[mode].append([psnr, psnr_foreground, ssim, ssim_foreground])
    return BlendComparison(names, {mode: np.array(rows) for mode, rows in values.items()})


def reduced_truth(drawing: FullDrawing, side: int) -> Picture:
    """The truth with its short side at `side` pixels, by area: what a faultless model of that size would paint."""
    height, width = drawing.line.shape
    scale = side / min(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(drawing.color, size, interpolation=cv2.INTER_AREA), np.uint8)
