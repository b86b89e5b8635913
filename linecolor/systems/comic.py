"""Consistent comic colorization (Kang et al. 2017): low-resolution colours, one colour for one background, polish.

All pictures are RGB in [-1, 1], masks 1 where they hold; B pages at once.
"""

from collections.abc import Mapping
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from linecolor.networks.low_resolution import LowResolutionColorizer
from linecolor.systems.pipelines import Part, Pipeline, WindowColors, WindowOptions, doubled
from linecolor.systems.registry import SYSTEMS

LOW, DETECTOR, POLISHING, PLAIN = SYSTEMS["comic"].names
"""The networks, by the names of their training stages; the last is trained without the background's channels."""

BACKGROUND, LOW_COLOR, WITHOUT_BACKGROUND = "background", "low-resolution colour", "without background network"
"""Titles of what there is to see next to the result."""


def sample(colorizer: nn.Module, line: Tensor, generator: torch.Generator, temperature: float) -> Tensor:
    """Sampled colours (B, 3, h, w), one for each cell of these outlines (B, 1, H, W)."""
    network = cast(LowResolutionColorizer, colorizer)
    uniforms = network.draw_uniforms(len(line), *network.cells(*line.shape[-2:]), generator)
    return network.sample(line, uniforms, temperature).float()


def background_of(foreground: Tensor) -> Tensor:
    """The mask of the background (B, 1, H, W): 1 where the probability of foreground is below a half."""
    return (foreground < 0.5).float()


def mean_color(color: Tensor, area: Tensor) -> Tensor:
    """The mean colour (B, 3, 1, 1) over an area (B, 1, H, W) in [0, 1]; over an empty area, that of the picture."""
    # Every pixel counts a little, in all a thousandth of one: an empty area has a mean and a finite gradient.
    weight = area + 1e-3 / area[0].numel()
    return (color * weight).sum((2, 3), keepdim=True) / weight.sum((2, 3), keepdim=True)


def composite(color: Tensor, foreground: Tensor, background: Tensor) -> Tensor:
    """The colours where there is foreground, one colour (B, 3, 1, 1) for the rest."""
    return foreground * color + (1 - foreground) * background


def background_loss(color: Tensor, foreground: Tensor, truth: Tensor) -> Tensor:
    """Loss of the background detector: L1 between the composite and the unchanged truth (B, 3, H, W).

    Colours are the sampled ones at the truth's size, the foreground is the detector's (B, 1, H, W). The background of
    the composite is the mean of the *truth's* background. One colour is then right where the truth is even, and a
    sampled colour where it could be predicted. If the truth's background were averaged as well, a page that is all
    background would always win.
    """
    return F.l1_loss(composite(color, foreground, mean_color(truth, 1 - foreground)), truth)


def polishing_loss(color: Tensor, truth: Tensor, line: Tensor, ink: float) -> Tensor:
    """L1 of colours (B, 3, H, W) that counts ink less than paper: at full size the line covers what is under it.

    A small network that must paint the ink as well darkens the pixels next to it, and areas are not even up to their
    edges. `line` is the outline (B, 1, H, W) in [-1, 1], `ink` the weight of black ink; that of white paper is 1.
    """
    weight = ink + (1 - ink) * ((line + 1) / 2).square()
    return ((color - truth).abs() * weight).mean() / weight.mean()


def polishing_input(line: Tensor, low: Tensor, foreground: Tensor, mask: Tensor, mean: Tensor) -> Tensor:
    """The ten channels of the polishing network (B, 10, H, W).

    Args:
        line: the outline (B, 1, H, W).
        low: low-resolution colours at the outline's size (B, 3, H, W); inside the mask they are averaged.
        foreground: (B, 1, H, W) in [0, 1].
        mask: (B, 1, H, W); a random shape in training, the background in use.
        mean: colour of the background (B, 3, 1, 1).
    """
    filled = composite(low, 1 - mask, mean_color(low, mask))
    plane = mean.expand(-1, -1, *line.shape[-2:])
    return torch.cat([line, filled, foreground, 1 - foreground, mask, plane], dim=1)


def enlarge(low: Tensor, size: tuple[int, ...] | torch.Size) -> Tensor:
    """Low-resolution colours (B, 3, h, w) at a page's size, without steps between the cells."""
    return F.interpolate(low, size=tuple(size), mode="bilinear", align_corners=False)


def random_masks(batch: int, size: tuple[int, int], device: torch.device) -> Tensor:
    """Blobs (B, 1, H, W) in {0, 1} that cover none to most of a page, from torch's global generator.

    Drawn on the CPU, so that every device gets the same masks.
    """
    cells = torch.randn(batch, 1, 6, 6)
    field = F.interpolate(cells, size=size, mode="bicubic", align_corners=False)
    share = torch.rand(batch) * 1.1 - 0.2  # nearly a fifth of the pages gets none
    ordered = field.flatten(1).sort(dim=1, descending=True).values
    place = (share.clamp(0, 1) * (ordered.shape[1] - 1)).long()
    level = ordered.gather(1, place[:, None]).view(-1, 1, 1, 1)
    return ((field > level) & (share > 0).view(-1, 1, 1, 1)).float().to(device)


def color_comic(
    networks: Mapping[str, nn.Module],
    line: Tensor,
    seed: int,
    temperature: float,
    with_plain: bool,
    hint: Tensor | None = None,
) -> WindowColors:
    """Colour outlines with the networks that are there.

    The extras are, by their titles: the background found, 1 where it is and else -1; the sampled colours, each cell as
    a square; the result of the polishing network without the background's channels, if it is not the colour itself.

    Args:
        networks: by `LOW`, `DETECTOR`, `POLISHING` and `PLAIN`, the first at least; in evaluation mode.
        line: outline (B, 1, H, W) in [-1, 1], paper = 1.
        seed: of the sampled colours: another seed, other colours.
        temperature: 1 samples as learned, less keeps to what is likely, 0 takes the likeliest.
        with_plain: also run `PLAIN`; without `POLISHING` its result is the colour.
        hint: (B, 4, H, W) by `hints.layers.CONVENTION`; hints on the detected background set its colour.
    """
    size = line.shape[-2:]
    cells = sample(networks[LOW], line, torch.Generator().manual_seed(seed), temperature)
    low = enlarge(cells, size)
    squares = F.interpolate(cells, size=size, mode="nearest")
    if DETECTOR not in networks:
        return WindowColors(low, extras={LOW_COLOR: squares})
    foreground = networks[DETECTOR](line)
    mask = background_of(foreground)
    extras = {BACKGROUND: mask * 2 - 1, LOW_COLOR: squares}
    mean = mean_color(low, mask)
    sampled = low
    if hint is not None:
        on_background = hint[:, 3:] * mask
        is_hinted = on_background.amax((2, 3), keepdim=True) > 0
        mean = torch.where(is_hinted, mean_color(hint[:, :3], on_background), mean)
        low = torch.where(is_hinted, composite(low, 1 - mask, mean), low)
    plain = None
    if PLAIN in networks and (with_plain or POLISHING not in networks):
        empty = torch.zeros_like(mask)
        plain = networks[PLAIN](polishing_input(line, sampled, empty, empty, mean))
    if POLISHING not in networks:
        return WindowColors(composite(low, 1 - mask, mean) if plain is None else plain, extras=extras)
    if plain is not None:
        extras[WITHOUT_BACKGROUND] = plain
    return WindowColors(networks[POLISHING](polishing_input(line, low, foreground, mask, mean)), extras=extras)


class ComicColorizer(Pipeline):
    """Colours a page at half of its resolution, as a draft does.

    In one piece: in windows a background would be sampled anew in each, and have a colour in each.
    """

    whole_pages = True
    variants = (WITHOUT_BACKGROUND,)

    @property
    def grey_pages(self) -> bool:
        """Whether the low-resolution colorizer gives grey pictures their chroma."""
        return getattr(self.networks[LOW], "channels", "rgb") == "chroma"

    def color(self, line: Tensor, inputs: Tensor, options: WindowOptions) -> WindowColors:
        """Colour a page; see `Pipeline.color`."""
        outline, hint = inputs[:, :1], inputs[:, 1:5]
        colors = color_comic(self.networks, outline, options.seed, options.temperature, options.comparisons, hint)
        extras = {
            title: F.interpolate(picture, scale_factor=2, mode="nearest") if title == LOW_COLOR else doubled(picture)
            for title, picture in colors.extras.items()
        }
        return WindowColors(doubled(colors.color), extras=extras)

    def run_once(self, line: Tensor, inputs: Tensor) -> None:
        """The networks that a page goes through; sampling has the products of one pass over all cells."""
        outline = inputs[:, :1]
        rows, columns = cast(LowResolutionColorizer, self.networks[LOW]).cells(*outline.shape[-2:])
        self.networks[LOW](outline, outline.new_empty(len(outline), 3, rows, columns))
        if DETECTOR in self.networks:
            self.networks[DETECTOR](outline)
        if POLISHING in self.networks:
            self.networks[POLISHING](outline.expand(-1, 10, -1, -1))

    @classmethod
    def check_architectures(cls, architectures: Mapping[str, Mapping[str, Any]], hint_spread: str) -> None:
        """Refuse polishing networks that read other channels than their stage's; see `Pipeline.check_architectures`."""
        super().check_architectures(architectures, hint_spread)
        for name, background in ((POLISHING, True), (PLAIN, False)):
            if name in architectures and architectures[name]["background"] is not background:
                raise ValueError(f"{name}.background={not background}: use {background}".lower())

    def check_lines(self, grey: bool, drawn: bool) -> None:
        """Refuse grey pictures where outlines are coloured, and the other way; see `Pipeline.check_lines`."""
        if self.grey_pages != grey or (grey and drawn):
            raise ValueError(
                "model.low_resolution.channels=chroma colours grey pictures, rgb outlines: use pairs=comic_grey with "
                "the one and pairs=comic with the other"
            )

    def onnx_parts(self, hint_spread: str) -> list[Part]:
        """None; see `Pipeline.onnx_parts`."""
        raise ValueError(
            "the comic colorizer samples its colours cell after cell, which no ONNX file does; colour with "
            "linecolor-colorize --bundle"
        )
