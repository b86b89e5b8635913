"""A residual network cut off after its third block, at an eighth of the picture: what PixColor is conditioned on."""

import torch.nn.functional as F
from torch import Tensor, nn

BLOCKS: dict[int, tuple[int, int, int]] = {14: (1, 1, 2), 50: (3, 4, 6), 101: (3, 4, 23)}
"""Bottlenecks in blocks 1 to 3. 50 and 101 are He et al. 2016; 14 is a small one of our own."""
EXPANSION = 4


class Bottleneck(nn.Module):
    """1x1 to `inner` channels, 3x3, 1x1 to four times as many, added to the input (He et al. 2016, section 4.1).

    Args:
        before: channels in.
        inner: channels of the 3x3 convolution; the output has 4 * inner.
        stride: of the 3x3 convolution.
        dilation: of the 3x3 convolution.
    """

    def __init__(self, before: int, inner: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        after = EXPANSION * inner
        self.reduce = _convolution(before, inner, 1)
        self.spatial = _convolution(inner, inner, 3, stride, dilation)
        self.expand = _convolution(inner, after, 1)
        same = stride == 1 and before == after
        self.shortcut = nn.Identity() if same else _convolution(before, after, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, before, H, W) -> (B, 4 * inner, H / stride, W / stride)."""
        inner = F.relu(self.spatial(F.relu(self.reduce(x))))
        return F.relu(self.shortcut(x) + self.expand(inner))


class ConditioningNetwork(nn.Module):
    """ResNet up to its third block on a picture of one channel (Guadarrama et al. 2017; Kang et al. 2017).

    7x7 with stride 2, max-pooling with stride 2, block 1, block 2 with stride 2; block 3 keeps the size and has
    dilation 2 instead, so that 224 x 224 gives 28 x 28 x 1,024. BatchNorm, ReLU. Trained from scratch, as by Kang et
    al.: outlines are not photographs.

    Args:
        depth: 101 as published, 50, or 14.
        width: channels of the first layer; 64 as published. The output has 16 times as many.

    Raises:
        ValueError: for another depth.
    """

    def __init__(self, depth: int, width: int) -> None:
        super().__init__()
        if depth not in BLOCKS:
            raise ValueError(f"depth={depth} is unknown: use 101 (as published), 50 or 14")
        self.out_channels = 16 * width
        self.stem = _convolution(1, width, 7, stride=2)
        first, second, third = BLOCKS[depth]
        self.block_1 = _block(width, width, first)
        self.block_2 = _block(4 * width, 2 * width, second, stride=2)
        self.block_3 = _block(8 * width, 4 * width, third, dilation=2)
        self.apply(initialise)

    def forward(self, line: Tensor) -> Tensor:
        """(B, 1, H, W) in [-1, 1], sides multiples of 8 -> (B, 16 * width, H / 8, W / 8)."""
        x = F.max_pool2d(F.relu(self.stem(line)), 3, stride=2, padding=1)
        return self.block_3(self.block_2(self.block_1(x)))


def initialise(module: nn.Module) -> None:
    """He et al. 2015: N(0, 2 / fan-out) for convolutions, none of which has a bias; BatchNorm starts as 1 and 0."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def _block(before: int, inner: int, count: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    rest = (Bottleneck(EXPANSION * inner, inner, 1, dilation) for _ in range(count - 1))
    return nn.Sequential(Bottleneck(before, inner, stride, dilation), *rest)


def _convolution(before: int, after: int, kernel: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, stride, padding, dilation=dilation, bias=False), nn.BatchNorm2d(after)
    )
