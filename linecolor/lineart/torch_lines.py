"""The lines of `linecolor.lineart.lines` for whole batches in torch, so that a GPU need not wait for the CPU.

Written to agree with it: dilate-abs-sub to the level, the XDoG difference within 1e-5.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from linecolor.lineart import lines

_LUMA = (0.299, 0.587, 0.114)


def xdog_difference(color: Tensor, sigma: float) -> Tensor:
    """`lines.xdog_difference` of (B, 3, H, W) RGB uint8: (B, 1, H, W) float32."""
    weights = torch.tensor(_LUMA, device=color.device).view(1, 3, 1, 1)
    grey = (color.float() * (1 / 255) * weights).sum(dim=1, keepdim=True)
    return _blur(grey, sigma) - lines.XDOG_WEIGHT * _blur(grey, lines.XDOG_RATIO * sigma)


def xdog(color: Tensor, sigma: float) -> Tensor:
    """Binary line art (B, 1, H, W) uint8, ink = 0 and paper = 255; see `lines.xdog`."""
    ink = xdog_difference(color, sigma) < lines.XDOG_THRESHOLD
    return torch.where(ink, 0, 255).to(torch.uint8)


def dilate_abs_sub(color: Tensor, kernel: int) -> Tensor:
    """Line art (B, 1, H, W) uint8 in shades of grey; see `lines.dilate_abs_sub`.

    OpenCV anchors an even kernel off-centre, hence the uneven padding; max-pooling needs floats, which hold
    8-bit values exactly.
    """
    before, after = kernel // 2, kernel - 1 - kernel // 2
    padded = F.pad(color.float(), (before, after, before, after), value=-1.0)
    dilated = F.max_pool2d(F.max_pool2d(padded, (kernel, 1), stride=1), (1, kernel), stride=1)
    difference = 255 - (dilated - color.float()).abs()
    return grey_uint8(difference)


def grey_uint8(color: Tensor) -> Tensor:
    """RGB (B, 3, H, W) of whole levels -> luma (B, 1, H, W) uint8, the very levels of `lines.grey_uint8`."""
    red, green, blue = color.to(torch.int32).unbind(dim=1)
    grey = (4899 * red + 9617 * green + 1868 * blue + 8192) >> 14
    return grey.to(torch.uint8).unsqueeze(1)


def reduce(line: Tensor, factor: int) -> Tensor:
    """`lines.reduce` of (B, 1, H, W) uint8 by a whole factor >= 1 that divides both sides."""
    if factor == 1:
        return line
    shades = line.float()
    # The area mean is rounded to a level first, as OpenCV's uint8 resize does.
    mean = F.avg_pool2d(shades, factor).round()
    darkest = -F.max_pool2d(-shades, factor)
    return (mean + lines.reduce_pull(factor) * (darkest - mean)).round().to(torch.uint8)


def _blur(grey: Tensor, sigma: float) -> Tensor:
    kernel = torch.from_numpy(lines.gaussian_kernel(sigma)).to(grey.device)
    radius = kernel.numel() // 2
    padded = F.pad(grey, (radius, radius, radius, radius), mode="replicate")
    # TF32, cuDNN's default, would move the difference by 50 times what separates it from the CPU's.
    with torch.backends.cudnn.flags(allow_tf32=False):
        rows = F.conv2d(padded, kernel.view(1, 1, 1, -1))
        return F.conv2d(rows, kernel.view(1, 1, -1, 1))
