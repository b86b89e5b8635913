"""What a stage recorded, as curves against the images it has seen."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from linecolor.evaluation.figures import level_figure
from linecolor.evaluation.metrics import METRICS, Metric
from linecolor.html import Curve

FULL_SIZE = "full_size/"
"""What the names of figures of held-out drawings begin with."""

Record = Sequence[Mapping[str, Any]]


def curve(title: str, label: str, series: Mapping[str, tuple[Record, str]]) -> list[Curve]:
    """A diagram of recorded values, if there are any; by the name of a series its record and their name in it."""
    points = {
        name: [(line["images_seen"], line[figure]) for line in record if line.get(figure) is not None]
        for name, (record, figure) in series.items()
    }
    drawn = {name: ([x for x, _ in of], [y for _, y in of]) for name, of in points.items() if of}
    return [Curve(title, "images seen", label, drawn)] if drawn else []


def metric_means(records: Iterable[Record]) -> dict[Metric, dict[int, str]]:
    """The names in some records of the means over whole held-out drawings, by metric and number of hints."""
    names = {name for record in records for line in record for name in line if name.startswith(FULL_SIZE)}
    figures = {name: level_figure(name.removeprefix(FULL_SIZE)) for name in names}
    means: dict[Metric, dict[int, str]] = {}
    for metric in METRICS:
        counts = {part[1]: name for name, part in figures.items() if part and part[0] == f"{metric.name}_mean"}
        means[metric] = dict(sorted(counts.items()))
    return means
