"""From numbers and limits to reasons; no picture is opened here."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from datamodules.curation.duplicates import near_duplicates
from datamodules.curation.measures import FIGURES, PIXELS
from datamodules.curation.thresholds import Thresholds
from linecolor.images.formats import names

REASONS = {
    "unreadable": f"broken, truncated, or no {names()}",
    "short_side": "the short side has too few pixels",
    "greyscale": "no colour",
    "high_key": "nearly everything is very light",
    "low_key": "nearly everything is very dark",
    "biased_tone": "everything has nearly one brightness",
    "biased_color": "everything has one colour, or lies under one",
    "scribble": "strokes on paper: a sketch, a doodle, a line drawing",
    "photograph": "photographed, or mixed with photographs",
    "near_duplicate": "the same picture is there in a larger version",
}
"""Every reason in the manifest's order, with what it means."""

Figures = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Judgement:
    """Why which pictures are dropped."""

    holds: dict[str, NDArray[np.bool_]]  # reason -> (N,) bool, in the order of REASONS
    excess: dict[str, NDArray[np.float64]]  # reason -> (N,), see `excesses`
    duplicate_of: NDArray[np.int64]  # (N,) the row of the kept picture that a near-duplicate repeats, else -1

    @property
    def kept(self) -> NDArray[np.bool_]:
        """(N,) True where no reason holds."""
        return ~np.logical_or.reduce(list(self.holds.values()))

    def reasons(self) -> list[list[str]]:
        """The reasons of each picture, in the order of REASONS."""
        rows = zip(*(holds.tolist() for holds in self.holds.values()))
        return [[reason for reason, holds in zip(self.holds, row) if holds] for row in rows]


def judge(measured: pa.Table, limits: Thresholds) -> Judgement:
    """Apply the limits to what was measured (`manifest.MEASURED`).

    Near-duplicates are sought among the pictures that no other reason drops, so that a grey or blurred copy never
    stands for a good one; of each group the one with the most pixels is kept, then the one with the most bytes.

    Raises:
        ValueError: too many near-duplicates for --hash-distance.
    """
    names = ("height", "width", *FIGURES)
    figures = {name: measured.column(name).to_numpy(zero_copy_only=False).astype(np.float64) for name in names}
    excess = excesses(figures, limits)
    unreadable = np.array([error is not None for error in measured.column("error").to_pylist()], bool)
    # A comparison with NaN, of a file that was never measured, is False.
    holds = {"unreadable": unreadable, **{reason: values > 0 for reason, values in excess.items()}}
    fit = np.flatnonzero(~np.logical_or.reduce(list(holds.values())))
    hashes = measured.column("hash").take(fit).to_pylist()
    size, pixels = measured.column("bytes").to_numpy()[fit], (figures["height"] * figures["width"])[fit]
    rank = np.empty(len(fit), np.int64)
    rank[np.lexsort((np.arange(len(fit)), -size, -pixels))] = np.arange(len(fit))
    repeats = near_duplicates(np.array([int(digits, 16) for digits in hashes], np.uint64), rank, limits.hash_distance)
    duplicate_of = np.full(len(measured), -1, np.int64)
    duplicate_of[fit] = np.where(repeats < 0, -1, fit[repeats])
    holds["near_duplicate"] = duplicate_of >= 0
    return Judgement({reason: holds[reason] for reason in REASONS}, excess, duplicate_of)


def excesses(figures: Figures, limits: Thresholds) -> dict[str, NDArray[np.float64]]:
    """How far each picture lies beyond the limit of each reason that numbers can tell.

    `figures` are (N,) each: height, width and those of `measures.measure`; NaN for what was never measured.

    Returns:
        Reason -> (N,), above 0 where the reason holds, in parts of the limit's own scale, so that the smallest
        is the nearest to being kept; NaN where the reason does not apply.
    """
    f = figures
    light_scale, chroma_scale = 12.0, 6.0
    found = {
        "short_side": (limits.short_side + 0.5 - np.minimum(f["height"], f["width"])) / max(limits.short_side, 1),
        "greyscale": (limits.grey_chroma + 0.5 - f["chroma"]) / chroma_scale,
        "high_key": (f["drawing_light_20"] - limits.high_key_light) / light_scale,
        "low_key": (limits.low_key_light - np.minimum(f["picture_light_80"], f["drawing_light_80"])) / light_scale,
        "biased_tone": (limits.tone_range - f["tone_range"]) / light_scale,
        "biased_color": np.maximum(
            # On a large white ground one hue is an object's own colour, not a bias of the picture.
            np.minimum(limits.hue_spread - f["hue_spread"], (limits.white_ground - f["white_share"]) * 30) / 6,
            f["color_cast"] - limits.color_cast,
        ),
        "scribble": np.minimum(f["stroke_share"] - limits.stroke_share, f["paper_share"] - limits.paper_share),
        "photograph": f["photograph"] - limits.photograph,
    }
    # The fewer its pixels, the more a drawing is nothing but edges.
    found["photograph"] = np.where(f["height"] * f["width"] < PIXELS, np.nan, found["photograph"])
    # A faint tint is no colour that a picture could be biased to.
    found["biased_color"] = np.minimum(found["biased_color"], (f["chroma"] - limits.tint_chroma) / chroma_scale)
    # Pen on paper has no tones and colours to judge; what is nearly white or black has no contrast; grey has no hue.
    drawn = found["scribble"] > 0
    for reason in ("high_key", "low_key", "biased_tone", "biased_color"):
        found[reason] = np.where(drawn, np.nan, found[reason])
    extreme = (found["high_key"] > 0) | (found["low_key"] > 0)
    found["biased_tone"] = np.where(extreme, np.nan, found["biased_tone"])
    found["biased_color"] = np.where(found["greyscale"] > 0, np.nan, found["biased_color"])
    return found
