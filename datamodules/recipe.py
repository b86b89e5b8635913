"""The recipe: everything random about one training sample, drawn on the CPU and keyed by name.

A sample's choices depend on (seed, stage, epoch, sample id) alone: not on the worker that draws them, the batch
they end up in, the number of devices or what was drawn before. The device only executes.
"""

import hashlib
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator, Philox
from numpy.typing import NDArray

PAINTS = 6
"""Paints of a drawing that are exchanged for others, the most frequent first."""
AREAS = 6
"""Areas of a random background, at most."""
XDOG, DILATE, REAL, OUTLINE, GREY = 0, 1, 2, 3, 4
"""Line methods as they stand in a recipe; GREY is the picture's own luma, to be coloured in place of a line."""
TRAIL = 16
"""Dabs a stroke has at most."""
PATCHES, SPRAY_PLACES, GRID = 2, 16, 6
"""Pasted regions, places a spray's colour is picked from, side of the coarse grids of warp and bleeding."""

Choices = dict[str, np.ndarray | np.generic]
"""One part of a recipe: arrays and NumPy numbers by name."""


WHOLE_SHARE = 256 / 286
"""How much of the page's short side Pix2Pix's random jitter leaves (Isola et al. 2017, section 6.2)."""


@dataclass
class CropSettings:
    """How a training crop is cut and moved.

    `scale` is `native` (the paper), `log_uniform` between native and whole, or `whole`, Pix2Pix's 256 of 286 px;
    `uncut` the chance that the whole short side is cut out, as pages are seen in use; `collage` the chance of a page
    with three other drawings on it; `flip` the chance of mirroring; `turn` the chance of being turned by up to
    `rotation` degrees and enlarged by up to a share of `zoom`.
    """

    scale: str
    uncut: float
    collage: float
    flip: float
    turn: float
    rotation: float
    zoom: float


@dataclass
class ColorSettings:
    """Photometry: chance and reach of re-colouring, of exchanging paints, and of a random paper in so many areas."""

    recolor: float
    repaint: float
    hue: float
    saturation: float
    gamma: float
    background: float
    background_areas: int


@dataclass
class LineSettings:
    """Weights of the line methods, their parameters, and the range of line jitter (1 = none).

    `xdog`, `dilate`, `outline` (Kang et al.'s) and `grey` (the picture's own luma) are made from the colour; where
    there is no real line, one of these is drawn by its weight.
    """

    xdog: float
    dilate: float
    outline: float
    grey: float
    real: float
    sigmas: list[float]
    kernels: list[int]
    jitter: list[float]


@dataclass
class HintSettings:
    """How many hints and of which kind; counts are `log_uniform` in [least, most], `alac` or `authors`."""

    empty: float
    count: str
    least: int
    most: int
    strokes: float
    sides: list[int]


@dataclass
class ArtifactSettings:
    """The chance of each simulated draft fault."""

    paste: float
    distort: float
    spray: float
    bleed: float


@dataclass
class PairSettings:
    """All that decides how a colour picture becomes a training pair; `conf/pairs` mirrors it."""

    crop: CropSettings
    color: ColorSettings
    line: LineSettings
    hints: HintSettings
    artifacts: ArtifactSettings

    def __post_init__(self) -> None:
        if self.crop.scale not in ("native", "log_uniform", "whole"):
            raise ValueError(f"pairs.crop.scale is native, log_uniform or whole, not {self.crop.scale!r}")
        if self.hints.count not in ("log_uniform", "alac", "authors"):
            raise ValueError(f"pairs.hints.count is log_uniform, alac or authors, not {self.hints.count!r}")
        if not 1 <= self.color.background_areas <= AREAS:
            raise ValueError(f"pairs.color.background_areas goes from 1 to {AREAS}, got {self.color.background_areas}")
        extracted = {way: getattr(self.line, way) for way in ("xdog", "dilate", "outline", "grey")}
        for way, weight in (extracted | {"real": self.line.real}).items():
            if not 0 <= weight < float("inf"):
                raise ValueError(f"pairs.line.{way}={weight} is no weight: give 0 or more")
        if not any(extracted.values()):
            # A drawing without a real line file needs one of them.
            raise ValueError(
                f"pairs.line.{', '.join(extracted)} are all 0: no way to draw a line is left; give one a weight"
            )
        if not 1 <= self.hints.least <= self.hints.most:
            raise ValueError(f"pairs.hints needs 1 <= least <= most, got {self.hints.least} and {self.hints.most}")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "PairSettings":
        """From the plain containers of `conf/pairs`; an unknown or missing key is a TypeError naming it."""
        return cls(
            crop=CropSettings(**config["crop"]),
            color=ColorSettings(**config["color"]),
            line=LineSettings(**config["line"]),
            hints=HintSettings(**config["hints"]),
            artifacts=ArtifactSettings(**config["artifacts"]),
        )


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
    """Where the crop lies on the page.

    Args:
        settings: `native` cuts `side` pixels; `log_uniform` anything from that to the whole short side, each
            doubling as likely as another, so that training sees pages at the scale they are used at; `whole` the
            short side but for Pix2Pix's jitter.
        key: of the sample.
        size: (H, W) of the page.
        side: pixels of the crop as the network sees it.

    Returns:
        y, x of the upper left corner and the side of the square, in page pixels.
    """
    height, width = size
    short = min(height, width)
    share, down, across = key.stream("crop").random(3)
    cut = min(side, short)
    if settings.uncut and key.stream("uncut").random() < settings.uncut:
        cut = short
    elif settings.scale == "log_uniform" and short > side:
        cut = round(side * (short / side) ** share)
    elif settings.scale == "whole":
        cut = max(1, round(short * WHOLE_SHARE))
    return int(down * (height - cut + 1)), int(across * (width - cut + 1)), cut


def draw_company(settings: CropSettings, key: SampleKey) -> NDArray[np.float64] | None:
    """Which three other drawings share the page, each as a number in [0, 1) along their names; None if none do."""
    stream = key.stream("collage")
    return stream.random(3) if settings.collage and stream.random() < settings.collage else None


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
    flip, turn = random.random(2) < (settings.flip, settings.turn)
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
        **_draw_repainting(settings, key, hinted),
    }


def _draw_areas(settings: ColorSettings, key: SampleKey) -> Choices:
    random = key.stream("areas")
    several = settings.background_areas > 1 and random.random() < 0.5
    colors = random.integers(0, 256, (AREAS, 3)).astype(np.float32)
    colors[random.random(AREAS) < 0.2] = 255
    return {
        "background_areas": np.int64(random.integers(2, settings.background_areas + 1) if several else 1),
        "background_centres": random.random((AREAS, 2)).astype(np.float32),
        "background_others": colors,
    }


def _draw_repainting(settings: ColorSettings, key: SampleKey, hinted: bool) -> Choices:
    random = key.stream("repaint")
    return {
        "repaint_on": np.asarray(bool(random.random() < settings.repaint) and hinted),
        "repaint_exchange": np.asarray(bool(random.random() < 0.5)),
        "repaint_others": random.uniform(0, 255, (PAINTS, 3)).astype(np.float32),
        "repaint_kept": random.random(PAINTS) < 0.25,
        "repaint_order": random.permutation(PAINTS).astype(np.int64),
    }


def _draw_line(settings: LineSettings, key: SampleKey) -> Choices:
    random = key.stream("line")
    weights = {XDOG: settings.xdog, DILATE: settings.dilate, OUTLINE: settings.outline, GREY: settings.grey}
    # One draw for any number of methods: those that weigh nothing leave the others' samples as they were.
    bounds = list(itertools.accumulate(weights.values()))
    total = bounds[-1]
    drawn = random.random() * total
    last = [way for way, weight in weights.items() if weight][-1]  # where the product was rounded up to the total
    extracted = next((way for way, bound in zip(weights, bounds) if drawn < bound), last)
    share_real = settings.real / (total + settings.real)
    return {
        "line_method": np.int64(REAL if random.random() < share_real else extracted),
        # What to do where there is no real line.
        "line_fallback": np.int64(extracted),
        "sigma": np.int64(random.integers(len(settings.sigmas))),
        "kernel": np.int64(random.integers(len(settings.kernels))),
        "jitter": np.float32(random.uniform(settings.jitter[0], settings.jitter[1])),
    }


def _draw_hints(settings: HintSettings, key: SampleKey) -> Choices:
    random = key.stream("hints")
    count = _draw_hint_count(settings, key.stage, random)
    # Some candidates fall on ink; half as many more than wanted suffice but for crops that are mostly ink, and those
    # simply get fewer hints.
    candidates = settings.most * 3 // 2 + 16
    start = random.random((candidates, 1, 2))
    # A stroke is a winding line of dabs about a cell of a 256 px draft apart, so that it has no gaps.
    heading = random.uniform(0, 2 * np.pi, (candidates, 1))
    bend = np.cumsum(random.normal(0, 0.25, (candidates, TRAIL)), axis=1)
    step = random.uniform(0.003, 0.0045, (candidates, 1))
    path = np.stack([np.sin(heading + bend), np.cos(heading + bend)], axis=-1) * step[..., None]
    positions = np.clip(start + np.cumsum(path, axis=1) - path[:, :1], 0, 1 - 1e-6)
    is_stroke = random.random(candidates) < settings.strokes
    length = random.integers(2, TRAIL + 1, candidates)
    return {
        "hint_count": np.int64(count),
        "hint_positions": positions.astype(np.float32),
        "hint_dabs": np.where(is_stroke, length, 1).astype(np.int64),
        "hint_sides": random.choice(settings.sides, candidates).astype(np.int64),
    }


def _draw_hint_count(settings: HintSettings, stage: str, random: Generator) -> int:
    empty = random.random() < settings.empty
    if settings.count == "authors" and stage == "colorizer":
        # The authors' colorizer always has many hints: U{28..128}.
        return int(np.clip(random.integers(28, 129), settings.least, settings.most))
    if settings.count == "log_uniform":
        count = round(np.exp(random.uniform(np.log(settings.least), np.log(settings.most))))
    elif settings.count == "alac":
        # mask = U >= t on a 128 x 128 grid, t ~ N(1, 0.005) truncated to [0, 1] (Ci et al. 2018): mean 65.
        count = random.binomial(128 * 128, min(1.0, abs(random.normal(0, 0.005))))
    else:
        # The authors' later code: 16 % one to five, else U{5..32} to U{42..65}; 24 % none is `empty`.
        few = random.random() < 0.16 / (1 - 0.24)
        count = random.integers(1, 6) if few else random.integers(random.integers(5, 33), random.integers(42, 66))
    return 0 if empty else int(np.clip(count, settings.least, settings.most))


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
