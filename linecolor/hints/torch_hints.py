"""Hints for training: placed off the ink, for a whole batch on the device."""

import torch
import torch.nn.functional as F
from torch import Tensor

from linecolor.arrays import INK

STROKE_TOLERANCE = 40.0
"""A stroke ends where the picture's colour leaves its own by more than this (largest channel, of 255)."""
LARGEST_SIDE = 3


def paint(line: Tensor, color: Tensor, positions: Tensor, points: Tensor, sides: Tensor, counts: Tensor) -> Tensor:
    """Paint the first `counts` candidates that lie off the ink.

    A candidate is a line of square points: a single point, or a stroke of several. It takes the picture's colour under
    its first point. A stroke ends before it touches ink or another colour: a user's stroke stays in its region.

    Args:
        line: (B, 1, h, w) uint8 line art on the draft's grid, paper = 255.
        color: (B, 3, h, w) uint8 RGB, the truth on the same grid.
        positions: (B, K, P, 2) y, x of each point in [0, 1), in the order of preference along K.
        points: (B, K) how many of the P points a candidate has, 1..P.
        sides: (B, K) side of its points in cells, 1..3.
        counts: (B,) hints wanted.

    Returns:
        (B, 4, h, w) uint8 RGBA: alpha 255 where there is a hint, all 0 elsewhere.
    """
    batch, _, height, width = color.shape
    blocked = _blocked(line).flatten(1)  # (B, 3 * h * w), one map a side
    y = (positions[..., 0] * height).long().clamp_(0, height - 1)
    x = (positions[..., 1] * width).long().clamp_(0, width - 1)
    cell = y * width + x  # (B, K, P)
    map_start = (sides.long() - 1) * height * width

    usable = ~blocked.gather(1, cell[..., 0] + map_start)
    rank = usable.long().cumsum(1)
    chosen = usable & (rank <= counts[:, None])
    # Of the ranked candidates only the first few are wanted: what comes after the last chosen one is not painted.
    needed = max(1, int(chosen.any(0).nonzero().max()) + 1) if chosen.any() else 1
    y, x, cell, chosen, sides, points, map_start = (
        part[:, :needed] for part in (y, x, cell, chosen, sides, points, map_start)
    )
    candidates, longest = cell.shape[1:]

    off_ink = ~blocked.gather(1, (cell + map_start[..., None]).flatten(1)).view_as(cell)
    shades = color.flatten(2).gather(2, cell.flatten(1)[:, None].expand(-1, 3, -1)).view(batch, 3, *cell.shape[1:])
    same = (shades.float() - shades[..., :1].float()).abs().amax(1) <= STROKE_TOLERANCE
    within = torch.arange(longest, device=line.device) < points[..., None]
    painted = (off_ink & same & within).long().cumprod(-1).bool() & chosen[..., None]

    # Where points overlap the later candidate wins; a maximum over indices is the same in any order of execution.
    span = torch.arange(LARGEST_SIDE, device=line.device)
    extent = sides.long()[..., None, None]
    top, left = (v - (extent // 2).squeeze(-1) for v in (y, x))
    rows, columns = top[..., None] + span, left[..., None] + span  # (B, K, P, 3)
    row_in = (span < extent) & (rows >= 0) & (rows < height)
    column_in = (span < extent) & (columns >= 0) & (columns < width)
    inside = row_in[..., :, None] & column_in[..., None, :] & painted[..., None, None]
    cells = rows.clamp(0, height - 1)[..., :, None] * width + columns.clamp(0, width - 1)[..., None, :]
    index = torch.arange(1, candidates + 1, device=line.device).view(1, -1, 1, 1, 1)
    winner = torch.zeros(batch, height * width, dtype=torch.long, device=line.device)
    winner.scatter_reduce_(1, cells.flatten(1), (index * inside).flatten(1), reduce="amax")

    first = shades[..., 0]  # (B, 3, K)
    palette = torch.cat([torch.zeros_like(first[..., :1]), first], dim=2)
    painted_color = palette.gather(2, winner[:, None].expand(-1, 3, -1))
    alpha = (winner > 0).to(torch.uint8)[:, None] * 255
    return torch.cat([painted_color, alpha], dim=1).view(batch, 4, height, width)


def to_network(hint: Tensor) -> Tensor:
    """Painted hints (B, 4, h, w) uint8 -> (B, 4, h, w) float32 by `hints.layers.CONVENTION`."""
    alpha = (hint[:, 3:] > 0).float()
    return torch.cat([(hint[:, :3].float() / 127.5 - 1) * alpha, alpha], dim=1)


def _blocked(line: Tensor) -> Tensor:
    """Whether a point of side 1, 2, 3 around each cell would touch ink: (B, 3, h, w) bool."""
    ink = (line < INK).float()
    maps = []
    for side in range(1, LARGEST_SIDE + 1):
        before, after = side // 2, side - 1 - side // 2
        maps.append(F.max_pool2d(F.pad(ink, (before, after, before, after)), side, stride=1))
    return torch.cat(maps, dim=1) > 0


def halve(hint: Tensor) -> Tensor:
    """Hints for a network on a grid half as fine: (B, 4, 2h, 2w) -> (B, 4, h, w), both by `hints.layers.CONVENTION`.

    A cell has a hint where one of its four had, of their mean colour.
    """
    color, alpha = hint[:, :3], hint[:, 3:]
    share = F.avg_pool2d(alpha, 2)
    mean = F.avg_pool2d(color * alpha, 2) / share.clamp(min=1 / 16)
    return torch.cat([mean, (share > 0).to(hint.dtype)], dim=1)
