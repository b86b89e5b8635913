"""Runs side by side: where their configurations differ, their figures, their curves, the same drawings."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from linecolor.evaluation.figures import by_count
from linecolor.evaluation.statistics import mean_and_error, paired_differences
from linecolor.html import Cell, Curve, Sheet, SheetRow, Table
from linecolor.reports.quality import Column, Row, distance_columns, figure_table, metric_columns
from linecolor.reports.training_curves import curve, metric_means
from linecolor.runs.record import read_record
from linecolor.runs.result import SIDE, RunResult, common, differing, small
from linecolor.samples import FullDrawing
from linecolor.systems.bundle import read_card

MOST_CURVES = 8
"""Runs in one diagram: the report tells so many colours apart."""


def configuration_table(results: Sequence[RunResult]) -> Table:
    """The keys that differ, a column a run."""
    keys = differing([result.config for result in results])
    rows: list[list[Cell]] = [[key, *[_shown(result.config.get(key)) for result in results]] for key in keys]
    note = "Only what differs." if rows else "The configurations are the same."
    return Table("Configuration", note, ["setting", *[result.label for result in results]], rows)


def quality_tables(results: Sequence[RunResult]) -> list[Table]:
    """A table for each number of hints that all runs were evaluated with, the largest first; a row a run."""
    drawings = common([result.drawings for result in results])
    levels = [by_count(result.figures) for result in results]
    gains = Column("foreground PSNR, gain over the first", "gain", None)
    tables = []
    for count in reversed(common([result.counts for result in results])):
        shared = common([list(figures.get(count, {})) for figures in levels])
        rows: list[Row] = []
        for result, figures in zip(results, levels, strict=True):
            gain = paired_gain(results[0], result, count) if result is not results[0] else None
            text = f"{gain[0]:+.2f} ± {gain[1]:.2f} dB" if gain else None
            rows.append(([result.label, result.figures.get("n")], {**figures.get(count, {}), "gain": text}))
        table = figure_table(
            f"{count} hints" if count else "No hints",
            f"Means over each run's n held-out drawings. The gain is taken drawing by drawing over the "
            f"{len(drawings)} drawings that all runs have, ± its standard error.",
            ["run", "n"],
            [*metric_columns(), *distance_columns(shared), gains],
            rows,
        )
        tables.append(table)
    return tables


def paired_gain(
    first: RunResult, other: RunResult, count: int, quantity: str = "psnr_foreground"
) -> tuple[float, float] | None:
    """By how much a run is better than another on the same drawings; None without any in common.

    Returns:
        Mean of the differences and its standard error (NaN of a single drawing).
    """
    differences = paired_differences(other.per_drawing(count, quantity), first.per_drawing(count, quantity))
    return mean_and_error(differences) if differences else None


def warnings(results: Sequence[RunResult]) -> list[str]:
    """Why figures of these runs may not be compared."""
    unmeasured = [result.label for result in results if not result.figures]
    found = [f"Not evaluated: {', '.join(unmeasured)}."] if unmeasured else []
    measured = [result for result in results if result.figures]
    if any(result.drawings != measured[0].drawings for result in measured[1:]):
        shared = len(common([result.drawings for result in measured]))
        found.append(
            f"The runs were evaluated on different drawings, of which they share {shared}: means, FID and KID cannot "
            "be compared; the drawing-by-drawing gain can."
        )
    for option, what in (("blend", "blended"), ("features", "measured by features")):
        used = {str(result.evaluation.get("asked", {}).get("settings", {}).get(option)) for result in measured}
        if len(used) > 1:
            found.append(f"The runs were {what} in different ways: {', '.join(sorted(used))}.")
    return found


def picture_sheets(results: Sequence[RunResult], truths: Mapping[str, FullDrawing], rows: int) -> list[Sheet]:
    """The same drawings by each run, for the largest number of hints they share and, where they have it, for none.

    There are so many rows at most. Truths: line and true colour by the drawing's name, where they could be read.
    """
    measured = [result for result in results if result.drawings]
    drawings = common([result.drawings for result in measured])[:rows]
    counts = common([result.counts for result in measured])
    note = (
        f"The same held-out drawings, no larger than {SIDE} px; each run's report.html has them in full size. "
        "Select a picture: the arrow keys change the run in place."
    )
    sheets = []
    for count in dict.fromkeys([*counts[-1:], *(c for c in counts if c == 0)]):
        found = []
        for name in drawings:
            images = [result.picture(count, name) for result in measured]
            if truths:
                known = truths.get(name)
                images = [small(known.line) if known else None, *images, small(known.color) if known else None]
            values = [(r.label, r.per_drawing(count, "psnr_foreground").get(name)) for r in measured]
            caption = "foreground PSNR: " + ", ".join(f"{label} {v:.1f}" for label, v in values if v is not None)
            found.append(SheetRow(name, f"{caption} dB", images))
        labels = [result.label for result in measured]
        columns = ["line", *labels, "truth"] if truths else labels
        title = f"Drawings with {count} hints" if count else "Drawings without hints"
        sheets.append(Sheet(title, note, columns, found))
    return sheets


def curves(results: Sequence[RunResult]) -> list[Curve]:
    """Full-size metrics and reconstruction loss of each stage, a line a run, of the first MOST_CURVES runs."""
    drawn: list[Curve] = []
    for stage in dict.fromkeys(stage for result in results for stage in result.stages):
        records = {r.label: read_record(r.run.stage(stage) / "metrics.jsonl") for r in results[:MOST_CURVES]}
        for metric, names in metric_means(records.values()).items():
            for count, name in names.items():
                series = {label: (record, name) for label, record in records.items()}
                drawn += curve(f"{stage}: full-size {metric.title}, {count} hints", metric.unit, series)
        series = {label: (record, "reconstruction") for label, record in records.items()}
        drawn += curve(f"{stage}: reconstruction", "loss", series)
    return drawn


def licence(results: Sequence[RunResult]) -> dict[str, str] | None:
    """The licence of the drawings shown; None where no bundle tells it."""
    for result in results:
        try:
            return read_card(result.run.bundle)["provenance"]["data"]["licence"]
        except (OSError, ValueError, KeyError, TypeError):
            continue  # stopped before its bundle was written: the others have the same drawings
    return None


def _shown(value: Any) -> str:
    """A setting as YAML has it."""
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)
