"""The limits beyond which a picture is dropped: every number a user may change, and nothing else."""

import math
from dataclasses import dataclass, field, fields
from typing import Any

MAX_HASH_DISTANCE = 10
"""Beyond it perceptual hashes of unrelated drawings on white paper come too close to tell anything."""


def _limit(default: float, low: float, high: float, help: str) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "help": help})


@dataclass(frozen=True)
class Thresholds:
    """What a picture must be like to be kept (Lee & Lee 2020, section 4.1, names the faults; the numbers are ours).

    Lightness (0-100), chroma (the distance from grey) and hue are CIELAB's; a drawing is the picture without the
    even background that touches its border.

    Raises:
        ValueError: a number outside its range.
    """

    short_side: int = _limit(512, 0, 100_000, "drop pictures whose short side is this many pixels or fewer")
    grey_chroma: float = _limit(6.0, 0, 180, "greyscale: 98.5 %% of the picture have at most this chroma")
    high_key_light: float = _limit(68.0, 0, 101, "high key: 80 %% of the drawing have more than this lightness")
    low_key_light: float = _limit(
        23.0, -1, 100, "low key: 80 %% of the picture, or of the drawing, have less than this lightness"
    )
    tone_range: float = _limit(20.0, -1, 100, "biased tone: 90 %% of the drawing lie within so much lightness")
    hue_spread: float = _limit(6.0, 0, 360, "biased colour: hues differ by no more than so many degrees")
    color_cast: float = _limit(1.25, 0, 1000, "biased colour: mean chroma is so many times the spread of colours")
    tint_chroma: float = _limit(20.0, 0, 180, "biased colour: a picture with less chroma is tinted at most, and kept")
    white_ground: float = _limit(
        0.25, 0, 2, "biased colour: with so large a share of white, one hue is the object's own and kept"
    )
    stroke_share: float = _limit(0.65, 0, 2, "scribble: so much of what is not paper are thin strokes")
    paper_share: float = _limit(0.5, 0, 2, "scribble: at least so much of the picture is paper")
    photograph: float = _limit(0.75, 0, 2, "photograph: score from 0 (drawn) to 1 (photographed)")
    hash_distance: int = _limit(
        6, -1, MAX_HASH_DISTANCE, "near-duplicate: perceptual hashes differ in at most so many of 64 bits; -1: off"
    )

    def __post_init__(self) -> None:
        for limit in fields(self):
            value = getattr(self, limit.name)
            low, high = limit.metadata["low"], limit.metadata["high"]
            whole = isinstance(limit.default, int)
            number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
            if not number or not math.isfinite(value) or not low <= value <= high:
                kind = "a whole number" if whole else "a number"
                raise ValueError(f"{option(limit.name)} {value!r} must be {kind} from {low} to {high}")


def option(name: str) -> str:
    """A threshold's name on the command line."""
    return "--" + name.replace("_", "-")
