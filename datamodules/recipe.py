"""The recipe: everything random about one training sample, drawn on the CPU and keyed by name.

A sample's choices depend on (seed, stage, epoch, sample id) alone: not on the worker that draws them, the batch
they end up in, the number of devices or what was drawn before. The device only executes.
"""

import hashlib
import itertools
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator, Philox
from numpy.typing import NDArray

from datamodules.hint_counts import HINT_COUNTS
from datamodules.pair_settings import (
    MAX_AREAS,
    ArtifactSettings,
    ColorSettings,
    CropSettings,
    HintSettings,
    LineSettings,
    PairSettings,
)
from linecolor.lineart.methods import METHODS, PARAMETERS, REAL, REAL_CODE

PALETTE_SIZE = 6
"""Colours of a drawing that are exchanged for others, the most frequent first."""
MAX_STROKE_POINTS = 16
PATCHES, SPRAY_PLACES, GRID = 2, 16, 6
"""Pasted regions, places a spray's colour is picked from, side of the coarse grids of warp and bleeding."""
WHOLE_SHARE = 256 / 286
"""How much of the page's short side Pix2Pix's random jitter leaves (Isola et al. 2017, section 6.2)."""
_SHARED_STREAM = ("sigmas", "kernels")
"""Parameters drawn from the common stream of lines. Any other has its own, so that a new one changes no old sample."""

Choices = dict[str, np.ndarray | np.generic]
"""One part of a recipe: arrays and NumPy numbers by name."""


def keyed_generator(*key: str | int) -> Generator:
    """A random stream that belongs to a key, e.g. (seed, stage, epoch, sample id, topic)."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=16).digest()
    return Generator(Philox(key=np.frombuffer(digest, np.uint64)))


@dataclass(frozen=True)
class SampleKey:
    """What a sample's randomness depends on."""

    seed: int
    stage: str
    epoch: int
    sample_id: str

    def stream(self, topic: str) -> Generator:
        """The stream of one topic: a change in how hints are drawn leaves the crops as they were."""
        return keyed_generator(self.seed, self.stage, self.epoch, self.sample_id, topic)


def draw_crop(settings: CropSettings, key: SampleKey, size: tuple[int, int], side: int) -> tuple[int, int, int]:
    """Where the crop lies on a page of `size` (H, W): y, x of its upper left corner and its side, in page pixels.

    `native` cuts `side` pixels, as many as the network sees; `log_uniform` anything from that to the whole short side,
    each doubling as likely as another, so that training sees pages at the scale they are used at; `whole` the short
    side but for Pix2Pix's jitter.
    """
    height, width = size
    short = min(height, width)
    share, down, across = key.stream("crop").random(3)
    cut = min(side, short)
    if settings.full_page_prob and key.stream("uncut").random() < settings.full_page_prob:
        cut = short
    elif settings.scale == "log_uniform" and short > side:
        cut = round(side * (short / side) ** share)
    elif settings.scale == "whole":
        cut = max(1, round(short * WHOLE_SHARE))
    return int(down * (height - cut + 1)), int(across * (width - cut + 1)), cut


def sample_collage_partners(settings: CropSettings, key: SampleKey) -> NDArray[np.float64] | None:
    """Which three other drawings share the page, each as a number in [0, 1) along their names; None if none do."""
    stream = key.stream("collage")
    return stream.random(3) if settings.collage_prob and stream.random() < settings.collage_prob else None


def draw(settings: PairSettings, key: SampleKey) -> Choices:
    """The rest of the recipe: fixed shapes, so that recipes collate to a batch of tensors."""
    hints = _draw_hints(settings.hints, key)
    return {
        **_draw_geometry(settings.crop, key),
        **_draw_color(settings.color, key, hinted=bool(hints["hint_count"])),
        **_draw_line(settings.line, key),
        **hints,
        **_draw_artifacts(settings.artifacts, key),
    }


def _draw_geometry(settings: CropSettings, key: SampleKey) -> Choices:
    random = key.stream("geometry")
    flip, turn = random.random(2) < (settings.flip_prob, settings.rotate_prob)
    return {
        "flip": np.asarray(flip),
        "angle": np.float32(turn * random.uniform(-settings.rotation, settings.rotation)),
        "zoom": np.float32(np.exp(turn * random.uniform(0, np.log1p(settings.zoom)))),
    }


def _draw_color(settings: ColorSettings, key: SampleKey, hinted: bool) -> Choices:
    random = key.stream("color")
    # Re-colouring makes every colour equally likely: right where hints tell the colour, but without hints the
    # best guess would become a grey mean of all of them. The same goes for paper that may have any colour.
    recolor = bool(random.random() < settings.recolor) and hinted
    strength = np.float32(recolor)
    return {
        "hue": strength * np.float32(random.uniform(-settings.hue, settings.hue)),
        "saturation": np.float32(np.exp(strength * random.uniform(-settings.saturation, settings.saturation))),
        "gamma": np.float32(np.exp(strength * random.uniform(-settings.gamma, settings.gamma))),
        "background_on": np.asarray(bool(random.random() < settings.background) and hinted),
        "background": random.integers(0, 256, 3).astype(np.float32),
        **_draw_areas(settings, key),
        **_draw_palette_swap(settings, key, hinted),
    }


def _draw_areas(settings: ColorSettings, key: SampleKey) -> Choices:
    random = key.stream("areas")
    several = settings.background_areas > 1 and random.random() < 0.5
    colors = random.integers(0, 256, (MAX_AREAS, 3)).astype(np.float32)
    colors[random.random(MAX_AREAS) < 0.2] = 255
    return {
        "background_areas": np.int64(random.integers(2, settings.background_areas + 1) if several else 1),
        "background_centres": random.random((MAX_AREAS, 2)).astype(np.float32),
        "background_others": colors,
    }


def _draw_palette_swap(settings: ColorSettings, key: SampleKey, hinted: bool) -> Choices:
    random = key.stream("repaint")
    return {
        "palette_swap_on": np.asarray(bool(random.random() < settings.palette_swap) and hinted),
        "palette_exchange": np.asarray(bool(random.random() < 0.5)),
        "palette_others": random.uniform(0, 255, (PALETTE_SIZE, 3)).astype(np.float32),
        "palette_kept": random.random(PALETTE_SIZE) < 0.25,
        "palette_order": random.permutation(PALETTE_SIZE).astype(np.int64),
    }


def _draw_line(settings: LineSettings, key: SampleKey) -> Choices:
    random = key.stream("line")
    # One draw for any number of methods: those that weigh nothing leave the others' samples as they were.
    bounds = list(itertools.accumulate(settings.weights.get(name, 0.0) for name in METHODS))
    total, real = bounds[-1], settings.weights.get(REAL, 0.0)
    drawn = random.random() * total
    last = list(settings.methods.values())[-1].code  # where the product was rounded up to the total
    extracted = next((method.code for method, bound in zip(METHODS.values(), bounds) if drawn < bound), last)
    return {
        "line_method": np.int64(REAL_CODE if random.random() < real / (total + real) else extracted),
        # What to do where there is no real line.
        "line_fallback": np.int64(extracted),
        **{f"line_{name}": _draw_parameter(settings, key, name, random) for name in PARAMETERS},
        "jitter": np.float32(random.uniform(settings.jitter[0], settings.jitter[1])),
    }


def _draw_parameter(settings: LineSettings, key: SampleKey, name: str, lines: Generator) -> np.int64:
    """The place of a sample's value in a list of parameters."""
    random = lines if name in _SHARED_STREAM else key.stream(f"line {name}")
    return np.int64(random.integers(max(1, len(settings.parameters.get(name, ())))))


def _draw_hints(settings: HintSettings, key: SampleKey) -> Choices:
    random = key.stream("hints")
    empty = random.random() < settings.no_hint_prob
    count = HINT_COUNTS[settings.count](random, key.stage, empty, settings.least, settings.most)
    # `torch_hints.paint` leaves out candidates on ink. Half as many more than wanted suffice but for crops that are
    # mostly ink, and those simply get fewer hints.
    candidates = settings.most * 3 // 2 + 16
    start = random.random((candidates, 1, 2))
    # A stroke is a winding line of points about a cell of a 256 px draft apart, so that it has no gaps.
    heading = random.uniform(0, 2 * np.pi, (candidates, 1))
    bend = np.cumsum(random.normal(0, 0.25, (candidates, MAX_STROKE_POINTS)), axis=1)
    step = random.uniform(0.003, 0.0045, (candidates, 1))
    path = np.stack([np.sin(heading + bend), np.cos(heading + bend)], axis=-1) * step[..., None]
    positions = np.clip(start + np.cumsum(path, axis=1) - path[:, :1], 0, 1 - 1e-6)
    is_stroke = random.random(candidates) < settings.strokes
    length = random.integers(2, MAX_STROKE_POINTS + 1, candidates)
    return {
        "hint_count": np.int64(np.clip(count, settings.least, settings.most) if count else 0),
        "hint_positions": positions.astype(np.float32),
        "hint_points": np.where(is_stroke, length, 1).astype(np.int64),
        "hint_sides": random.choice(settings.sides, candidates).astype(np.int64),
    }


def _draw_artifacts(settings: ArtifactSettings, key: SampleKey) -> Choices:
    random = key.stream("artifacts")

    def uniform(low: float, high: float, *shape: int) -> np.ndarray:
        return random.uniform(low, high, shape).astype(np.float32)

    # Squares of 64-256 px resized to 64-384 px on a 384 px canvas (Zhang et al. 2018), as fractions.
    paste = np.concatenate(
        [
            uniform(0, 1, PATCHES, 2),
            uniform(64 / 768, 256 / 768, PATCHES, 1),
            uniform(0, 1, PATCHES, 2),
            uniform(64 / 768, 384 / 768, PATCHES, 1),
            uniform(1, 358, PATCHES, 1),
            random.integers(0, 2, (PATCHES, 1)).astype(np.float32),
        ],
        axis=1,
    )
    # Always one where pasting is on, the second half of the time.
    paste_on = (random.random() < settings.paste) & np.array([True, random.random() < 0.5])
    small = uniform(0, 0.1, 6)
    # U(0.01, 10) in Zhang et al. 2018; log-uniform, and from 0.1: slower decays only veil the whole picture.
    decay = np.exp(random.uniform(np.log(0.1), np.log(10)))
    return {
        "paste": paste,
        "paste_on": paste_on,
        "affine": np.array([[-small[0], small[1], small[2]], [small[3], -small[4], small[5]]], np.float32),
        "elastic": random.normal(0, 0.012, (2, GRID, GRID)).astype(np.float32),
        "distort_on": np.asarray(random.random() < settings.distort),
        "spray": np.append(uniform(0, 1, 4), np.float32(decay)),
        "spray_from": uniform(0, 1, SPRAY_PLACES, 2),
        "spray_on": np.asarray(random.random() < settings.spray),
        "bleed_mask": (random.random((1, GRID, GRID)) < 0.4).astype(np.float32),
        "bleed_sigma": np.float32(random.uniform(0.005, 0.04)),
        "bleed_on": np.asarray(random.random() < settings.bleed),
    }
