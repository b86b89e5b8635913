"""The ResNeXt block and the up-sampling block that the generators are built of."""

import torch
from torch import Tensor, nn

LEAKY_SLOPE = 0.2
"""Slope of every LeakyReLU (Lee & Lee 2020, section 3.2; Isola et al. 2017, section 6.1)."""


def convolution(before: int, after: int, kernel: int, stride: int = 1, bias: bool = False) -> nn.Sequential:
    """A convolution and LeakyReLU: (B, before, H, W) -> (B, after, H / stride, W / stride)."""
    padding = (kernel - stride + 1) // 2
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, stride, padding, bias=bias), nn.LeakyReLU(LEAKY_SLOPE, inplace=True)
    )


class ResNeXtBlock(nn.Module):
    """Aggregated residual transformation without normalisation (Ci et al. 2018; Lee & Lee 2020, section 3.2).

    1x1 to half the channels, grouped 3x3, 1x1 back, added to the input. No bias, no activation after the
    addition: normalisation and clipping would narrow the range of the colours. With stride 2 the grouped convolution is
    4x4 and the input is averaged 2x2.

    Args:
        channels: channels in and out; even.
        cardinality: groups of the 3x3 convolution; must divide `channels // 2`.
        dilation: of the 3x3 convolution.
        stride: 1 or 2.
    """

    def __init__(self, channels: int, cardinality: int, dilation: int = 1, stride: int = 1) -> None:
        super().__init__()
        inner = channels // 2
        if channels % 2 or inner % cardinality:
            raise ValueError(
                f"cardinality {cardinality} does not divide {inner}, half of {channels} channels: "
                "lower the network's cardinality or raise its width"
            )
        self.reduce = nn.Conv2d(channels, inner, 1, bias=False)
        self.grouped = nn.Conv2d(inner, inner, 2 + stride, stride, dilation, dilation, cardinality, bias=False)
        self.expand = nn.Conv2d(inner, channels, 1, bias=False)
        self.activation = nn.LeakyReLU(LEAKY_SLOPE, inplace=True)
        self.shortcut = nn.Identity() if stride == 1 else nn.AvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H / stride, W / stride)."""
        inner = self.activation(self.reduce(x))
        return self.shortcut(x) + self.expand(self.activation(self.grouped(inner)))


class UpBlock(nn.Module):
    """Up-C of the paper's figure 3: 3x3 to C, ResNeXt blocks, 3x3 to 2C, pixel shuffle to C/2 at twice the size.

    Sub-pixel convolution (Shi et al. 2016) instead of a transposed one keeps the checkerboard away
    (Lee & Lee 2020, section 3.2); the transposed one is there to measure what it would do.

    Args:
        in_channels: channels coming in, skip connection included.
        channels: C; the output has C / 2.
        blocks: number of ResNeXt blocks; 10 in the paper.
        cardinality: groups of the blocks; 32 in the paper.
        upsample: `shuffle` (the paper), or `transposed`: a k4s2 transposed convolution in the shuffle's place.

    Raises:
        ValueError: for another `upsample`, or a cardinality that does not divide the channels.
    """

    expand: nn.Conv2d | nn.ConvTranspose2d
    shuffle: nn.Module

    def __init__(
        self, in_channels: int, channels: int, blocks: int, cardinality: int, upsample: str = "shuffle"
    ) -> None:
        super().__init__()
        if upsample not in ("shuffle", "transposed"):
            raise ValueError(f"upsample={upsample!r} is unknown: use shuffle or transposed")
        self.enter = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.blocks = nn.Sequential(*(ResNeXtBlock(channels, cardinality) for _ in range(blocks)))
        if upsample == "shuffle":
            self.expand = nn.Conv2d(channels, 2 * channels, 3, padding=1, bias=False)
            self.shuffle = nn.PixelShuffle(2)
        else:
            self.expand = nn.ConvTranspose2d(channels, channels // 2, 4, stride=2, padding=1, bias=False)
            self.shuffle = nn.Identity()
        self.activation = nn.LeakyReLU(LEAKY_SLOPE, inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, C / 2, 2H, 2W)."""
        x = self.blocks(self.activation(self.enter(x)))
        return self.activation(self.shuffle(self.expand(x)))


def icnr_(weight: Tensor, upscale: int, slope: float = LEAKY_SLOPE) -> None:
    """Initialise a convolution (C * upscale^2, in, k, k) before a pixel shuffle as nearest-neighbour (ICNR), in place.

    The `upscale ** 2` filters that make up one output channel start equal, so no checkerboard is there to be
    unlearned (Aitken et al. 2017). `slope` is that of the LeakyReLU that follows.
    """
    out_channels, *rest = weight.shape
    seed = torch.empty(out_channels // upscale**2, *rest)
    nn.init.kaiming_normal_(seed, a=slope)
    with torch.no_grad():
        weight.copy_(seed.repeat_interleave(upscale**2, dim=0))
