"""The outlines of `linecolor.lineart.outlines` for whole batches in torch, so that a GPU need not wait for the CPU.

Whole numbers throughout, and OpenCV's own fixed-point rules and ties: the very same pixels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from linecolor.lineart.outlines import DARK, HIGH, LOW, check_thresholds
from linecolor.lineart.torch_lines import grey_uint8

_SHIFT = 15
_TANGENT_22 = int(0.4142135623730950488016887242097 * (1 << _SHIFT) + 0.5)
"""tan(22.5 degrees) in 1/32768, rounded as OpenCV rounds it: what parts the four directions of an edge."""
_STEPS = 16
"""Steps an edge grows before anybody asks whether it still does: asking makes the CPU wait for the GPU."""


def outline(color: Tensor, low: int = LOW, high: int = HIGH, dark: int = DARK) -> Tensor:
    """Binary line art, edges and dark areas; see `outlines.outline`.

    Args:
        color: (B, 3, H, W) RGB uint8, on any device.
        low: an edge goes on where the gradient is above this.
        high: an edge begins where the gradient is above this.
        dark: grey level below which a pixel is ink anyway.

    Returns:
        (B, 1, H, W) uint8, ink = 0 and paper = 255.

    Raises:
        ValueError: for what is no batch of colour pictures, or thresholds the wrong way round.
    """
    if color.ndim != 4 or color.shape[1] != 3 or color.dtype != torch.uint8:
        raise ValueError(f"outlines are taken from colour (B, 3, H, W) uint8, got {tuple(color.shape)} {color.dtype}")
    check_thresholds(low, high)
    grey = grey_uint8(color)
    ink = canny(grey, low, high) | (grey < dark)
    return torch.where(ink, 0, 255).to(torch.uint8)


def canny(grey: Tensor, low: int, high: int) -> Tensor:
    """OpenCV's Canny with aperture 3 and the L1 gradient.

    Args:
        grey: (B, 1, H, W) uint8.
        low: an edge goes on where the gradient is above this.
        high: an edge begins where the gradient is above this.

    Returns:
        (B, 1, H, W) bool, true on edges.
    """
    across, down = _sobel(grey)
    length = across.abs() + down.abs()
    edges = _ridges(across, down, length) & (length > low)
    return _grown(edges & (length > high), edges)


def _sobel(grey: Tensor) -> tuple[Tensor, Tensor]:
    """The 3x3 Sobel derivatives in x and y, int32; beyond the picture its edge goes on."""
    # Only floats can be padded so; they hold 8-bit levels exactly.
    padded = F.pad(grey.float(), (1, 1, 1, 1), mode="replicate").to(torch.int32)
    columns = padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]
    rows = padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]
    return columns[..., 2:] - columns[..., :-2], rows[..., 2:, :] - rows[..., :-2, :]


def _ridges(across: Tensor, down: Tensor, length: Tensor) -> Tensor:
    """Where the gradient is the longest of the three pixels that lie along it: (B, 1, H, W) bool.

    Of two equal neighbours the right or lower one loses; of two on a diagonal, both.
    """
    height, width = length.shape[-2:]
    around = F.pad(length, (1, 1, 1, 1))  # outside the picture there is no gradient

    def neighbour(y: int, x: int) -> Tensor:
        return around[..., 1 + y : 1 + y + height, 1 + x : 1 + x + width]

    steep = down.abs() << _SHIFT
    shallow = across.abs() * _TANGENT_22
    flat = steep < shallow
    upright = steep > shallow + (across.abs() << (_SHIFT + 1))  # tan(67.5) = tan(22.5) + 2
    left_right = (length > neighbour(0, -1)) & (length >= neighbour(0, 1))
    up_down = (length > neighbour(-1, 0)) & (length >= neighbour(1, 0))
    falling = (length > neighbour(-1, -1)) & (length > neighbour(1, 1))
    rising = (length > neighbour(-1, 1)) & (length > neighbour(1, -1))
    diagonal = torch.where((across ^ down) < 0, rising, falling)
    return torch.where(flat, left_right, torch.where(upright, up_down, diagonal))


def _grown(seeds: Tensor, edges: Tensor) -> Tensor:
    """The pixels of `edges` that hang together with `seeds`, a subset of them, by eight neighbours."""
    grown = seeds
    while True:
        before = grown
        for _ in range(_STEPS):
            grown = _spread(grown) & edges
        if torch.equal(grown, before):
            return grown


def _spread(mask: Tensor) -> Tensor:
    """3x3 max-pooling of (B, 1, H, W) bool; by bits, on a CPU in a fiftieth of the time of `max_pool2d`."""
    padded = F.pad(mask, (1, 1, 1, 1))
    rows = padded[..., :-2] | padded[..., 1:-1] | padded[..., 2:]
    return rows[..., :-2, :] | rows[..., 1:-1, :] | rows[..., 2:, :]
