"""Runs side by side on one page: where they differ, their figures, the same drawings."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from linecolor.experiment.data import read_truths
from linecolor.html import Report, write_report
from linecolor.html.tables import table_text
from linecolor.reports import comparison
from linecolor.runs.result import RunResult
from linecolor.runs.run_folder import versions

MOST_RUNS = 12
_SWEEPS_OWN = ("sweep.csv", "sweep.html", "sweep.json", "multirun.yaml", "optimization_results.yaml", "optuna.db")


def compare(runs: Sequence[Path], out: Path, drawings: int) -> Path:
    """Write the page, with so many drawings at most, and print its tables.

    What is no run among the parts of a sweep (sweep.csv, logs) is left out.

    Raises:
        FileNotFoundError: if a folder holds no run.
        ValueError: if there are fewer than two runs, too many, or one of them is damaged.
    """
    # A shell's runs/SWEEP/* names the sweep's own files, too.
    folders = [path for path in dict.fromkeys(runs) if not (path.is_file() and path.name in _SWEEPS_OWN)]
    for path in folders:
        if not (path / "config.yaml").is_file():
            raise FileNotFoundError(f"{path}: there is no run here; give a folder such as runs/demo")
    if not 2 <= len(folders) <= MOST_RUNS:
        raise ValueError(f"give two to {MOST_RUNS} different runs; {len(folders)} were given")
    if drawings < 0:
        raise ValueError(f"--drawings={drawings} must be 0 or more")

    results = [RunResult.of(path, label) for path, label in zip(folders, _labels(folders))]
    tables = [*comparison.quality_tables(results), comparison.configuration_table(results)]
    warnings = comparison.warnings(results)
    measured = [result for result in results if result.drawings]
    truths = read_truths(measured, drawings) if measured and drawings else {}
    report = Report(
        title="linecolor: " + " / ".join(result.label for result in results),
        subtitle=f"{len(results)} runs side by side",
        facts=[(result.label, _size(result)) for result in results],
        warnings=warnings,
        tables=tables,
        curves=comparison.curves(results),
        sheets=comparison.picture_sheets(measured, truths, drawings) if measured and drawings else [],
        versions=versions(),
        licence=comparison.licence(results),
        created=time.strftime("%Y-%m-%d %H:%M"),
    )
    write_report(out, report)
    for table in tables:
        print(f"{table.title}\n{table_text(table)}\n")
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    print(f"Open the page: {out}")
    return out


def _labels(folders: Sequence[Path]) -> list[str]:
    """The folders' names, with as many of their parents' as tell them apart."""
    parts = [folder.resolve().parts for folder in folders]
    for count in range(1, max(map(len, parts))):
        labels = ["/".join(names[-count:]) for names in parts]
        if len(set(labels)) == len(labels):
            return labels
    return [str(folder) for folder in folders]


def _size(result: RunResult) -> str:
    """How long a run was trained."""
    trained = [facts for stage in result.stages if (facts := result.run.facts(stage))]
    if not trained:
        return "not trained to the end of a stage"
    images, seconds = sum(facts["images_seen"] for facts in trained), sum(facts["seconds"] for facts in trained)
    return f"{images:,} images, {seconds / 60:.1f} min"
