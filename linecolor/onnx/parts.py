"""Drawings to try a network with that becomes an ONNX file."""

from collections.abc import Iterator

import torch
from torch import Tensor

from linecolor.systems.pipelines import Part


def at_home(part: Part, resolution: int) -> tuple[int, int, int]:
    """Batch, height and width, in multiples, of a page at the resolution of the training."""
    side = -(-resolution // part.multiple)
    return 1, side, side + 1


def shapes_of(part: Part, measure: tuple[int, int, int]) -> Iterator[tuple[int, int, int, int]]:
    """The (B, C, H, W) of each input of a part, of batch, height and width in multiples."""
    batch, high, wide = measure
    for channels, coarser in part.inputs.values():
        steps = part.multiple // coarser
        yield batch, channels, high * steps, wide * steps


def drawing_for(part: Part, measure: tuple[int, int, int], random: torch.Generator) -> list[Tensor]:
    """Inputs as a page gives them: mostly paper, some ink, a few hints."""
    made = []
    for name, shape in zip(part.inputs, shapes_of(part, measure)):
        x = torch.rand(shape, generator=random) * 2 - 1
        rare = torch.rand(shape[0], 1, *shape[2:], generator=random) < 0.1
        if name in ("line", "draft_input"):
            x[:, :1] = torch.where(rare, x[:, :1], 1.0)
        if name in ("hint", "draft_input"):
            first = 0 if name == "hint" else 1
            x[:, first : first + 4] *= rare
            x[:, first + 3 : first + 4] = rare.float()
        made.append(x)
    return made
