"""Speed and memory of the full-size blend, against what OpenCV needs to enlarge and blur the same picture."""

import tracemalloc
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from benchmarks.stopwatch import median_seconds, show
from linecolor.rendering.blending import blend
from linecolor.rendering.blends import BlendMode

SIGMA = 0.6
MODES: tuple[BlendMode, ...] = ("none", "paper", "clean")


def _extra_bytes(work: Callable[[], np.ndarray]) -> int:
    """Peak of NumPy's memory without input and output; OpenCV's own scratch is not seen."""
    tracemalloc.start()
    result = work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak - result.nbytes


def measure(side: int = 4096, network_side: int = 512, repeats: int = 5) -> dict[str, float]:
    """Medians in seconds, ratios to `cv2.resize` + `cv2.GaussianBlur` (uint8, same sigma), memory over output size.

    One process, one picture of `side` x `side` with a tenth of ink, colour of `network_side` x `network_side`.
    """
    rng = np.random.default_rng(0)
    color = rng.integers(0, 256, (network_side, network_side, 3), dtype=np.uint8)
    line = np.full((side, side), 255, np.uint8)
    for points in rng.integers(0, side, (120, 2, 2)).tolist():
        cv2.line(line, points[0], points[1], 0, max(1, side // 400), cv2.LINE_AA)
    blur = SIGMA * side / network_side

    def opencv() -> np.ndarray:
        return cv2.GaussianBlur(cv2.resize(color, (side, side), interpolation=cv2.INTER_LINEAR), (0, 0), blur)

    figures: dict[str, float] = {
        "side": side,
        "network_side": network_side,
        "opencv_seconds": median_seconds(opencv, repeats),
    }
    cases: dict[str, tuple[BlendMode, np.ndarray]] = {mode: (mode, line) for mode in MODES}
    cases["clean_rgb_line"] = ("clean", cv2.cvtColor(line, cv2.COLOR_GRAY2RGB))
    for name, (mode, ink) in cases.items():
        work = partial(blend, ink, color, mode, sigma=SIGMA)
        figures[f"{name}_seconds"] = median_seconds(work, repeats)
        figures[f"{name}_ratio"] = figures[f"{name}_seconds"] / figures["opencv_seconds"]
        figures[f"{name}_memory_ratio"] = _extra_bytes(work) / (side * side * 3)
    return figures


if __name__ == "__main__":
    show(measure())
