"""The paper's networks on a GPU: images a second, peak memory, share of the card's measured matrix rate."""

import torch

from benchmarks.stopwatch import median_seconds
from benchmarks.training import measure as measure_training

GFLOP_FORWARD = 35.8
"""Draft generator at 256 x 256, two operations a multiply-add (FACTS, section 4)."""


def measure(batch_size: int = 16) -> dict[str, float]:
    """Figures of the draft stage of `experiment=paper` at this batch; needs a GPU."""
    torch.cuda.reset_peak_memory_stats()
    step = measure_training("paper", batch_size)
    # A training step is about three forward passes of the generator; the other networks are small next to it.
    rate = 3 * GFLOP_FORWARD * 1e9 * step["images_per_s"]
    return {
        "images/s": step["images_per_s"],
        "peak memory, GiB": torch.cuda.max_memory_allocated() / 2**30,
        "share of matrix rate": rate / _matrix_rate(),
        "synthesis share": step["synthesis_share"],
    }


def _matrix_rate(side: int = 8192, repeats: int = 10) -> float:
    """Operations a second of a large float32 matrix product, as the libraries run it here."""
    a, b = (torch.randn(side, side, device="cuda") for _ in range(2))
    return 2 * side**3 / median_seconds(lambda: a @ b, repeats)
