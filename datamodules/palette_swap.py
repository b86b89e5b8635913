"""Other colours for the same drawing: each of its paints becomes another one, its lines and shading stay.

Turning the hue moves all colours alike, and a network soon knows which colours belong together: it then disbelieves a
hint that says otherwise. Ours, not the paper's.
"""

import torch
from torch import Tensor

from datamodules.recipe import PAINTS

SPREAD = 26.0
"""Levels within which a pixel counts as of a paint, softly."""

_BITS = 4
_LEVELS = 1 << _BITS
_DARKEST = 40.0
"""Darker ones are ink."""


def repaint(color: Tensor, alpha: Tensor, others: Tensor, kept: Tensor, order: Tensor, exchange: Tensor) -> Tensor:
    """Exchange the paints of drawings.

    A pixel is a paint times a shade, as ink and shadow make it; the shade stays. White paper stays white.

    Args:
        color: (n, 3, H, W) uint8 RGB.
        alpha: (n, 1, H, W) uint8, the drawing without its paper.
        others: (n, PAINTS, 3) float in [0, 255], paints to come in.
        kept: (n, PAINTS) bool, which of the drawing's paints stay.
        order: (n, PAINTS) int64, a permutation of each drawing's own paints.
        exchange: (n,) bool: the drawing's own paints change places, or others come in.

    Returns:
        (n, 3, H, W) uint8.
    """
    result = torch.empty_like(color)
    for index in range(len(color)):
        pixels = color[index].flatten(1).T.float()
        paints = _paints(pixels, alpha[index].flatten() > 127)
        count = len(paints)
        own = order[index][order[index] < count]
        wanted = torch.where(exchange[index], paints[own], others[index, :count])
        wanted = torch.where(kept[index, :count, None], paints, wanted)
        share = (alpha[index].flatten().float() / 255)[:, None]
        moved = pixels + share * _change(pixels, paints, wanted)
        result[index] = moved.round().clamp(0, 255).to(torch.uint8).T.view_as(color[index])
    return result


def _paints(pixels: Tensor, inside: Tensor) -> Tensor:
    """The (k, 3) most frequent colours of (m, 3) pixels where `inside`, without ink; k is PAINTS at most."""
    drawn = pixels[inside]
    drawn = drawn[drawn.amax(1) > _DARKEST]
    if not len(drawn):
        return pixels.new_zeros((0, 3))
    steps = (drawn / (256 / _LEVELS)).long()
    code = (steps[:, 0] * _LEVELS + steps[:, 1]) * _LEVELS + steps[:, 2]
    counts = torch.bincount(code, minlength=_LEVELS**3)
    # A stable order: of equally frequent ones the darker.
    largest = torch.sort(counts, descending=True, stable=True).indices[:PAINTS]
    largest = largest[counts[largest] > 0]
    sums = torch.stack([torch.bincount(code, drawn[:, c], minlength=_LEVELS**3) for c in range(3)], dim=1)
    return sums[largest] / counts[largest, None]


def _change(pixels: Tensor, paints: Tensor, wanted: Tensor) -> Tensor:
    """What is to be added to each pixel, (m, 3)."""
    if not len(paints):
        return torch.zeros_like(pixels)
    shade = ((pixels @ paints.T) / paints.square().sum(1).clamp(min=1)).clamp(0, 1)
    # (m, k): how far a pixel is from each paint in that shade; a paint nearer to its full strength is preferred.
    squares = pixels.square().sum(1, keepdim=True) - 2 * shade * (pixels @ paints.T)
    squares = squares + shade.square() * paints.square().sum(1)
    squares = squares + (0.2 * 255 * (1 - shade)).square()
    weight = torch.exp(-squares / (2 * SPREAD**2))
    weight = weight / weight.sum(1, keepdim=True).clamp(min=1)
    return (weight * shade) @ (wanted - paints)
