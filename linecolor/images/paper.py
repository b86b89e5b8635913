"""What is transparent lies on white paper. NumPy only."""

import numpy as np

from linecolor.arrays import Picture


def on_white(pixels: Picture) -> Picture:
    """Composite on white, each level rounded to the nearest; of a page strip by strip, for it takes memory.

    Args:
        pixels: (n, W, c + 1) with straight alpha as the last channel.

    Returns:
        (n, W, c).
    """
    alpha = pixels[..., -1:].astype(np.uint32)
    return ((pixels[..., :-1] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
