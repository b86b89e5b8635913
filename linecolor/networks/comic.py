"""Background detector and polishing network of Kang et al. 2017: two Pix2Pix generators."""

import torch
from torch import Tensor

from linecolor.networks.pix2pix import DROPOUT, UNet256


class BackgroundDetector(UNet256):
    """From an outline to the probability that a pixel is foreground: a figure, a balloon, a frame.

    Args:
        width: channels of the first layer; 64 in Pix2Pix.
        levels: number of halvings, at least 4; 8 in Pix2Pix.
        dropout: whether the decoder has Pix2Pix's dropout.
    """

    def __init__(self, width: int, levels: int, dropout: bool) -> None:
        super().__init__(1, 1, width, levels, DROPOUT if dropout else 0.0)

    def forward(self, line: Tensor) -> Tensor:
        """Outline (B, 1, H, W) in [-1, 1], any size -> (B, 1, H, W) in [0, 1], 1 = foreground."""
        # In half precision a probability near 1 is 1, and its gradient 0.
        return torch.sigmoid(self.draw_any_size(line).float())


class PolishingNetwork(UNet256):
    """From an outline, low-resolution colours and a background to clean colour.

    Ten channels: outline 1, low-resolution colour 3 with the mask's area filled with its mean, fore- and background 2,
    mask 1, mean colour of the background 3; see `comic.polishing_input`.

    Args:
        width: channels of the first layer; 64 in Pix2Pix.
        levels: number of halvings, at least 4; 8 in Pix2Pix.
        dropout: whether the decoder has Pix2Pix's dropout.
        background: False keeps the fore- and background and the mean at zero, in training and in use: what the
            background detector is measured against.
    """

    def __init__(self, width: int, levels: int, dropout: bool, background: bool) -> None:
        super().__init__(10, 3, width, levels, DROPOUT if dropout else 0.0)
        self.background = background
        self.used: Tensor
        used = torch.ones(10)
        if not background:
            used[4:6] = used[7:] = 0
        self.register_buffer("used", used.view(1, 10, 1, 1), persistent=False)

    def forward(self, channels: Tensor) -> Tensor:
        """(B, 10, H, W), any size -> (B, 3, H, W) RGB in [-1, 1]."""
        # In half precision tanh rounds to 1 and its gradient to 0 long before the value is there.
        return torch.tanh(self.draw_any_size(channels * self.used).float())
