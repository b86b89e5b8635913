"""make blends: `clean` against the paper's blend on real pairs, with the reduced truth and with a model.

    python -m benchmarks.blends data/openmoji-full [BUNDLE]

The drawings are the held-out ones, 1,536 px and above; the model gets the protocol's 32 hints.
"""

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from datamodules.held_out import FullDrawings
from datamodules.sources.drawing import of_split
from datamodules.sources.folder import scan_folder
from linecolor.arrays import Picture
from linecolor.evaluation.methods import color_by_protocol
from linecolor.evaluation.metrics.psnr import psnr
from linecolor.evaluation.metrics.ssim import whole_and_foreground_ssim
from linecolor.rendering.blending import blend
from linecolor.rendering.blends import BlendMode
from linecolor.runs.run_folder import machine
from linecolor.samples import FullDrawing
from linecolor.systems.line_colorizer import LineColorizer

FIGURES = ("psnr", "psnr_foreground", "ssim", "ssim_foreground")
RESULTS = Path(__file__).parent / "results" / "blends.json"
LEAST_SIDE = 1536
BETTER, REDUCED_PSNR = 0.9, 36.0
"""Bars: on this share of the drawings `clean` is the better one; its mean PSNR with the reduced truth, in dB."""

HINTS = 32


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
            truth, foreground = drawing.color, drawing.foreground
            ratios = psnr(full, truth), psnr(full, truth, foreground)
            values[mode].append([*ratios, *whole_and_foreground_ssim(full, truth, foreground)])
    return BlendComparison(names, {mode: np.array(rows) for mode, rows in values.items()})


def reduced_truth(drawing: FullDrawing, side: int) -> Picture:
    """The truth with its short side at `side` pixels, by area: what a faultless model of that size would paint."""
    height, width = drawing.line.shape
    scale = side / min(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(drawing.color, size, interpolation=cv2.INTER_AREA), np.uint8)


def main(data: str, bundle: str | None = None) -> int:
    """Measure, print and write; 1 if a bar is missed."""
    drawings = FullDrawings(of_split(scan_folder(data, verify="header", progress=False).drawings, "test"))
    if not len(drawings) or min(drawings[0].line.shape) < LEAST_SIDE:
        raise SystemExit(f"{data}: needs held-out drawings of {LEAST_SIDE} px and more")
    colorizer = LineColorizer.load(bundle)
    side = colorizer.options.resolution
    comparisons: dict[str, BlendComparison] = {
        f"truth at {side} px": compare_blends(tqdm(drawings), lambda drawing: reduced_truth(drawing, side)),
        f"model, {HINTS} hints": compare_blends(
            tqdm(drawings), lambda drawing: color_by_protocol(colorizer, drawing, HINTS).colorized
        ),
    }
    written: dict[str, Any] = {"machine": machine(), "drawings": len(drawings), "side": drawings[0].line.shape[0]}
    missed = []
    for name, comparison in comparisons.items():
        clean, paper = comparison.mean("clean"), comparison.mean("paper")
        better = comparison.better("clean", "paper")
        written[name] = {"clean": clean, "paper": paper, "clean_better": better}
        print(f"{name} (n = {len(comparison.names)})")
        for figure in FIGURES:
            means = f"  {figure:16} clean {clean[figure]:8.3f}   paper {paper[figure]:8.3f}"
            print(f"{means}   clean better on {better[figure]:.0%}")
            if better[figure] < BETTER:
                missed.append(f"{name}: {figure} better on {better[figure]:.0%} only")
    first = comparisons[f"truth at {side} px"].mean("clean")["psnr"]
    if first < REDUCED_PSNR:
        missed.append(f"{first:.1f} dB with the reduced truth")
    RESULTS.write_text(json.dumps(written, indent=2) + "\n")
    for fault in missed:
        print(f"below its bar: {fault}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
