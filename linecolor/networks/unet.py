"""The generator of both stages: a U-Net with ResNeXt decoders and no normalisation anywhere."""

import torch
from torch import Tensor, nn

from linecolor.networks.resnext import LEAKY_SLOPE, ResNeXtBlock, UpBlock, convolution, icnr_


class ResNeXtUNet(nn.Module):
    """Draft generator (figure 3) and colorizer (figure 4) of Lee & Lee 2020.

    With width 32 and four levels: encoder c32k3s1, then per level a strided k4s2 and a k3s1 convolution that
    double the channels up to 512; decoder Up512, Up256, Up128, Up64, each fed with the encoder's output of its
    size; c32k3s1, joined with the first layer's output, c3k3s1, tanh. Every convolution is bias-free, every
    inner activation a LeakyReLU of slope 0.2.

    Args:
        in_channels: line(1) + hint(4) = 5 for the draft, line(1) + draft(3) = 4 for the colorizer; three more
            for spread hints.
        width: channels of the first layer; 32 in the paper.
        levels: number of halvings; the sides of the input must be multiples of 2 ** levels.
        blocks: ResNeXt blocks a level; 10 in the paper.
        cardinality: groups of a block's 3x3 convolution; 32 in the paper.
        residual: whether the output is a correction of the last three input channels, so that a colorizer starts from
            the draft instead of having to learn to copy it first. Not in the paper.
        upsample: `shuffle`, or `transposed` for the ablation; see `UpBlock`.
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        levels: int,
        blocks: int,
        cardinality: int,
        residual: bool = False,
        upsample: str = "shuffle",
    ) -> None:
        super().__init__()
        if levels < 1:
            raise ValueError(f"a U-Net needs at least one level, got levels={levels}")
        self.in_channels = in_channels
        self.multiple = 2**levels
        self.residual = residual
        self.stem = convolution(in_channels, width, kernel=3)
        self.down = nn.ModuleList()
        self.refine = nn.ModuleList()
        for level in range(levels):
            channels = width * 2**level
            self.down.append(convolution(channels, 2 * channels, kernel=4, stride=2))
            self.refine.append(convolution(2 * channels, 2 * channels, kernel=3))
        ups = [
            # Each decoder sees 2C channels: at the bottom the two layers of the deepest level, elsewhere the
            # encoder's C and the C that the decoder below shuffled up.
            UpBlock(2 * (width * 2**level), width * 2**level, blocks, cardinality, upsample)
            for level in range(levels, 0, -1)
        ]
        self.up = nn.ModuleList(ups)
        self.last = convolution(width, width, kernel=3)
        self.to_color = nn.Conv2d(2 * width, 3, 3, padding=1, bias=False)
        self._initialise(ups)

    def _initialise(self, ups: list[UpBlock]) -> None:
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.kaiming_normal_(module.weight, a=LEAKY_SLOPE)
        for up in ups:
            if isinstance(up.expand, nn.Conv2d):
                icnr_(up.expand.weight, upscale=2)
            for block in up.blocks:
                assert isinstance(block, ResNeXtBlock)
                # Without normalisation ten residual branches of full strength would blow the signal up and
                # drive tanh into saturation before the first step; each starts as a small correction.
                nn.init.kaiming_normal_(block.expand.weight, a=LEAKY_SLOPE)
                with torch.no_grad():
                    block.expand.weight.mul_(len(up.blocks) ** -0.5 * 0.5)
        nn.init.xavier_normal_(self.to_color.weight, gain=0.02 if self.residual else 1.0)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Colour a picture: (B, 3, H, W) RGB in [-1, 1].

        The inputs, tensors (B, c_i, H, W) in [-1, 1], are joined along the channels, `in_channels` in all; H and W are
        multiples of `self.multiple`.
        """
        x = first = self.stem(torch.cat(inputs, dim=1))
        # The deepest level passes on both of its layers, the others only their second (figure 3).
        skips = []
        for down, refine in zip(self.down, self.refine, strict=True):
            halved = down(x)
            x = refine(halved)
            skips.append((halved, x))
        x = torch.cat(skips.pop(), dim=1)
        for index, up in enumerate(self.up):
            if index:
                x = torch.cat([skips.pop()[1], x], dim=1)
            x = up(x)
        # In full precision: bfloat16 rounds everything above 0.998 to 1, where tanh has no gradient left.
        color = torch.tanh(self.to_color(torch.cat([first, self.last(x)], dim=1)).float())
        if not self.residual:
            return color
        # Twice, for a correction must reach from black to white.
        corrected = inputs[-1] + 2 * color
        # The gradient passes as if nothing were cut off: a pixel that overshot could otherwise never come back.
        return corrected + (corrected.clamp(-1, 1) - corrected).detach()
