"""Speed and memory of the full-size blend, against what OpenCV needs to enlarge and blur the same picture."""

import tracemalloc
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from benchmarks.stopwatch import median_seconds
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


def main() -> None:
    """Print the table."""
    figures = measure()
    print(f"blend {figures['network_side']:.0f} px colour to {figures['side']:.0f} px")
    print(f"{'':24}{'seconds':>9}{'x OpenCV':>10}{'memory / output':>17}")
    print(f"{'cv2 resize + blur':24}{figures['opencv_seconds']:9.3f}{1:10.2f}{'-':>17}")
    for name in (*MODES, "clean_rgb_line"):
        cells = (figures[f"{name}_{what}"] for what in ("seconds", "ratio", "memory_ratio"))
        print("{:24}{:9.3f}{:10.2f}{:17.2f}".format(name, *cells))


if __name__ == "__main__":
    main()
