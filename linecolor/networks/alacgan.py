"""AlacGAN (Ci et al. 2018), the "Base" of the paper's Table 2: generator, critic and local features."""

from functools import partial
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from linecolor.hints.torch_hints import halve
from linecolor.networks.features import VGG16Relu22
from linecolor.networks.resnext import LEAKY_SLOPE, ResNeXtBlock, convolution

LocalFeatureName = Literal["none", "vgg", "illustration2vec"]
LOCAL_CHANNELS: dict[str, int] = {"none": 0, "vgg": VGG16Relu22.num_features, "illustration2vec": 512}
"""Channels of the local features. Illustration2Vec's weights are not available; its size serves to count parameters."""

DILATIONS_WIDE = (1, 1, 2, 2, 4, 4, 2, 1)
DILATIONS_LAST = (1, 2, 4, 2, 1)


_biased = partial(convolution, bias=True)


class AlacGenerator(nn.Module):
    """NetG of Ci et al. 2018: a U-Net whose decoder is four stacks of dilated ResNeXt blocks with pixel shuffle.

    Line 1->32 k3, 32->64 k4s2, 64->128 k4s2; the hint, at a quarter of the size, 4->64 k7; joined, ->256 k4s2,
    ->512 k4s2; `deep_blocks` blocks of 512 on that and the local features; 8 of 256, 8 of 128, 5 of 64 with
    dilations; 3 channels, tanh. No normalisation.

    Args:
        width: ngf; 64 as published.
        deep_blocks: blocks of the deepest stack; 20 as published.
        cardinality: groups of the blocks; 32 as published, half of it in the last stack.
        local_features: `none`, `vgg`, or `illustration2vec`, which must be handed to `forward`.
    """

    multiple = 16

    def __init__(self, width: int, deep_blocks: int, cardinality: int, local_features: LocalFeatureName) -> None:
        super().__init__()
        self.local_channels = _local_channels(local_features)
        # Hidden in a tuple: frozen weights are no part of a checkpoint.
        self._vgg = (VGG16Relu22() if local_features == "vgg" else None,)
        self.hint = _biased(4, width, kernel=7)
        self.line_0 = _biased(1, width // 2, kernel=3)
        self.line_1 = _biased(width // 2, width, kernel=4, stride=2)
        self.line_2 = _biased(width, 2 * width, kernel=4, stride=2)
        self.joined_3 = _biased(3 * width, 4 * width, kernel=4, stride=2)
        self.joined_4 = _biased(4 * width, 8 * width, kernel=4, stride=2)
        self.up_4 = _tunnel(8 * width + self.local_channels, 8 * width, cardinality, (1,) * deep_blocks)
        self.up_3 = _tunnel(8 * width, 4 * width, cardinality, DILATIONS_WIDE)
        self.up_2 = _tunnel(4 * width, 2 * width, cardinality, DILATIONS_WIDE)
        self.up_1 = _tunnel(2 * width, width, max(1, cardinality // 2), DILATIONS_LAST)
        self.to_color = nn.Conv2d(width, 3, 3, padding=1)

    @torch.no_grad()
    def local_features(self, line: Tensor) -> Tensor | None:
        """What both networks get of a line (B, 1, S, S): (B, 128, S/16, S/16); None where it was built without.

        relu2_2 of VGG16 in Illustration2Vec's place: of the line halved, max-pooled to a sixteenth, where
        Illustration2Vec's fourth level lies.
        """
        if self._vgg[0] is None:
            return None
        halved = F.avg_pool2d(line, 2).expand(-1, 3, -1, -1)
        return F.max_pool2d(self._vgg[0](halved), 4)

    def forward(self, line: Tensor, hint: Tensor, local: Tensor | None = None) -> Tensor:
        """Colours (B, 3, S, S) RGB in [-1, 1] of a line (B, 1, S, S) in [-1, 1], paper = 1; S a multiple of 16.

        Args:
            hint: (B, 4, S/2, S/2) by `hints.layers.CONVENTION`, brought to S/4 here.
            local: features (B, F, S/16, S/16) of the line; made from it if not given.

        Raises:
            ValueError: if the network needs features that it cannot make.
        """
        local = self.local_features(line) if local is None else local
        x0 = self.line_0(line)
        x1 = self.line_1(x0)
        x2 = self.line_2(x1)
        x3 = self.joined_3(torch.cat([x2, self.hint(halve(hint))], dim=1))
        x4 = self.joined_4(x3)
        x = self.up_4(_joined(x4, local, self.local_channels))
        x = self.up_3(torch.cat([x, x3], dim=1))
        x = self.up_2(torch.cat([x, x2], dim=1))
        x = self.up_1(torch.cat([x, x1], dim=1))
        return torch.tanh(self.to_color(torch.cat([x, x0], dim=1)))

    def _apply(self, fn, recurse: bool = True):  # type: ignore[no-untyped-def]  # torch's own signature
        """Follow `.to(device)` although hidden from the module tree."""
        if self._vgg[0] is not None:
            self._vgg[0]._apply(fn, recurse)
        return super()._apply(fn, recurse)


class AlacCritic(nn.Module):
    """NetD of Ci et al. 2018: scores a picture, given the local features of its line; no normalisation.

    Args:
        resolution: side of the pictures it judges: 64, 128, 256, 512, ...; 512 as published.
        width: ndf; 64 as published.
        cardinality: groups of its blocks; 8 as published.
        local_features: as for the generator.
    """

    def __init__(self, resolution: int, width: int, cardinality: int, local_features: LocalFeatureName) -> None:
        super().__init__()
        halvings = (resolution // 64).bit_length() - 1
        if resolution < 64 or resolution != 64 * 2**halvings:
            raise ValueError(
                f"model.resolution={resolution}: the critic of Ci et al. needs 64, 128, 256, 512 or 1024 pixels"
            )
        self.local_channels = _local_channels(local_features)
        first: list[nn.Module] = [convolution(3, width, 7), convolution(width, width, 4, 2)]
        for level, wider in ((1, 2), (2, 4), (4, 4)):
            channels = width * level
            first += [ResNeXtBlock(channels, cardinality), ResNeXtBlock(channels, cardinality, stride=2)]
            if wider != level:
                first.append(convolution(channels, width * wider, 1))
        self.color = nn.Sequential(*first)
        deep = 8 * width
        second: list[nn.Module] = [convolution(4 * width + self.local_channels, deep, 3)]
        for _ in range(halvings):
            second += [ResNeXtBlock(deep, cardinality), ResNeXtBlock(deep, cardinality, stride=2)]
        second.append(ResNeXtBlock(deep, cardinality))
        second.append(nn.Sequential(nn.Conv2d(deep, deep, 4, bias=False), nn.LeakyReLU(LEAKY_SLOPE, inplace=True)))
        self.joined = nn.Sequential(*second)
        self.score = nn.Linear(deep, 1)

    def forward(self, color: Tensor, local: Tensor | None) -> Tensor:
        """Pictures (B, 3, S, S) in [-1, 1] and the local features of their lines -> scores (B, 1)."""
        x = self.joined(_joined(self.color(color), local, self.local_channels))
        return self.score(x.flatten(1))


def _local_channels(name: str) -> int:
    if name not in get_args(LocalFeatureName):
        raise ValueError(f"local_features={name!r} is unknown: use none or vgg")
    return LOCAL_CHANNELS[name]


def _joined(x: Tensor, local: Tensor | None, wanted: int) -> Tensor:
    given = 0 if local is None else local.shape[1]
    if given != wanted:
        raise ValueError(
            f"the network was built for {wanted} channels of local features and got {given}: use "
            "local_features=none or vgg"
        )
    return x if local is None else torch.cat([x, local], dim=1)


def _tunnel(before: int, channels: int, cardinality: int, dilations: tuple[int, ...]) -> nn.Sequential:
    return nn.Sequential(
        *_biased(before, channels, 3),
        *(ResNeXtBlock(channels, cardinality, dilation) for dilation in dilations),
        nn.Conv2d(channels, 2 * channels, 3, padding=1),
        nn.PixelShuffle(2),
        nn.LeakyReLU(LEAKY_SLOPE, inplace=True),
    )
