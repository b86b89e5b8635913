"""How figures are named: `psnr_foreground_mean` at one level of hints, `psnr_32_foreground_mean` of a run with 32."""

import re
from collections.abc import Mapping
from typing import Literal

from linecolor.evaluation.metrics import METRICS

DISTANCES = ("fid", "kid")
"""Figures of two sets of pictures, the smaller the better; their names go on with that of their features."""

_PICTURES = "|".join(re.escape(metric.name) for metric in METRICS)
_STATISTIC = r"(?:_foreground)?_(?:mean|median|std)"
_AT_A_LEVEL = re.compile(rf"(?P<metric>{_PICTURES})(?P<statistic>{_STATISTIC})")
_OF_A_RUN = re.compile(
    rf"(?P<metric>{_PICTURES})_(?P<count>\d+)(?P<statistic>{_STATISTIC})"
    rf"|(?P<distance>(?:{'|'.join(DISTANCES)})(?:_.+)?)_(?P<hints>\d+)"
)


def run_figure(figure: str, count: int) -> str:
    """The name in evaluation.json: (`psnr_mean`, 32) -> `psnr_32_mean`, (`fid_x`, 32) -> `fid_x_32`."""
    match = _AT_A_LEVEL.fullmatch(figure)
    return f"{match['metric']}_{count}{match['statistic']}" if match else f"{figure}_{count}"


def level_figure(name: str) -> tuple[str, int] | None:
    """What `run_figure` was made of; None for any other name."""
    match = _OF_A_RUN.fullmatch(name)
    if match is None:
        return None
    if match["distance"]:
        return match["distance"], int(match["hints"])
    return match["metric"] + match["statistic"], int(match["count"])


def by_count(figures: Mapping[str, float]) -> dict[int, dict[str, float]]:
    """The figures of a run by the number of hints, under their names at one level."""
    levels: dict[int, dict[str, float]] = {}
    for name, value in figures.items():
        parts = level_figure(name)
        if parts is not None:
            levels.setdefault(parts[1], {})[parts[0]] = value
    return dict(sorted(levels.items()))


def better(figure: str) -> Literal["max", "min"]:
    """Which value of a figure is the best, under either of its names."""
    match = _AT_A_LEVEL.fullmatch(figure) or _OF_A_RUN.fullmatch(figure)
    return next((metric.better for metric in METRICS if match and metric.name == match["metric"]), "min")
