"""Inputs like those of real pages, to compare an exported network with PyTorch."""

from collections.abc import Iterator

import torch
from torch import Tensor

from linecolor.systems.pipelines import Part


def training_size(part: Part, resolution: int) -> tuple[int, int, int]:
    """Batch, height and width, in multiples, of a page at the resolution of training."""
    side = -(-resolution // part.multiple)
    return 1, side, side + 1


def input_shapes(part: Part, size: tuple[int, int, int]) -> Iterator[tuple[int, int, int, int]]:
    """The (B, C, H, W) of each input of a part, of batch, height and width in multiples."""
    batch, high, wide = size
    for channels, coarser in part.inputs.values():
        steps = part.multiple // coarser
        yield batch, channels, high * steps, wide * steps


def sample_inputs(part: Part, size: tuple[int, int, int], random: torch.Generator) -> list[Tensor]:
    """Inputs as a page gives them: mostly paper, some ink, a few hints."""
    inputs = []
    for name, shape in zip(part.inputs, input_shapes(part, size)):
        x = torch.rand(shape, generator=random) * 2 - 1
        rare = torch.rand(shape[0], 1, *shape[2:], generator=random) < 0.1
        if name in ("line", "draft_input"):
            x[:, :1] = torch.where(rare, x[:, :1], 1.0)
        if name in ("hint", "draft_input"):
            first = 0 if name == "hint" else 1
            x[:, first : first + 4] *= rare
            x[:, first + 3 : first + 4] = rare.float()
        inputs.append(x)
    return inputs
