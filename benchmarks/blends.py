"""make blends: `clean` against the paper's blend on real pairs, with the reduced truth and with a model.

    python -m benchmarks.blends data/openmoji-full [BUNDLE]

The drawings are the held-out ones, 1,536 px and above; the model gets the protocol's 32 hints.
"""

import json
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.blend_comparison import FIGURES, BlendComparison, compare_blends, reduced_truth
from datamodules.held_out import FullDrawings
from datamodules.sources.drawing import of_split
from datamodules.sources.folder import scan_folder
from linecolor.evaluation.methods import color_by_protocol
from linecolor.runs.run_folder import machine
from linecolor.systems.line_colorizer import LineColorizer

RESULTS = Path(__file__).parent / "results" / "blends.json"
LEAST_SIDE = 1536
BETTER, REDUCED_PSNR = 0.9, 36.0
"""Bars: on this share of the drawings `clean` is the better one; its mean PSNR with the reduced truth, in dB."""

HINTS = 32


def main(data: str, bundle: str | None = None) -> int:
    """Measure, print and write; 1 if a bar is missed."""
    drawings = FullDrawings(of_split(scan_folder(data, verify="header", progress=False).drawings, "test"))
    if not len(drawings) or min(drawings[0].line.shape) < LEAST_SIDE:
        raise SystemExit(f"{data}: needs held-out drawings of {LEAST_SIDE} px and more")
    colorizer = LineColorizer.load(bundle)
    side = colorizer.options.resolution
    found: dict[str, BlendComparison] = {
        f"truth at {side} px": compare_blends(tqdm(drawings), lambda drawing: reduced_truth(drawing, side)),
        f"model, {HINTS} hints": compare_blends(
            tqdm(drawings), lambda drawing: color_by_protocol(colorizer, drawing, HINTS).colorized
        ),
    }
    written: dict[str, Any] = {"machine": machine(), "drawings": len(drawings), "side": drawings[0].line.shape[0]}
    missed = []
    for name, comparison in found.items():
        clean, paper = comparison.mean("clean"), comparison.mean("paper")
        better = comparison.better("clean", "paper")
        written[name] = {"clean": clean, "paper": paper, "clean_better": better}
        print(f"{name} (n = {len(comparison.names)})")
        for figure in FIGURES:
            told = f"  {figure:16} clean {clean[figure]:8.3f}   paper {paper[figure]:8.3f}"
            print(f"{told}   clean better on {better[figure]:.0%}")
            if better[figure] < BETTER:
                missed.append(f"{name}: {figure} better on {better[figure]:.0%} only")
    first = found[f"truth at {side} px"].mean("clean")["psnr"]
    if first < REDUCED_PSNR:
        missed.append(f"{first:.1f} dB with the reduced truth")
    RESULTS.write_text(json.dumps(written, indent=2) + "\n")
    for what in missed:
        print(f"below its bar: {what}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
