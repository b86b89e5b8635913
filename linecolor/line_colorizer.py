"""LineColorizer: trained networks in, line art and hints in, a coloured picture of the line's own size out."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from linecolor import hints, lines
from linecolor.blending import BlendMode, blend
from linecolor.bundle import load_bundle

Picture = NDArray[np.uint8]

LONGEST_WINDOW = 2.0
"""A picture longer than this many short sides is coloured in overlapping windows."""


@dataclass
class Coloring:
    """A coloured picture and what led to it.

    Attributes:
        full: (H, W, 3) uint8 RGB at the line's own size.
        colorized: (h, w, 3) uint8, as the last network left it, at network size.
        draft: (h/2, w/2, 3) uint8, the first of two stages; None of a system that has one.
        line: (h, w) uint8, the reduced line the networks saw.
        hint: (h/2, w/2, 4) uint8 RGBA, the hints on the draft's grid.
    """

    full: Picture
    colorized: Picture
    draft: Picture | None
    line: Picture
    hint: Picture


class LineColorizer:
    """The whole chain: reduce, draft, colorize, enlarge, blend (Lee & Lee 2020, figure 1).

    Networks may be live ones in training or loaded from a bundle. The short side of the picture is brought to the
    resolution the networks were trained at, padded with white paper to a multiple they can halve, and what is
    longer than two short sides is coloured in overlapping windows.

    Args:
        networks: by the names of their training stages. `draft`: (line, hint[, spread]) -> colour, at half the
            resolution; `colorizer`: (line, draft) -> colour, without it the enlarged draft stands in its place. Or
            one network of any other name: (line, hint) -> colour at the resolution, the hint at half of it.
        resolution: side S of a training crop in pixels.
        hint_spread: `none` or `watershed`, as the draft was trained.
        blend_mode: `clean`, `paper` or `none`; see `blending.blend`.
        device: where the networks are.
    """

    def __init__(
        self,
        networks: dict[str, nn.Module],
        resolution: int,
        hint_spread: str,
        blend_mode: BlendMode = "clean",
        device: torch.device | str = "cpu",
    ) -> None:
        self.networks = networks
        self.resolution = resolution
        self.hint_spread = hint_spread
        self.blend_mode = blend_mode
        self.device = torch.device(device)
        # The draft sees half of the page, the others the whole of it.
        multiples = [int(getattr(n, "multiple", 1)) * (2 if name == "draft" else 1) for name, n in networks.items()]
        self.multiple = math.lcm(2, *multiples)

    def __call__(self, line: Picture, hint_layer: Picture | None = None) -> Picture:
        """Colour a line drawing; see `color`. Returns (H, W, 3) uint8 RGB."""
        return self.color(line, hint_layer).full

    @torch.no_grad()
    def color(self, line: Picture, hint_layer: Picture | None = None) -> Coloring:
        """Colour a line drawing and keep what happened on the way.

        Args:
            line: (H, W) uint8, any size and aspect, paper = 255.
            hint_layer: (H, W, 4) uint8 RGBA painted on a transparent layer, of any size with the same aspect; None
                colours without hints.

        Returns:
            The full-size picture and the intermediate ones.
        """
        if line.ndim != 2 or line.dtype != np.uint8 or not line.size:
            raise ValueError(f"a line is (H, W) uint8 and not empty, got {line.shape} {line.dtype}")
        size = self.network_size(line.shape)
        half = (size[0] // 2, size[1] // 2)
        reduced = lines.reduce(line, size)
        draft_line = lines.reduce(reduced, half)
        hint = np.zeros((*half, 4), np.uint8) if hint_layer is None else hints.reduce_layer(hint_layer, half)
        draft, colorized = self._run(reduced, draft_line, hint)
        return Coloring(blend(line, colorized, mode=self.blend_mode), colorized, draft, reduced, hint)

    def network_size(self, size: tuple[int, ...]) -> tuple[int, int]:
        """The (h, w), both even, at which the networks see a picture of (H, W): the short side becomes S."""
        scale = self.resolution / min(size)
        height, width = (max(2, 2 * round(side * scale / 2)) for side in size)
        return height, width

    def _run(self, line: Picture, draft_line: Picture, hint: Picture) -> tuple[Picture | None, Picture]:
        spread = hints.spread(hint, draft_line) if self.hint_spread == "watershed" else None
        draft_inputs = [_paper(draft_line)[None], hints.to_network(hint)]
        if spread is not None:
            draft_inputs.append(spread)
        inputs = _padded(np.concatenate(draft_inputs), self.multiple // 2)
        page = _padded(_paper(line)[None], self.multiple)
        networks = list(self.networks.values())
        was_training = [network.training for network in networks]
        for network in networks:
            network.eval()
        try:
            draft = torch.zeros(3, *inputs.shape[1:])
            colorized = torch.zeros(3, *page.shape[1:])
            total = torch.zeros(1, *page.shape[1:])
            for rows, columns, weight in self._windows(page.shape[1], page.shape[2]):
                half_rows, half_columns = (slice(s.start // 2, s.stop // 2) for s in (rows, columns))
                drafted, colored = self._color_window(page[:, rows, columns], inputs[:, half_rows, half_columns])
                if drafted is not None:
                    draft[:, half_rows, half_columns] += drafted * weight[:, ::2, ::2]
                colorized[:, rows, columns] += colored * weight
                total[:, rows, columns] += weight
            draft /= total[:, ::2, ::2]
            colorized /= total
        finally:
            for network, training in zip(networks, was_training, strict=True):
                network.train(training)
        height, width = line.shape
        drafted_levels = _levels(draft[:, : height // 2, : width // 2]) if "draft" in self.networks else None
        return drafted_levels, _levels(colorized[:, :height, :width])

    def _color_window(self, page: NDArray[np.float32], inputs: NDArray[np.float32]) -> tuple[Tensor | None, Tensor]:
        line, half = (torch.from_numpy(channels)[None].to(self.device) for channels in (page, inputs))
        if "draft" not in self.networks:
            (generator,) = self.networks.values()
            return None, generator(line, half[:, 1:]).float()[0].cpu()
        draft = self.networks["draft"](half).float()
        enlarged = nn.functional.interpolate(draft, scale_factor=2, mode="bilinear", align_corners=False)
        if "colorizer" in self.networks:
            enlarged = self.networks["colorizer"](line, enlarged).float()
        return draft[0].cpu(), enlarged[0].cpu()

    def _windows(self, height: int, width: int) -> list[tuple[slice, slice, Tensor]]:
        """Windows along the longer side with weights (1, h, w) that fade over where they overlap."""
        longest = max(int(LONGEST_WINDOW * self.resolution) // self.multiple, 1) * self.multiple
        length = max(height, width)
        if length <= max(longest, min(height, width)):
            return [(slice(0, height), slice(0, width), torch.ones(1, height, width))]
        # Rounded down to a multiple, so that windows overlap by a quarter at least, however coarse the multiple.
        step = max(int(longest * 3 / 4) // self.multiple, 1) * self.multiple
        starts = [*range(0, length - longest, step), length - longest]
        position = torch.arange(longest) + 0.5
        fade = torch.minimum(position, longest - position).clamp(max=longest / 4)
        found = []
        for start in starts:
            stretch = slice(start, start + longest)
            if height >= width:
                found.append((stretch, slice(0, width), fade.view(1, -1, 1).expand(1, longest, width)))
            else:
                found.append((slice(0, height), stretch, fade.view(1, 1, -1).expand(1, height, longest)))
        return found

    @classmethod
    def from_bundle(cls, folder: Path, blend_mode: BlendMode | None = None, device: str = "cpu") -> "LineColorizer":
        """Load a bundle that `save_bundle` wrote; without a blend mode its own is used.

        Raises:
            FileNotFoundError: if there is no bundle in the folder.
            ValueError: if it is damaged or of another architecture.
        """
        card, networks = load_bundle(folder)
        on_device = {name: network.to(device) for name, network in networks.items()}
        return cls(on_device, card["resolution"], card["hint_spread"], blend_mode or card["blend"], device)


def _paper(line: Picture) -> NDArray[np.float32]:
    return line.astype(np.float32) / 127.5 - 1


def _levels(color: Tensor) -> Picture:
    return ((color.permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).numpy()


def _padded(channels: NDArray[np.float32], multiple: int) -> NDArray[np.float32]:
    """Grow (C, H, W) to the right and below to a multiple: the line (channel 0) with paper, the rest with 0."""
    _, height, width = channels.shape
    grow = ((0, 0), (0, -height % multiple), (0, -width % multiple))
    padded = np.pad(channels, grow)
    padded[0, height:] = 1
    padded[0, :, width:] = 1
    return padded
