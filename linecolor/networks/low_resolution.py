"""The low-resolution colorizer of Kang et al. 2017: PixColor's networks with PixelCNN++'s mixture, on an outline."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from linecolor.networks import logistic_mixture
from linecolor.networks.pixelcnn import PixelCNN
from linecolor.networks.resnet import ConditioningNetwork, initialise

ColorSpace = Literal["rgb", "chroma"]
CHANNELS: dict[str, int] = {"rgb": 3, "chroma": 2}
LONGEST = 32
"""Cells of the long side over those of the short one, at most."""
STRIDE = 8
"""Pixels of the conditioning network's picture to a cell."""
RED_LUMA, GREEN_LUMA, BLUE_LUMA = 0.299, 0.587, 0.114
NEUTRAL = 0.5 / 127.5
"""Level 128 of 255, as in JPEG: no level lies at 0, and grey must not come back tinted."""


class LowResolutionColorizer(nn.Module):
    """A few cells of colour for a drawing: ResNet, three 3x3 convolutions and a PixelCNN (PixColor, figure 2).

    The adaptation network gets the ResNet's features and the drawing itself at the cells' size: of a grey picture that
    is the luma which the colours have to suit.

    Args:
        depth: of the ResNet; 101 as published, 50 or 14.
        width: channels of its first layer; 64 as published.
        features: channels of the adaptation network and of the PixelCNN's stacks; 64 as published.
        layers: gated layers; 10 as published.
        kernel: their kernel; 5 as published.
        mixtures: logistics a cell; 10 as published.
        channels: `rgb` for outlines (Kang et al.), `chroma` (Cb, Cr) for grey pictures, as PixColor has it.
        grid: cells along the short side; 28 as published.

    Raises:
        ValueError: other channels, no cells, or what the networks refuse.
    """

    def __init__(
        self,
        depth: int,
        width: int,
        features: int,
        layers: int,
        kernel: int,
        mixtures: int,
        channels: ColorSpace,
        grid: int,
    ) -> None:
        super().__init__()
        if channels not in CHANNELS:
            raise ValueError(f"channels={channels!r} is unknown: use rgb or chroma")
        if grid < 1:
            raise ValueError(f"grid={grid}: the short side needs at least one cell; 28 as published")
        self.channels = channels
        self.grid = grid
        self.conditioning = ConditioningNetwork(depth, width)
        into = self.conditioning.out_channels + 1
        adaptation: list[nn.Module] = []
        for before in (into, features, features):
            adaptation += [nn.Conv2d(before, features, 3, padding=1, bias=False), nn.BatchNorm2d(features), nn.ReLU()]
        # PixColor does not specify this network. Without normalisation, or with a ReLU at its end, the condition drifts
        # to one large constant, and the PixelCNN learns to ignore it.
        self.adaptation = nn.Sequential(*adaptation[:-1]).apply(initialise)
        self.pixelcnn = PixelCNN(CHANNELS[channels], features, features, layers, kernel, mixtures)

    def cells(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of cells for a picture: `grid` along the short side, the long one in proportion.

        At most `LONGEST` times as many: a sliver would have a million cells, sampled one after the other.
        """
        short, most = min(height, width), LONGEST * self.grid
        rows, columns = ((2 * self.grid * side + short) // (2 * short) for side in (height, width))
        return min(rows, most), min(columns, most)

    def condition(self, line: Tensor) -> Tensor:
        """The condition (B, features, h, w) of the PixelCNN, h and w by `cells`.

        Args:
            line: (B, 1, H, W) in [-1, 1], paper = 1; any size. Brought to 8 pixels a cell here.
        """
        h, w = self.cells(*line.shape[-2:])
        resized = line
        if line.shape[-2:] != (STRIDE * h, STRIDE * w):
            size = (STRIDE * h, STRIDE * w)
            resized = F.interpolate(line, size=size, mode="bilinear", align_corners=False, antialias=True)
        seen = self.conditioning(resized)
        return self.adaptation(torch.cat([seen, F.avg_pool2d(resized, STRIDE).to(seen.dtype)], dim=1))

    def forward(self, line: Tensor, colors: Tensor) -> Tensor:
        """The mixture (B, P, h, w) of every cell for `logistic_mixture`, given the drawing and the cells before it.

        Args:
            line: (B, 1, H, W) in [-1, 1], paper = 1.
            colors: (B, 3, h, w) RGB in [-1, 1], h and w by `cells`; taken at its 8-bit levels.
        """
        return self.pixelcnn(self.encode(colors), self.condition(line))

    def encode(self, colors: Tensor) -> Tensor:
        """RGB (B, 3, h, w) in [-1, 1] -> the PixelCNN's channels (B, C, h, w) on 8-bit levels."""
        colors = logistic_mixture.quantise(colors.float())
        return colors if self.channels == "rgb" else logistic_mixture.quantise(chroma_of(colors))

    def reduce(self, color: Tensor) -> Tensor:
        """A picture at the cells' size: (B, 3, H, W) -> (B, 3, h, w), each cell the mean of its area."""
        return F.interpolate(color, size=self.cells(*color.shape[-2:]), mode="area")

    @torch.no_grad()
    def sample(self, line: Tensor, uniforms: Tensor, temperature: float = 1.0) -> Tensor:
        """Draw colours for a drawing; for use in `eval()`, where BatchNorm goes by its running averages.

        Args:
            line: (B, 1, H, W) in [-1, 1], paper = 1; for `chroma` the grey picture, which gives the luma.
            uniforms: (B, M + C, h, w) by `draw_uniforms`. One drawing with many uniforms gives as many candidates.
            temperature: 1 draws from the model, 0 takes its best guess cell by cell.

        Returns:
            (B, 3, h, w) RGB in [-1, 1], on 8-bit levels.

        Raises:
            ValueError: the uniforms do not fit the drawing, or the temperature is negative.
        """
        condition = self.condition(line)
        if len(line) == 1:
            condition = condition.expand(len(uniforms), -1, -1, -1)
        drawn = self.pixelcnn.sample(condition, uniforms, temperature)
        if self.channels == "rgb":
            return drawn
        luma = self.reduce(line).to(drawn.dtype)
        return logistic_mixture.quantise(rgb_of(luma, drawn))

    def draw_uniforms(self, batch: int, h: int, w: int, generator: torch.Generator | None = None) -> Tensor:
        """The noise of a sample: (batch, M + C, h, w) in (0, 1), on the network's device.

        Drawn on the generator's device, so that a seed on the CPU gives the same noise for every device.
        """
        numbers = self.pixelcnn.mixtures + self.pixelcnn.channels
        device = None if generator is None else generator.device
        tiny = torch.finfo(torch.float32).eps
        uniforms = torch.rand((batch, numbers, h, w), generator=generator, device=device).clamp_(tiny, 1 - tiny)
        return uniforms.to(self.pixelcnn.to_parameters.weight.device)


def chroma_of(colors: Tensor) -> Tensor:
    """RGB (B, 3, h, w) -> Cb, Cr (B, 2, h, w), all in [-1, 1]; grey lies on level 128, as in JPEG."""
    red, green, blue = colors.unbind(dim=1)
    luma = RED_LUMA * red + GREEN_LUMA * green + BLUE_LUMA * blue
    chroma = torch.stack([(blue - luma) / (2 - 2 * BLUE_LUMA), (red - luma) / (2 - 2 * RED_LUMA)], dim=1)
    return chroma * (1 - NEUTRAL) + NEUTRAL


def rgb_of(luma: Tensor, chroma: Tensor) -> Tensor:
    """Luma (B, 1, h, w) and Cb, Cr (B, 2, h, w) of `chroma_of` -> RGB (B, 3, h, w), colours out of range clipped."""
    cb, cr = ((chroma - NEUTRAL) / (1 - NEUTRAL)).unbind(dim=1)
    y = luma[:, 0]
    red, blue = y + (2 - 2 * RED_LUMA) * cr, y + (2 - 2 * BLUE_LUMA) * cb
    green = (y - RED_LUMA * red - BLUE_LUMA * blue) / GREEN_LUMA
    return torch.stack([red, green, blue], dim=1).clamp(-1, 1)
