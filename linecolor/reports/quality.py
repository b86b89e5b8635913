"""The vocabulary of every table of figures: its columns, what they are called, which value is the best."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from linecolor.evaluation.figures import DISTANCES, better
from linecolor.evaluation.metrics import METRICS
from linecolor.html import Cell, Table

ENOUGH_PICTURES = 2048
"""Pictures from which the bias of FID is small (as many as Inception has features)."""


Row = tuple[Sequence[Cell], Mapping[str, Any]]
"""The cells before the figures, and the figures by their names at one level; missing ones stay empty."""


@dataclass(frozen=True)
class Column:
    """A column of figures.

    Attributes:
        title: of the column.
        figure: under its name at one level of hints: `psnr_foreground_mean`, `fid_efficientnet_lite0`.
        best: the largest or the smallest value is; None where none is.
    """

    title: str
    figure: str
    best: Literal["max", "min"] | None


def column(title: str, figure: str) -> Column:
    """A column whose best value is highlighted; of a standard deviation none is."""
    return Column(title, figure, None if figure.endswith("_std") else better(figure))


def highlight(columns: Iterable[Column]) -> dict[str, str]:
    """The best value by the title of the column, as tables take it."""
    return {c.title: c.best for c in columns if c.best}


def metric_columns(statistics: Sequence[str] = ("mean",)) -> list[Column]:
    """Columns of every metric, of whole pictures and foregrounds."""
    return [
        column(title if statistic == "mean" else f"{title} {statistic}", f"{area}_{statistic}")
        for metric in METRICS
        for area, title in metric.areas.items()
        for statistic in statistics
    ]


def distance_columns(figures: Iterable[str]) -> list[Column]:
    """Columns of the FID and KID among these figures, with the features that give them their names."""
    names = dict.fromkeys(name for name in figures if name.split("_")[0] in DISTANCES)
    return [column(distance_title(name), name) for name in sorted(names)]


def distance_title(figure: str) -> str:
    """`fid_efficientnet_lite0` -> `FID (efficientnet-lite0)`."""
    kind, _, features = figure.partition("_")
    return f"{kind.upper()} ({features.replace('_', '-')})" if features else kind.upper()


def figure_table(title: str, note: str, labels: Sequence[str], columns: Sequence[Column], rows: Iterable[Row]) -> Table:
    """A table of figures; the labels are the titles of the columns before them."""
    cells: list[list[Cell]] = [[*label, *(figures.get(c.figure) for c in columns)] for label, figures in rows]
    return Table(title, note, [*labels, *(c.title for c in columns)], cells, highlight(columns))


def distance_warnings(n: int, features: Iterable[str]) -> list[str]:
    """What keeps FID and KID of n pictures from being compared with others'.

    Features are told by names of extractors, or of figures that end with them.
    """
    warnings = []
    if n < ENOUGH_PICTURES:
        warnings.append(
            f"FID is biased upwards for few pictures: with n = {n} compare it only with figures of the very same n and "
            "drawings, and rather look at KID."
        )
    if any("efficientnet" in name for name in features):
        warnings.append("FID and KID use EfficientNet-Lite0 features; they are no match for figures on Inception.")
    return warnings
