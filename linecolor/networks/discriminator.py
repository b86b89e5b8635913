"""The draft stage's discriminator: strided convolutions and one unit, in the manner of DCGAN."""

from torch import Tensor, nn

from linecolor.networks.resnext import LEAKY_SLOPE, convolution


class Discriminator(nn.Module):
    """Tells real pictures from generated ones: figure 3 of Lee & Lee 2020; unconditional, no normalisation.

    c32k4s2, c32k3s1, c64k4s2, c64k3s1, c128k4s2, c128k3s1, c256k4s2, flatten, u1. `forward` returns the logit,
    so that training can use the numerically safe binary cross-entropy; `score` adds the paper's sigmoid.

    Args:
        resolution: side of the square pictures it judges; a multiple of 16. 256 in the paper.
        width: channels of the first layer; 32 in the paper.
    """

    def __init__(self, resolution: int, width: int) -> None:
        super().__init__()
        if resolution % 16:
            raise ValueError(
                f"the discriminator halves four times: its resolution {resolution}, half of model.resolution, is no "
                "multiple of 16"
            )
        self.resolution = resolution
        layers: list[nn.Module] = []
        channels = 3
        for level in range(4):
            wider = width * 2**level
            layers += convolution(channels, wider, 4, 2, bias=True)
            if level < 3:
                layers += convolution(wider, wider, 3, bias=True)
            channels = wider
        self.features = nn.Sequential(*layers)
        self.judge = nn.Linear(channels * (resolution // 16) ** 2, 1)
        for module in self.features:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=LEAKY_SLOPE)
                assert module.bias is not None
                nn.init.zeros_(module.bias)
        nn.init.xavier_normal_(self.judge.weight)
        nn.init.zeros_(self.judge.bias)

    def forward(self, color: Tensor) -> Tensor:
        """Colour pictures (B, 3, resolution, resolution) RGB in [-1, 1] -> logits (B, 1); > 0 means real."""
        return self.judge(self.features(color).flatten(1))

    def score(self, color: Tensor) -> Tensor:
        """The probability (B, 1) in [0, 1] that each picture is real (the paper's public D)."""
        return self(color).sigmoid()
