"""Simulated faults of a draft, so that the colorizer learns to mend them instead of copying them.

Lee & Lee 2020, section 3.3 names colour spray, colour bleeding and distortion, after Zhang et al. 2018, who also
paste regions. Everything random comes in as parameters; here a whole batch is executed on the device.
"""

from dataclasses import dataclass

import kornia
import torch
import torch.nn.functional as F
from torch import Tensor

SPRAY_CELLS = 30
"""Distances of the spray are measured in cells of 1/30 of the height (Zhang et al. 2018)."""
REGION_TOLERANCE = 0.25
"""A pasted region ends where the colour leaves that of its middle by more than this, in [-1, 1] units."""


@dataclass
class ArtifactRecipe:
    """The random choices of one batch; positions and sizes are fractions of the picture's sides.

    Attributes:
        paste: (B, N, 8) per patch: middle y, x and half side of the source; middle y, x and half side of the place
            it is pasted to; its angle in degrees; 1 for a region of one colour, 0 for a square.
        paste_on: (B, N) bool.
        affine: (B, 2, 3) what is added to the identity in normalised coordinates, each within 0.1.
        elastic: (B, 2, g, g) displacements of a coarse grid, in fractions.
        distort_on: (B,) bool.
        spray: (B, 5) the segment y0, x0, y1, x1 and the decay lambda a cell.
        spray_from: (B, M, 2) places y, x where the colours are picked from, the most saturated wins.
        spray_on: (B,) bool.
        bleed_mask: (B, 1, g, g) in [0, 1], coarse; where colour bleeds.
        bleed_sigma: (B,) width of the bleeding, as a fraction of the height.
        bleed_on: (B,) bool.
    """

    paste: Tensor
    paste_on: Tensor
    affine: Tensor
    elastic: Tensor
    distort_on: Tensor
    spray: Tensor
    spray_from: Tensor
    spray_on: Tensor
    bleed_mask: Tensor
    bleed_sigma: Tensor
    bleed_on: Tensor


def simulate(draft: Tensor, recipe: ArtifactRecipe) -> Tensor:
    """A draft (B, 3, h, w) in [-1, 1] with faults: pasted regions, distortion, spray, bleeding, in this order.

    A sample with nothing switched on comes back as it is.
    """
    for patch in range(recipe.paste.shape[1]):
        draft = paste_region(draft, recipe.paste[:, patch], recipe.paste_on[:, patch])
    draft = distort(draft, recipe.affine, recipe.elastic, recipe.distort_on)
    draft = spray(draft, recipe.spray, recipe.spray_from, recipe.spray_on)
    return bleed(draft, recipe.bleed_mask, recipe.bleed_sigma, recipe.bleed_on)


def paste_region(draft: Tensor, patch: Tensor, on: Tensor) -> Tensor:
    """Paste a turned and scaled patch of the picture's own colours elsewhere; `patch` is (B, 8), `on` (B,)."""
    if not on.any():
        return draft
    source_y, source_x, half, place_y, place_x, place_half, angle, region = (v.view(-1, 1, 1) for v in patch.unbind(1))
    rows, columns = _pixel_centres(draft)
    # From the place back to the source: shift, turn, scale.
    y, x = rows - place_y, columns - place_x
    turn = torch.deg2rad(angle)
    v = (torch.cos(turn) * y - torch.sin(turn) * x) / place_half
    u = (torch.sin(turn) * y + torch.cos(turn) * x) / place_half
    grid = torch.stack([source_x + u * half, source_y + v * half], dim=-1) * 2 - 1
    moved = F.grid_sample(draft, grid, padding_mode="border", align_corners=False)
    middle = torch.stack([source_x, source_y], dim=-1) * 2 - 1
    color = F.grid_sample(draft, middle, padding_mode="border", align_corners=False)
    alike = (moved - color).abs().amax(1) < REGION_TOLERANCE
    inside = (u.abs() < 1) & (v.abs() < 1) & (alike | (region < 0.5)) & on.view(-1, 1, 1)
    return torch.where(inside[:, None], moved, draft)


def distort(draft: Tensor, affine: Tensor, elastic: Tensor, on: Tensor) -> Tensor:
    """Shear, scale and shift a little, and warp by a coarse elastic grid."""
    if not on.any():
        return draft
    identity = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], device=draft.device)
    grid = F.affine_grid(identity + affine, list(draft.shape), align_corners=False)
    field = F.interpolate(elastic, draft.shape[-2:], mode="bicubic", align_corners=False)
    moved = F.grid_sample(draft, grid + 2 * field.permute(0, 2, 3, 1), padding_mode="border", align_corners=False)
    return torch.where(on.view(-1, 1, 1, 1), moved, draft)


def spray(draft: Tensor, segment: Tensor, places: Tensor, on: Tensor) -> Tensor:
    """Spray a saturated colour of the picture along a segment: alpha = exp(-lambda d), d in cells of h / 30."""
    if not on.any():
        return draft
    y0, x0, y1, x1, decay = (v.view(-1, 1, 1) for v in segment.unbind(1))
    rows, columns = _pixel_centres(draft)
    along_y, along_x = y1 - y0, x1 - x0
    length = (along_y**2 + along_x**2).clamp_min(1e-6)
    share = (((rows - y0) * along_y + (columns - x0) * along_x) / length).clamp(0, 1)
    distance = torch.hypot(rows - y0 - share * along_y, columns - x0 - share * along_x) * SPRAY_CELLS
    alpha = torch.exp(-decay * distance) * on.view(-1, 1, 1)
    candidates = F.grid_sample(draft, places.flip(-1)[:, None] * 2 - 1, mode="nearest", align_corners=False)
    candidates = candidates[:, :, 0]  # (B, 3, M)
    best = (candidates.amax(1) - candidates.amin(1)).argmax(1)
    color = candidates.gather(2, best.view(-1, 1, 1).expand(-1, 3, 1)).unsqueeze(-1)
    return torch.lerp(draft, color.expand_as(draft), alpha[:, None])


def bleed(draft: Tensor, mask: Tensor, sigma: Tensor, on: Tensor) -> Tensor:
    """Let colour run across the borders of regions: a blur under a soft mask."""
    if not on.any():
        return draft
    # A blur this wide has nothing to say above a quarter of the size, where it is 16 times cheaper.
    small = F.avg_pool2d(draft, 4, ceil_mode=True)
    pixels = (sigma * small.shape[-2]).clamp_min(0.3)
    side = 2 * int(small.shape[-2] // 8) + 1
    blurred = kornia.filters.gaussian_blur2d(small, (side, side), pixels[:, None].expand(-1, 2), "replicate")
    blurred = F.interpolate(blurred, draft.shape[-2:], mode="bilinear", align_corners=False)
    soft = F.interpolate(mask, draft.shape[-2:], mode="bilinear", align_corners=False)
    return torch.lerp(draft, blurred, soft.clamp(0, 1) * on.view(-1, 1, 1, 1))


def _pixel_centres(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Row (1, h, 1) and column (1, 1, w) centres in fractions of the sides."""
    height, width = picture.shape[-2:]
    rows = (torch.arange(height, device=picture.device) + 0.5) / height
    columns = (torch.arange(width, device=picture.device) + 0.5) / width
    return rows.view(1, -1, 1), columns.view(1, 1, -1)
