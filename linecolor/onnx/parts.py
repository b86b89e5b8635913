"""What becomes an ONNX file: a network in PyTorch with named inputs, and drawings to try it with."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from linecolor.hints import layers
from linecolor.onnx.card import FileName
from linecolor.systems.names import COMIC, whole_multiple


@dataclass(frozen=True)
class Part:
    """What becomes one file: a network in PyTorch with named inputs.

    Attributes:
        name: of the file.
        network: takes the inputs in their order, float32; in evaluation mode.
        inputs: channels of each, and by how much coarser than the page it is.
        outputs: their names.
        multiple: what the sides of the page must be multiples of.
    """

    name: FileName
    network: nn.Module
    inputs: dict[str, tuple[int, int]]
    outputs: tuple[str, ...]
    multiple: int


class TwoStages(nn.Module):
    """Draft, bilinear resize and colorizer; without a colorizer the enlarged draft is the colour."""

    def __init__(self, draft: nn.Module, colorizer: nn.Module | None) -> None:
        super().__init__()
        self.draft = draft
        self.colorizer = colorizer

    def forward(self, line: Tensor, draft_input: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 1, H, W) and (B, c, H/2, W/2) -> colour (B, 3, H, W) and draft (B, 3, H/2, W/2)."""
        draft = self.draft(draft_input)
        enlarged = F.interpolate(draft, scale_factor=2, mode="bilinear", align_corners=False)
        return (enlarged if self.colorizer is None else self.colorizer(line, enlarged)), draft


def parts_of(networks: dict[str, nn.Module], hint_spread: str) -> list[Part]:
    """The files of a system, the whole of it last.

    Raises:
        ValueError: for the comic colorizer.
    """
    if COMIC[0] in networks:
        raise ValueError(
            "the comic colorizer samples its colours cell after cell, which no ONNX file does; colour with "
            "linecolor-colorize --bundle"
        )
    multiple = whole_multiple(networks)
    if "draft" not in networks:
        (generator,) = networks.values()
        return [Part("linecolor", generator, {"line": (1, 1), "hint": (4, 2)}, ("color",), multiple)]
    draft_input = {"draft_input": (layers.draft_channels(hint_spread), 2)}
    parts = [Part("draft", networks["draft"], draft_input, ("draft",), multiple)]
    if "colorizer" in networks:
        inputs = {"line": (1, 1), "draft": (3, 1)}
        parts.append(Part("colorizer", networks["colorizer"], inputs, ("color",), multiple))
    whole = TwoStages(networks["draft"], networks.get("colorizer"))
    return [*parts, Part("linecolor", whole, {"line": (1, 1), **draft_input}, ("color", "draft"), multiple)]


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
