"""All that decides how a colour picture becomes a training pair, as `conf/pairs` has it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import yaml

from datamodules.hint_counts import HINT_COUNTS
from linecolor.conf_folder import conf_folder
from linecolor.lineart.methods import METHODS, PARAMETERS, REAL, LineMethod

MAX_AREAS = 6
"""Areas of a random background, at most."""


@dataclass(frozen=True)
class CropSettings:
    """How a training crop is cut and moved."""

    scale: str  # `native` (the paper), `log_uniform` between native and whole, or `whole`, Pix2Pix's 256 of 286 px
    full_page_prob: float  # chance that the whole short side is cut out, as pages are seen in use
    collage_prob: float  # chance of a page with three other drawings on it
    flip_prob: float  # chance of mirroring
    rotate_prob: float  # chance of being rotated and enlarged
    rotation: float  # degrees, at most, to either side
    zoom: float  # share by which a rotated crop is enlarged at most

    def __post_init__(self) -> None:
        if self.scale not in ("native", "log_uniform", "whole"):
            raise ValueError(f"pairs.crop.scale is native, log_uniform or whole, not {self.scale!r}")


@dataclass(frozen=True)
class ColorSettings:
    """How colours are changed."""

    recolor: float  # chance of another hue, saturation and gamma
    palette_swap: float  # chance that the drawing's most frequent colours are exchanged
    hue: float  # share of the circle by which the hue is turned at most, to either side
    saturation: float  # natural logarithm of the largest factor, up or down
    gamma: float  # the same of the exponent
    background: float  # chance of a random paper
    background_areas: int  # areas of different colours it has at most

    def __post_init__(self) -> None:
        if not 1 <= self.background_areas <= MAX_AREAS:
            raise ValueError(f"pairs.color.background_areas goes from 1 to {MAX_AREAS}, got {self.background_areas}")


@dataclass(frozen=True)
class LineSettings:
    """How lines are drawn."""

    # Of the methods of `linecolor.lineart.methods`, by name, and of `real`. A method without a weight is not drawn.
    # Where there is no real line, one of the methods is drawn by its weight.
    weights: Mapping[str, float]
    # The values that a method draws one of for each sample, by the name of the list.
    parameters: Mapping[str, list[float]] = field(default_factory=dict)
    jitter: list[float] = field(default_factory=lambda: [1.0, 1.0])  # least and most strength of a line, 1 = as it is

    def __post_init__(self) -> None:
        for name, weight in self.weights.items():
            if not 0 <= weight < float("inf"):
                raise ValueError(f"pairs.line.{name}={weight} is no weight: give 0 or more")
        if not self.methods:
            # A drawing without a real line file needs one of them.
            raise ValueError(
                f"pairs.line.{', '.join(METHODS)} are all 0: no way to draw a line is left; give one a weight"
            )
        for name in self.methods:
            if (parameter := METHODS[name].parameter) and not self.parameters.get(parameter):
                raise ValueError(f"pairs.line.{parameter} has no value, and {name} needs one: give a list")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "LineSettings":
        """From the flat keys of `conf/pairs`: a weight for each method, a list for each parameter, and jitter.

        Raises:
            ValueError: for a key that is none of these.
        """
        known = (*METHODS, REAL, *PARAMETERS, "jitter")
        if unknown := config.keys() - set(known):
            raise ValueError(f"pairs.line.{min(unknown)} is unknown: use {', '.join(known)}")
        weights = {name: config[name] for name in (*METHODS, REAL) if name in config}
        return cls(weights, {name: config[name] for name in PARAMETERS if name in config}, config["jitter"])

    @property
    def methods(self) -> dict[str, LineMethod]:
        """The methods that have a weight, by name."""
        return {name: method for name, method in METHODS.items() if self.weights.get(name)}


@dataclass(frozen=True)
class HintSettings:
    """How many hints there are, and of which kind."""

    no_hint_prob: float  # chance of a sample without hints
    count: str  # distribution of their number, one of `datamodules.hint_counts`
    least: int  # hints of a sample that has any
    most: int  # hints of a sample
    strokes: float  # share of the hints that are strokes, not points
    sides: list[int]  # of their squares in cells of the draft's grid

    def __post_init__(self) -> None:
        if self.count not in HINT_COUNTS:
            *first, last = HINT_COUNTS
            raise ValueError(f"pairs.hints.count is {', '.join(first)} or {last}, not {self.count!r}")
        if not 1 <= self.least <= self.most:
            raise ValueError(f"pairs.hints needs 1 <= least <= most, got {self.least} and {self.most}")


@dataclass(frozen=True)
class ArtifactSettings:
    """The chance of each simulated fault of a draft."""

    paste: float
    distort: float
    spray: float
    bleed: float


@dataclass(frozen=True)
class PairSettings:
    """The five parts of `conf/pairs`."""

    crop: CropSettings
    color: ColorSettings
    line: LineSettings
    hints: HintSettings
    artifacts: ArtifactSettings

    @classmethod
    def from_config(cls, config: Mapping[str, Mapping[str, Any]]) -> "PairSettings":
        """From the plain containers of `conf/pairs`.

        Raises:
            TypeError: for an unknown or missing key, naming it.
            ValueError: for a value that cannot be, naming its key.
        """
        return cls(
            crop=CropSettings(**config["crop"]),
            color=ColorSettings(**config["color"]),
            line=LineSettings.from_config(config["line"]),
            hints=HintSettings(**config["hints"]),
            artifacts=ArtifactSettings(**config["artifacts"]),
        )

    @classmethod
    def named(cls, name: str) -> "PairSettings":
        """Settings that the project brings, without Hydra: "rich", "paper" or another file of `conf/pairs`.

        Raises:
            ValueError: for a name that is none of them.
        """
        return cls.from_config(_shipped(name))


def _shipped(name: str) -> dict[str, dict[str, Any]]:
    """A file of conf/pairs over those that its defaults list names."""
    files = {path.stem: path for path in (conf_folder() / "pairs").glob("*.yaml")}
    if name not in files:
        raise ValueError(f"there are no pairs {name!r}; use one of {', '.join(sorted(files))}")
    own = yaml.safe_load(files[name].read_text())
    config: dict[str, dict[str, Any]] = {part.name: {} for part in fields(PairSettings)}
    for parent in own.pop("defaults", []):
        config |= {part: {**config[part], **values} for part, values in _shipped(parent).items()}
    return config | {part: {**config[part], **values} for part, values in own.items()}
