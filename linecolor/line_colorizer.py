"""LineColorizer: trained networks in, line art and hints in, a coloured picture of the line's own size out."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from linecolor import hints, lines
from linecolor.blending import BlendMode, blend
from linecolor.networks.unet import ResNeXtUNet

Picture = NDArray[np.uint8]

WEIGHTS, CARD = "linecolor.safetensors", "bundle.yaml"
FORMAT = 1
MOST_CARD_BYTES = 1_000_000
LONGEST_WINDOW = 2.0
"""A picture longer than this many short sides is coloured in overlapping windows."""


@dataclass
class Coloring:
    """A coloured picture and what led to it.

    Attributes:
        full: (H, W, 3) uint8 RGB at the line's own size.
        colorized: (h, w, 3) uint8, the second stage at network size.
        draft: (h/2, w/2, 3) uint8, the first stage.
        line: (h, w) uint8, the reduced line the networks saw.
        hint: (h/2, w/2, 4) uint8 RGBA, the hints on the draft's grid.
    """

    full: Picture
    colorized: Picture
    draft: Picture
    line: Picture
    hint: Picture


class LineColorizer:
    """The whole chain: reduce, draft, colorize, enlarge, blend (Lee & Lee 2020, figure 1).

    Networks may be live ones in training or loaded from a bundle. The short side of the picture is brought to the
    resolution the networks were trained at, padded with white paper to a multiple they can halve, and what is
    longer than two short sides is coloured in overlapping windows.

    Args:
        draft: the draft generator (line, hint[, spread]) -> colour, at half the resolution.
        colorizer: the second stage (line, draft) -> colour; None shows the enlarged draft in its place.
        resolution: side S of a training crop in pixels.
        hint_spread: `none` or `watershed`, as the draft was trained.
        blend_mode: `clean`, `paper` or `none`; see `blending.blend`.
        device: where the networks are.
    """

    def __init__(
        self,
        draft: nn.Module,
        colorizer: nn.Module | None,
        resolution: int,
        hint_spread: str,
        blend_mode: BlendMode = "clean",
        device: torch.device | str = "cpu",
    ) -> None:
        self.draft = draft
        self.colorizer = colorizer
        self.resolution = resolution
        self.hint_spread = hint_spread
        self.blend_mode = blend_mode
        self.device = torch.device(device)
        multiples = [2 * int(getattr(draft, "multiple", 1))]
        if colorizer is not None:
            multiples.append(int(getattr(colorizer, "multiple", 1)))
        self.multiple = math.lcm(*multiples)

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

    def _run(self, line: Picture, draft_line: Picture, hint: Picture) -> tuple[Picture, Picture]:
        spread = hints.spread(hint, draft_line) if self.hint_spread == "watershed" else None
        draft_inputs = [_paper(draft_line)[None], hints.to_network(hint)]
        if spread is not None:
            draft_inputs.append(spread)
        inputs = _padded(np.concatenate(draft_inputs), self.multiple // 2)
        page = _padded(_paper(line)[None], self.multiple)
        was_training = [network.training for network in self._networks()]
        for network in self._networks():
            network.eval()
        try:
            draft = torch.zeros(3, *inputs.shape[1:])
            colorized = torch.zeros(3, *page.shape[1:])
            total = torch.zeros(1, *page.shape[1:])
            for rows, columns, weight in self._windows(page.shape[1], page.shape[2]):
                half_rows, half_columns = (slice(s.start // 2, s.stop // 2) for s in (rows, columns))
                drafted, colored = self._color_window(page[:, rows, columns], inputs[:, half_rows, half_columns])
                draft[:, half_rows, half_columns] += drafted * weight[:, ::2, ::2]
                colorized[:, rows, columns] += colored * weight
                total[:, rows, columns] += weight
            draft /= total[:, ::2, ::2]
            colorized /= total
        finally:
            for network, training in zip(self._networks(), was_training, strict=True):
                network.train(training)
        height, width = line.shape
        return _levels(draft[:, : height // 2, : width // 2]), _levels(colorized[:, :height, :width])

    def _color_window(self, page: NDArray[np.float32], inputs: NDArray[np.float32]) -> tuple[Tensor, Tensor]:
        draft = self.draft(torch.from_numpy(inputs)[None].to(self.device)).float()
        enlarged = nn.functional.interpolate(draft, scale_factor=2, mode="bilinear", align_corners=False)
        if self.colorizer is None:
            return draft[0].cpu(), enlarged[0].cpu()
        colorized = self.colorizer(torch.from_numpy(page)[None].to(self.device), enlarged).float()
        return draft[0].cpu(), colorized[0].cpu()

    def _networks(self) -> list[nn.Module]:
        return [network for network in (self.draft, self.colorizer) if network is not None]

    def _windows(self, height: int, width: int) -> list[tuple[slice, slice, Tensor]]:
        """Windows along the longer side with weights (1, h, w) that fade over where they overlap."""
        longest = int(LONGEST_WINDOW * self.resolution) // self.multiple * self.multiple
        length = max(height, width)
        if length <= max(longest, min(height, width)):
            return [(slice(0, height), slice(0, width), torch.ones(1, height, width))]
        count = math.ceil((length - longest) / (longest * 3 / 4)) + 1
        starts = [
            round(index * (length - longest) / (count - 1) / self.multiple) * self.multiple for index in range(count)
        ]
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
    def from_bundle(cls, folder: Path, blend_mode: BlendMode = "clean", device: str = "cpu") -> "LineColorizer":
        """Load a bundle that `save_bundle` wrote.

        Nothing in it is executed: tensors come as safetensors, the rest is plain YAML.

        Raises:
            FileNotFoundError: if there is no bundle in the folder.
            ValueError: if it is damaged or of another architecture.
        """
        card = read_card(folder)
        path = folder / WEIGHTS
        if not path.is_file():
            raise FileNotFoundError(f"{path}: missing; the bundle is incomplete, train again or copy both files")
        try:
            tensors = load_file(path)
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{path}: is no safetensors file or is damaged ({error})") from None
        networks = {}
        for name, architecture in card["networks"].items():
            network = ResNeXtUNet(**architecture)
            state = {key.removeprefix(f"{name}."): t for key, t in tensors.items() if key.startswith(f"{name}.")}
            try:
                network.load_state_dict(state)
            except RuntimeError as error:
                raise ValueError(
                    f"{path}: does not hold the {name} network that {CARD} describes ({_first_line(error)})"
                ) from None
            networks[name] = network.to(device).requires_grad_(False)
        return cls(
            networks["draft"],
            networks.get("colorizer"),
            card["resolution"],
            card["hint_spread"],
            blend_mode,
            device,
        )


def save_bundle(
    folder: Path,
    networks: dict[str, nn.Module],
    architectures: dict[str, dict[str, int]],
    resolution: int,
    hint_spread: str,
    provenance: dict[str, Any],
) -> Path:
    """Write what colorize, export and the front ends load: weights as safetensors, the rest as YAML.

    Args:
        folder: is made if need be.
        networks: `draft` and, after the second stage, `colorizer`.
        architectures: the constructor arguments of each.
        resolution: side S of a training crop.
        hint_spread: as the draft was trained.
        provenance: where it comes from: configuration, data, images seen, versions.
    """
    from linecolor.images import write_atomically

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{name}.{key}": tensor.detach().cpu().contiguous()
        for name, network in networks.items()
        for key, tensor in network.state_dict().items()
    }
    partial = folder / (WEIGHTS + ".tmp")
    # One key only: safetensors writes several in random order, and equal networks shall give equal files.
    save_file(tensors, partial, metadata={"format": "linecolor"})
    partial.replace(folder / WEIGHTS)
    card = {
        "format": FORMAT,
        "networks": architectures,
        "resolution": resolution,
        "hint_spread": hint_spread,
        "hints": hints.CONVENTION,
        "color_order": "RGB",
        "range": "[-1, 1], paper = 1",
        "provenance": provenance,
    }
    write_atomically(folder / CARD, yaml.safe_dump(card, sort_keys=False).encode())
    return folder


def read_card(folder: Path) -> dict[str, Any]:
    """What a bundle says of itself, checked before anything is built from it.

    Raises:
        FileNotFoundError: if there is no bundle in the folder.
        ValueError: if the card is damaged, of an unknown format or asks for absurd networks.
    """
    path = folder / CARD
    if not path.is_file():
        raise FileNotFoundError(f"{folder}: no bundle here ({CARD} is missing); give the bundle/ folder of a run")
    try:
        if path.stat().st_size > MOST_CARD_BYTES:
            raise ValueError(f"{path.stat().st_size} bytes long")
        card = yaml.safe_load(path.read_text(encoding="utf-8"))
        known = card["format"] == FORMAT
        spread_known = card["hint_spread"] in ("none", "watershed")
        sizes = [int(n) for network in card["networks"].values() for key, n in network.items() if key != "residual"]
        named = "draft" in card["networks"] and set(card["networks"]) <= {"draft", "colorizer"}
        keys = {"in_channels", "width", "levels", "blocks", "cardinality", "residual"}
        complete = all(set(network) == keys for network in card["networks"].values())
        sane = all(1 <= n <= 512 for n in sizes) and 16 <= int(card["resolution"]) <= 4096
        # Twelve halvings are 4,096 times the width: a hostile card must not fill the memory.
        shallow = all(int(n["levels"]) <= 8 and int(n["width"]) <= 256 for n in card["networks"].values())
    except (ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: is no description of a bundle ({type(error).__name__}: {error})") from None
    if not (known and spread_known and named and complete and sane and shallow):
        raise ValueError(f"{path}: describes a bundle this version of linecolor does not know; export it again")
    return card


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


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines()[1:] if line.strip()), str(error))
