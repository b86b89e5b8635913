"""Pix2Pix (Isola et al. 2017): the U-Net generator and the PatchGAN discriminator of the paper's Table 2."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from linecolor.networks.resnext import LEAKY_SLOPE

DROPOUT = 0.5
WIDEST = 8
"""The widest layers have this many times the channels of the first."""


class UNet256(nn.Module):
    """The body of Pix2Pix's generator: halvings with skip connections, transposed convolutions on the way up.

    C64-C128-C256-C512-C512-C512-C512-C512, each k4s2 with BatchNorm but for the first and the innermost, LeakyReLU 0.2;
    the decoder mirrors it with ReLU and dropout in its first three blocks; no activation at the end. In use dropout is
    off and BatchNorm goes by its running averages, so that a result repeats; Isola et al. leave both as in training.

    Args:
        in_channels: channels of what it sees.
        out_channels: channels of what it draws.
        width: channels of the first layer; 64 as published.
        levels: number of halvings, at least 4; 8 as published.
        dropout: of the first three blocks of the decoder; 0.5 as published.

    Raises:
        ValueError: for fewer levels.
    """

    def __init__(self, in_channels: int, out_channels: int, width: int, levels: int, dropout: float = DROPOUT) -> None:
        super().__init__()
        if levels < 4:
            raise ValueError(f"Pix2Pix's U-Net needs at least 4 levels, got levels={levels}")
        channels = [in_channels, *(width * min(2**level, WIDEST) for level in range(levels))]
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()
        for level in range(levels):
            outermost, innermost = level == 0, level == levels - 1
            self.down.append(_down(channels[level], channels[level + 1], outermost, innermost))
            # Everywhere but at the bottom the decoder gets its own output and the encoder's of the same size.
            into = channels[level + 1] * (1 if innermost else 2)
            back = out_channels if outermost else channels[level]
            self.up.append(_up(into, back, outermost, dropout if level >= levels - 3 else 0.0))
        self.apply(initialise)

    def draw(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W), sides multiples of 2 ** levels -> (B, out_channels, H, W) of any value."""
        skips = []
        for down in self.down:
            x = down(x)
            skips.append(x)
        x = self.up[-1](skips.pop())
        for up in reversed(self.up[:-1]):
            x = up(torch.cat([skips.pop(), x], dim=1))
        return x

    def draw_any_size(self, x: Tensor) -> Tensor:
        """The same for sides of any length: grown to the right and below by repeating the edge, and cut back."""
        height, width = x.shape[-2:]
        multiple = 2 ** len(self.down)
        grown = F.pad(x, (0, -width % multiple, 0, -height % multiple), mode="replicate")
        return self.draw(grown)[..., :height, :width]


class Pix2PixUNet(UNet256):
    """U-Net-256 with tanh, from line and hint to colour.

    The published network sees a picture; this one sees line(1) + hint(4), the same as all systems here.

    Args:
        in_channels: channels of line and hint together.
        width: channels of the first layer; 64 as published.
        levels: number of halvings, at least 4; 8 as published. Sides of the input are multiples of 2 ** levels.
    """

    def __init__(self, in_channels: int, width: int, levels: int) -> None:
        super().__init__(in_channels, 3, width, levels)
        self.in_channels = in_channels
        self.multiple = 2**levels

    def forward(self, line: Tensor, hint: Tensor) -> Tensor:
        """Colours (B, 3, S, S) RGB in [-1, 1] of a line (B, 1, S, S) in [-1, 1], paper = 1.

        The hint is (B, 4, S/2, S/2) or (B, 4, S, S); cells are repeated where the grid is coarser.
        """
        x = torch.cat([line, F.interpolate(hint, size=line.shape[-2:], mode="nearest")], dim=1)
        return torch.tanh(self.draw(x))


class PatchDiscriminator(nn.Module):
    """The 70 x 70 PatchGAN: C64-C128-C256-C512, a logit for every patch, conditioned on the line.

    Args:
        width: channels of the first layer; 64 as published.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(4, width, 4, 2, padding=1), nn.LeakyReLU(LEAKY_SLOPE)]
        for level, stride in ((1, 2), (2, 2), (3, 1)):
            before, after = width * 2 ** (level - 1), width * 2**level
            layers += [
                nn.Conv2d(before, after, 4, stride, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.LeakyReLU(LEAKY_SLOPE),
            ]
        layers.append(nn.Conv2d(width * WIDEST, 1, 4, 1, padding=1))
        self.layers = nn.Sequential(*layers)
        self.apply(initialise)

    def forward(self, line: Tensor, color: Tensor) -> Tensor:
        """(B, 1, S, S) and (B, 3, S, S) -> logits (B, 1, S/8 - 2, S/8 - 2); > 0 means real."""
        return self.layers(torch.cat([line, color], dim=1))


def initialise(module: nn.Module) -> None:
    """N(0, 0.02) for convolutions, N(1, 0.02) for BatchNorm (Isola et al. 2017, section 6.2)."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def _down(before: int, after: int, outermost: bool, innermost: bool) -> nn.Sequential:
    layers: list[nn.Module] = [] if outermost else [nn.LeakyReLU(LEAKY_SLOPE)]
    layers.append(nn.Conv2d(before, after, 4, 2, padding=1, bias=False))
    if not (outermost or innermost):
        layers.append(nn.BatchNorm2d(after))
    return nn.Sequential(*layers)


def _up(before: int, after: int, outermost: bool, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = [nn.ReLU(), nn.ConvTranspose2d(before, after, 4, 2, padding=1, bias=outermost)]
    if not outermost:
        layers.append(nn.BatchNorm2d(after))
    if dropout:
        layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers)
