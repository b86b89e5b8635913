"""Time to sample the low-resolution colours, with cached activations and by a whole pass for each pixel."""

import torch

from benchmarks.stopwatch import median_seconds
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


def main() -> None:
    """Print the table, for the published size and a small one."""
    print(f"one sample of {GRID} x {GRID} RGB on one CPU thread")
    print(f"{'':22}{'cached, s':>11}{'ms / pixel':>12}{'whole passes, s':>17}{'ratio':>8}")
    for width, layers in ((64, 10), (32, 5)):
        figures = measure(width, layers)
        cells = (figures[name] for name in ("cached_seconds", "cached_ms_a_pixel", "naive_seconds", "ratio"))
        name = f"width {width}, {layers} layers"
        print("{:22}{:11.3f}{:12.3f}{:17.1f}{:8.0f}".format(name, *cells))
    print(f"whole passes: {figures['passes_timed']:.0f} timed, their median times {GRID * GRID}")


if __name__ == "__main__":
    main()
