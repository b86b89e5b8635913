"""Runs side by side: where their configurations differ, their figures, their curves, the same drawings."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from linecolor.html import Cell, Curve, Sheet, SheetRow, Table
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
    found = []
    drawings = common([result.drawings for result in results])
    for count in reversed(common([result.counts for result in results])):
        names = {
            "PSNR": f"psnr_{count}_mean",
            "PSNR foreground": f"psnr_{count}_foreground_mean",
            "SSIM": f"ssim_{count}_mean",
            "SSIM foreground": f"ssim_{count}_foreground_mean",
        }
        shared = common([sorted(result.figures) for result in results])
        distances = [name for name in shared if name.startswith(("fid_", "kid_")) and name.endswith(f"_{count}")]
        highlight = dict.fromkeys(names, "max")
        for name in distances:
            column = f"{name[:3].upper()} {name[4 : -len(f'_{count}')]}"
            names[column], highlight[column] = name, "min"
        difference = "foreground PSNR, gain over the first"
        rows: list[list[Cell]] = []
        for result in results:
            cells: list[Cell] = [result.figures.get(name) for name in names.values()]
            gain = paired_gain(results[0], result, count) if result is not results[0] else None
            told = f"{gain[0]:+.2f} ± {gain[1]:.2f} dB" if gain else None
            rows.append([result.label, result.figures.get("n"), *cells, told])
        found.append(
            Table(
                f"{count} hints" if count else "No hints",
                f"Means over each run's n held-out drawings. The gain is taken drawing by drawing over the "
                f"{len(drawings)} drawings that all runs have, ± its standard error.",
                ["run", "n", *names, difference],
                rows,
                highlight,
            )
        )
    return found


def paired_gain(
    first: RunResult, other: RunResult, count: int, quantity: str = "psnr_foreground"
) -> tuple[float, float] | None:
    """By how much a run is better than another on the same drawings.

    Returns:
        Mean of the differences and its standard error (NaN of a single drawing); None without common drawings.
    """
    theirs, ours = first.per_drawing(count, quantity), other.per_drawing(count, quantity)
    differences = [ours[name] - theirs[name] for name in theirs if name in ours]
    if not differences:
        return None
    n = len(differences)
    error = float(np.std(differences, ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return float(np.mean(differences)), error


def warnings(results: Sequence[RunResult]) -> list[str]:
    """Why figures of these runs may not be compared."""
    found = []
    unmeasured = [result.label for result in results if not result.figures]
    if unmeasured:
        found.append(f"Not evaluated: {', '.join(unmeasured)}.")
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

    Args:
        results: those shown, a column each.
        truths: line and true colour by the drawing's name, where they could be read.
        rows: drawings at most.
    """
    measured = [result for result in results if result.drawings]
    drawings = common([result.drawings for result in measured])[:rows]
    counts = common([result.counts for result in measured])
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
        sheets.append(
            Sheet(
                f"Drawings with {count} hints" if count else "Drawings without hints",
                f"The same held-out drawings, no larger than {SIDE} px; each run's report.html has them in full size. "
                "Select a picture: the arrow keys change the run in place.",
                ["line", *labels, "truth"] if truths else labels,
                found,
            )
        )
    return sheets


def curves(results: Sequence[RunResult]) -> list[Curve]:
    """Full-size PSNR and reconstruction loss of each stage, a line a run, of the first MOST_CURVES runs."""
    found = []
    for stage in dict.fromkeys(stage for result in results for stage in result.stages):
        records = {r.label: read_record(r.run.stage(stage) / "metrics.jsonl") for r in results[:MOST_CURVES]}
        lines = [line for record in records.values() for line in record]
        measured = sorted({name for line in lines for name in line if name.startswith("full_size/psnr_")})
        wanted = [name for name in measured if name.endswith("_mean") and "foreground" not in name]
        for name, label in [*((name, "dB") for name in wanted), ("reconstruction", "loss")]:
            series = {}
            for run, record in records.items():
                points = [(line["images_seen"], line[name]) for line in record if line.get(name) is not None]
                if points:
                    series[run] = ([x for x, _ in points], [y for _, y in points])
            if series:
                title = "full-size PSNR, " + name.split("_")[2] + " hints" if "psnr" in name else "reconstruction"
                found.append(Curve(f"{stage}: {title}", "images seen", label, series))
    return found


def licence(results: Sequence[RunResult]) -> dict[str, str] | None:
    """The licence of the drawings shown; None where no bundle tells it."""
    for result in results:
        try:
            return read_card(result.run.bundle)["provenance"]["data"]["licence"]
        except (OSError, ValueError, KeyError, TypeError):
            continue  # stopped before its bundle was written: the others have the same drawings
    return None


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)
