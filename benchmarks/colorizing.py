"""What colouring a page costs: seconds at 2,048 px, memory at 8,192 px without the pictures themselves."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.stopwatch import median_seconds

SECONDS_AT_2048, GB_AT_8192 = 4.0, 1.5
"""Bars: on two cores with the weights in the box."""


def page(side: int) -> np.ndarray:
    """Line art with strokes all over, as a page has them."""
    import cv2

    line = np.full((side, side), 255, np.uint8)
    random = np.random.default_rng(0)
    for _ in range(200):
        centre, axes = random.integers(0, side, 2).tolist(), random.integers(side // 60, side // 6, 2).tolist()
        cv2.ellipse(line, centre, axes, int(random.integers(180)), 0, 330, 0, max(2, side // 500), cv2.LINE_AA)
    return line


def measure() -> dict[str, float]:
    """Median `seconds` at 2,048 px with 32 hints, the call alone; `gb` without line, hints and result at 8,192 px."""
    from linecolor.systems.line_colorizer import LineColorizer

    colorizer = LineColorizer.load()
    line = page(2048)
    random = np.random.default_rng(0)
    hints = [(*random.integers(0, 2048, 2).tolist(), tuple(random.integers(0, 256, 3).tolist())) for _ in range(32)]
    seconds = median_seconds(lambda: colorizer.colorize(line, hints), 5)
    alone = [sys.executable, "-m", "benchmarks.colorizing"]
    done = subprocess.run(alone, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
    return {"seconds": seconds, "gb": json.loads(done.stdout)["gb"]}


def _memory(side: int = 8192) -> float:
    """Gigabytes that colouring takes without its pictures, in a process of its own: a peak never sinks."""
    import torch

    from linecolor.experiment.preflight.meter import forget_peak, peak_memory, resident_memory
    from linecolor.systems.line_colorizer import LineColorizer

    cpu = torch.device("cpu")
    colorizer = LineColorizer.load()
    colorizer.colorize(page(64))
    line = np.repeat(page(side)[..., None], 3, axis=2)  # as files are read
    hints = np.zeros((side, side, 4), np.uint8)
    hints[::50, ::50] = (200, 30, 40, 255)
    forget_peak(cpu)
    before = resident_memory("VmRSS")
    result = colorizer.colorize(line, hints)
    return (peak_memory(cpu) - before - result.nbytes) / 1e9


if __name__ == "__main__":
    print(json.dumps({"gb": _memory()}))
