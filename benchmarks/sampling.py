"""Time to sample the low-resolution colours, with cached activations and by a whole pass for each pixel."""

import torch

from benchmarks.stopwatch import median_seconds, show
from linecolor.networks.pixelcnn import PixelCNN

GRID = 28
BAR = 20.0
"""How many times faster than whole passes the cache must be (width 64, 10 layers, one CPU thread)."""


def measure(width: int = 64, layers: int = 10, repeats: int = 3, passes: int = 15) -> dict[str, float]:
    """Seconds for one sample of 28 x 28 RGB on one CPU thread, the median of `repeats`, and the ratio of both ways.

    The whole passes would take half a minute: `passes` of the 784 are timed, and their median counts 784 times.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    random = torch.Generator().manual_seed(0)
    network = PixelCNN(3, width, width, layers)
    condition = torch.randn(1, width, GRID, GRID, generator=random)
    uniforms = torch.rand(1, network.mixtures + 3, GRID, GRID, generator=random)
    colors = torch.zeros(1, 3, GRID, GRID)
    with torch.no_grad():
        cached = median_seconds(lambda: network.sample(condition, uniforms), repeats)
        whole = median_seconds(lambda: network(colors, condition), passes)
    torch.set_num_threads(threads)
    pixels = GRID * GRID
    return {
        "width": width,
        "layers": layers,
        "passes_timed": passes,
        "cached_seconds": cached,
        "cached_ms_a_pixel": 1e3 * cached / pixels,
        "naive_seconds": whole * pixels,
        "naive_ms_a_pixel": 1e3 * whole,
        "ratio": whole * pixels / cached,
    }


if __name__ == "__main__":
    for width, layers in ((64, 10), (32, 5)):
        show(measure(width, layers))
