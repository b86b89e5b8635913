"""Colour hints: reading a painted layer, bringing it to the draft's grid, spreading it. NumPy, no torch.

One convention everywhere, in checkpoints and exports too (`CONVENTION`): four channels, RGB and alpha; **alpha is 1
where there is a hint**, RGB is 0 (mid grey in [-1, 1]) elsewhere. It is what a user paints on a transparent layer.
The paper's section 3.1 says the opposite of its own figure 2; every public code base agrees with the figure.
"""

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label
from skimage.segmentation import watershed

Picture = NDArray[np.uint8]

CONVENTION = "RGB in [-1, 1], 0 without hint; alpha 1 = hint, 0 = none"
HINT_ALPHA = 32
"""Alpha from which a painted cell counts as a hint: light brushes count, the faint rim of a soft one does not."""


def reduce_layer(layer: Picture, size: tuple[int, int]) -> Picture:
    """Bring a painted hint layer to the draft's grid.

    Nearest-neighbour reduction loses thin strokes, so a cell takes the largest alpha and the alpha-weighted mean
    colour of all that was painted in it.

    Args:
        layer: (H, W, 4) RGBA, straight alpha.
        size: (h, w) of the grid.

    Returns:
        (h, w, 4) RGBA with alpha 0 or 255; RGB is 0 where alpha is.
    """
    if layer.ndim != 3 or layer.shape[2] != 4 or layer.dtype != np.uint8:
        raise ValueError(f"a hint layer is (H, W, 4) uint8 RGBA, got {layer.shape} {layer.dtype}")
    height, width = size
    grid = np.zeros((height, width, 4), np.uint8)
    ys, xs = np.nonzero(layer[..., 3])
    if not len(ys):
        return grid
    painted = layer[ys, xs].astype(np.float64)
    cells = (ys * height // layer.shape[0]) * width + xs * width // layer.shape[1]
    alpha = painted[:, 3]
    strongest = np.zeros(height * width)
    np.maximum.at(strongest, cells, alpha)
    weight = np.bincount(cells, alpha, minlength=height * width)
    color = np.stack(
        [np.bincount(cells, painted[:, channel] * alpha, minlength=height * width) for channel in range(3)],
        axis=1,
    )
    hinted = strongest >= HINT_ALPHA
    flat = grid.reshape(-1, 4)
    flat[hinted, :3] = np.rint(color[hinted] / weight[hinted, None])
    flat[hinted, 3] = 255
    return grid


def to_network(grid: Picture) -> NDArray[np.float32]:
    """A grid of hints (h, w, 4) uint8 as the network reads it: (4, h, w) float32 by `CONVENTION`."""
    alpha = (grid[..., 3:] > 0).astype(np.float32)
    color = (grid[..., :3].astype(np.float32) / 127.5 - 1) * alpha
    return np.concatenate([color, alpha], axis=2).transpose(2, 0, 1).copy()


def spread(grid: Picture, line: Picture) -> NDArray[np.float32]:
    """Spread hints over the drawing by a watershed that floods from the hints and meets on the ink.

    What a classical program would fill; given to the network as three more channels, it learns to follow hints
    far sooner.

    Args:
        grid: (h, w, 4) hints as `reduce_layer` returns them.
        line: (h, w) line art on the same grid, paper = 255.

    Returns:
        (3, h, w) float32 RGB in [-1, 1]; all 0 where there is no hint at all.
    """
    hinted = grid[..., 3] > 0
    if not hinted.any():
        return np.zeros((3, *line.shape), np.float32)
    # RGB and alpha of a cell as one number: touching cells of one colour are one hint, and alpha makes it non-zero.
    code = np.where(hinted, np.ascontiguousarray(grid).view(np.uint32)[..., 0], 0)
    markers = label(code, background=0, connectivity=2)
    palette = np.zeros((3, markers.max() + 1), np.float32)
    palette[:, markers[hinted]] = grid[hinted, :3].T
    return np.take(palette / 127.5 - 1, watershed(255 - line, markers), axis=1).astype(np.float32)
