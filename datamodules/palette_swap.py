"""Other colours for the same drawing: each colour of its palette becomes another one, its lines and shading stay.

Turning the hue moves all colours alike, and a network soon knows which colours belong together: it then disbelieves a
hint that says otherwise. Ours, not the paper's.
"""

import torch
from torch import Tensor

from datamodules.recipe import PALETTE_SIZE

SPREAD = 26.0
"""Levels within which a pixel counts as of a palette colour, softly."""

_LEVELS = 16
_DARKEST = 40.0
"""Darker ones are ink."""


def swap_palette(color: Tensor, alpha: Tensor, others: Tensor, kept: Tensor, order: Tensor, exchange: Tensor) -> Tensor:
    """Exchange the most frequent colours of drawings.

    A pixel is a palette colour times a shade, as ink and shadow make it; the shade stays. White paper stays white.

    Args:
        color: (n, 3, H, W) uint8 RGB.
        alpha: (n, 1, H, W) uint8, the drawing without its paper.
        others: (n, PALETTE_SIZE, 3) float in [0, 255], colours to come in.
        kept: (n, PALETTE_SIZE) bool, which of the drawing's colours stay.
        order: (n, PALETTE_SIZE) int64, a permutation of each drawing's own colours.
        exchange: (n,) bool: the drawing's own colours change places, or others come in.

    Returns:
        (n, 3, H, W) uint8.
    """
    result = torch.empty_like(color)
    for index in range(len(color)):
        pixels = color[index].flatten(1).T.float()
        palette = _palette(pixels, alpha[index].flatten() > 127)
        count = len(palette)
        own = order[index][order[index] < count]
        wanted = torch.where(exchange[index], palette[own], others[index, :count])
        wanted = torch.where(kept[index, :count, None], palette, wanted)
        share = (alpha[index].flatten().float() / 255)[:, None]
        moved = pixels + share * _change(pixels, palette, wanted)
        result[index] = moved.round().clamp(0, 255).to(torch.uint8).T.view_as(color[index])
    return result


def _palette(pixels: Tensor, inside: Tensor) -> Tensor:
    """The (k, 3) most frequent colours of (m, 3) pixels where `inside`, without ink; k is PALETTE_SIZE at most."""
    drawn = pixels[inside]
    drawn = drawn[drawn.amax(1) > _DARKEST]
    steps = (drawn / (256 / _LEVELS)).long()
    code = (steps[:, 0] * _LEVELS + steps[:, 1]) * _LEVELS + steps[:, 2]
    counts = torch.bincount(code, minlength=_LEVELS**3)
    # A stable order: of equally frequent ones the darker.
    largest = torch.sort(counts, descending=True, stable=True).indices[:PALETTE_SIZE]
    largest = largest[counts[largest] > 0]
    sums = torch.stack([torch.bincount(code, drawn[:, c], minlength=_LEVELS**3) for c in range(3)], dim=1)
    return sums[largest] / counts[largest, None]


def _change(pixels: Tensor, palette: Tensor, wanted: Tensor) -> Tensor:
    """What is to be added to each pixel, (m, 3)."""
    shade = ((pixels @ palette.T) / palette.square().sum(1).clamp(min=1)).clamp(0, 1)
    # (m, k): how far a pixel is from each colour in that shade; one nearer to its full strength is preferred.
    squares = pixels.square().sum(1, keepdim=True) - 2 * shade * (pixels @ palette.T)
    squares = squares + shade.square() * palette.square().sum(1)
    squares = squares + (0.2 * 255 * (1 - shade)).square()
    weight = torch.exp(-squares / (2 * SPREAD**2))
    weight = weight / weight.sum(1, keepdim=True).clamp(min=1)
    return (weight * shade) @ (wanted - palette)
