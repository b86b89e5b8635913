"""How the networks of a system colour a page together: one class for each kind of system.

A tensor is a batch of pages, RGB in [-1, 1], paper = 1.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from linecolor.hints import propagation
from linecolor.rendering.result import NetworkOutput


@dataclass(frozen=True, kw_only=True)
class WindowOptions:
    """How the networks are run.

    Attributes:
        draft_only: stop after the draft of a system that makes one.
        seed: of what is sampled.
        temperature: of the same: 1 as learned, less keeps to what is likely, 0 takes it.
        comparisons: run networks too that are there to be compared with.
    """

    draft_only: bool = False
    seed: int = 0
    temperature: float = 1.0
    comparisons: bool = False


WindowColors = NetworkOutput[Tensor]
"""What the networks make of a window of a page, as batches of tensors."""


@dataclass(frozen=True)
class Part:
    """What becomes one ONNX file: a network with named inputs.

    Attributes:
        name: of the file; the whole system is called `linecolor`.
        network: takes the inputs in their order, float32; in evaluation mode.
        inputs: channels of each, and by how much coarser than the page it is.
        outputs: their names.
        multiple: what the sides of the page must be multiples of.
        joins: names of the parts that this one chains; its network is built from theirs, in this order.
    """

    name: str
    network: nn.Module
    inputs: dict[str, tuple[int, int]]
    outputs: tuple[str, ...]
    multiple: int
    joins: tuple[str, ...] = ()

    def input_shapes(self, size: tuple[int, int, int]) -> Iterator[tuple[int, int, int, int]]:
        """The (B, C, H, W) of each input, of batch, height and width in multiples."""
        batch, high, wide = size
        for channels, coarser in self.inputs.values():
            steps = self.multiple // coarser
            yield batch, channels, high * steps, wide * steps


class Pipeline(ABC):
    """Runs the networks of a system.

    Args:
        networks: by the names of their stages; the first ones of a system are enough. In evaluation mode when they run.

    Attributes:
        whole_pages: whether a page must be seen in one piece, however long it is.
        variants: titles of extras that are results themselves, and are blended as such.
    """

    whole_pages = False
    variants: tuple[str, ...] = ()

    def __init__(self, networks: Mapping[str, nn.Module]) -> None:
        self.networks = networks

    @property
    def multiple(self) -> int:
        """What the sides of a page must be multiples of: even, and what each network's `multiple` says."""
        return math.lcm(2, *(getattr(network, "multiple", 1) for network in self.networks.values()))

    @property
    def grey_pages(self) -> bool:
        """Whether pages are grey pictures and no lines."""
        return False

    @property
    def ends_with_draft(self) -> bool:
        """Whether the draft is the last picture a network makes, and the colour that draft enlarged."""
        return False

    @abstractmethod
    def color(self, line: Tensor, inputs: Tensor, options: WindowOptions) -> WindowColors:
        """Colour a window.

        Args:
            line: (B, 1, H, W), sides multiples of `multiple`.
            inputs: line, hints by `hints.layers.CONVENTION` and propagated hints (B, 5 or more, H/2, W/2).
            options: how.
        """

    def run_once(self, line: Tensor, inputs: Tensor) -> None:
        """Run every network that colours a page once, to count its operations; the tensors may be on "meta"."""
        self.color(line, inputs, WindowOptions())

    @classmethod
    def check_architectures(cls, architectures: Mapping[str, Mapping[str, Any]], hint_spread: str) -> None:
        """Refuse networks that cannot work together, before one is built.

        Args:
            architectures: the constructor arguments of each network.
            hint_spread: one of `propagation.EXTRA_CHANNELS`.

        Raises:
            ValueError: naming the argument, its value and what to use.
        """
        if hint_spread != "none":
            raise ValueError(f"hint_spread={hint_spread}: {', '.join(architectures)} takes hints as they are; use none")

    def check_lines(self, grey: bool, drawn: bool) -> None:  # noqa: B027 (most colour any)
        """Refuse training pairs that these networks do not colour.

        Args:
            grey: whether some pages are grey pictures.
            drawn: whether some pages are lines.

        Raises:
            ValueError: saying what to use.
        """

    @classmethod
    def notes(cls, architectures: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """What a reader has to know of these networks before comparing them, in halves of sentences."""
        return []

    def onnx_parts(self, hint_spread: str) -> list[Part]:
        """The ONNX files of the system, the whole of it last.

        Raises:
            ValueError: if it cannot be exported.
        """
        raise ValueError(
            f"{', '.join(self.networks)} cannot be written as ONNX; colour with linecolor-colorize --bundle"
        )


class OneGenerator(Pipeline):
    """One network: line (B, 1, H, W) and hint (B, 4, H/2, W/2) -> colour (B, 3, H, W)."""

    @property
    def generator(self) -> nn.Module:
        """The network."""
        (generator,) = self.networks.values()
        return generator

    def color(self, line: Tensor, inputs: Tensor, options: WindowOptions) -> WindowColors:
        """Colour a window; see `Pipeline.color`."""
        return WindowColors(self.generator(line, inputs[:, 1:5]))

    @classmethod
    def check_architectures(cls, architectures: Mapping[str, Mapping[str, Any]], hint_spread: str) -> None:
        """Refuse propagated hints, and a network for more than line and hint; see `Pipeline.check_architectures`."""
        super().check_architectures(architectures, hint_spread)
        for name, architecture in architectures.items():
            _check_channels(name, architecture.get("in_channels", 5), 5, "line and hint")

    def onnx_parts(self, hint_spread: str) -> list[Part]:
        """The one file; see `Pipeline.onnx_parts`."""
        return [Part("linecolor", self.generator, {"line": (1, 1), "hint": (4, 2)}, ("color",), self.multiple)]


class AlacGAN(OneGenerator):
    """Ci et al. 2018, whose local features come from a network that is not available."""

    @classmethod
    def check_architectures(cls, architectures: Mapping[str, Mapping[str, Any]], hint_spread: str) -> None:
        """Refuse features that cannot be made as well; see `Pipeline.check_architectures`."""
        super().check_architectures(architectures, hint_spread)
        for name, architecture in architectures.items():
            if architecture["local_features"] == "illustration2vec":
                raise ValueError(
                    f"{name}.local_features=illustration2vec: its weights are not available; use vgg or none"
                )

    @classmethod
    def notes(cls, architectures: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """Which features stand in for the published ones."""
        (architecture,) = architectures.values()
        features = architecture["local_features"]
        instead = "without local features" if features == "none" else "with VGG16's relu2_2 as local features"
        return [f"{instead}, for Illustration2Vec's weights are not available"]


class DraftAndColorizer(Pipeline):
    """Lee & Lee 2020: a draft at half the resolution, and a colorizer that sees the line and the enlarged draft.

    `draft`: line, hint and propagated hints (B, c, H/2, W/2) -> colour (B, 3, H/2, W/2). `colorizer`: line (B, 1, H, W)
    and draft (B, 3, H, W) -> colour; without it the enlarged draft stands in its place.
    """

    def __init__(self, networks: Mapping[str, nn.Module]) -> None:
        super().__init__(networks)
        self.draft, self.colorizer = networks["draft"], networks.get("colorizer")

    @property
    def multiple(self) -> int:
        """The draft sees half of the page."""
        return math.lcm(2 * getattr(self.draft, "multiple", 1), getattr(self.colorizer, "multiple", 1))

    @property
    def ends_with_draft(self) -> bool:
        """Whether there is a draft alone."""
        return self.colorizer is None

    def color(self, line: Tensor, inputs: Tensor, options: WindowOptions) -> WindowColors:
        """Colour a window; see `Pipeline.color`."""
        return WindowColors(*TwoStages(self.draft, None if options.draft_only else self.colorizer)(line, inputs))

    @classmethod
    def check_architectures(cls, architectures: Mapping[str, Mapping[str, Any]], hint_spread: str) -> None:
        """Refuse networks for other channels; see `Pipeline.check_architectures`."""
        read = f"line, hint and what hint_spread={hint_spread} adds"
        _check_channels("draft", architectures["draft"]["in_channels"], propagation.draft_channels(hint_spread), read)
        if "colorizer" in architectures:
            _check_channels("colorizer", architectures["colorizer"]["in_channels"], 4, "line and draft")

    def onnx_parts(self, hint_spread: str) -> list[Part]:
        """Each network, and both of them chained; see `Pipeline.onnx_parts`."""
        draft_input = {"draft_input": (propagation.draft_channels(hint_spread), 2)}
        parts = [Part("draft", self.draft, draft_input, ("draft",), self.multiple)]
        if self.colorizer is not None:
            inputs = {"line": (1, 1), "draft": (3, 1)}
            parts.append(Part("colorizer", self.colorizer, inputs, ("color",), self.multiple))
        whole, inputs = TwoStages(*(part.network for part in parts)), {"line": (1, 1), **draft_input}
        joins = tuple(part.name for part in parts)
        return [*parts, Part("linecolor", whole, inputs, ("color", "draft"), self.multiple, joins)]


class TwoStages(nn.Module):
    """Draft, bilinear resize and colorizer as one network; without a colorizer the enlarged draft is the colour."""

    def __init__(self, draft: nn.Module, colorizer: nn.Module | None = None) -> None:
        super().__init__()
        self.draft = draft
        self.colorizer = colorizer

    def forward(self, line: Tensor, draft_input: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 1, H, W) and (B, c, H/2, W/2) -> colour (B, 3, H, W) and draft (B, 3, H/2, W/2)."""
        draft = self.draft(draft_input)
        enlarged = doubled(draft)
        return (enlarged if self.colorizer is None else self.colorizer(line, enlarged)), draft


def doubled(picture: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, 2H, 2W), bilinear, float32."""
    return F.interpolate(picture.float(), scale_factor=2, mode="bilinear", align_corners=False)


def _check_channels(name: str, channels: Any, wanted: int, read: str) -> None:
    if channels != wanted:
        raise ValueError(f"{name}.in_channels={channels}: it reads {read}; use {wanted}")
