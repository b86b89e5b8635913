"""The table of a sweep: its jobs, their parameters and figures, as text, as CSV and as a page with pictures."""

import csv
import io
import shlex
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from linecolor.evaluation.figures import better, by_count, run_figure
from linecolor.html import Cell, Report, Table, write_report
from linecolor.html.tables import table_text
from linecolor.images import write_atomically
from linecolor.reports.comparison import curves, licence, picture_sheets, quality_tables, warnings
from linecolor.runs.objective import Objective
from linecolor.runs.result import RunResult, common
from linecolor.runs.run_folder import read_settings, versions
from linecolor.runs.sweep_folder import DONE, FAILED, STOPPED, JobFolder, SweepFolder
from linecolor.samples import FullDrawing

MOST_COLUMNS = 12
"""Jobs shown with pictures: the best ones."""

MOST_ROWS = 8
"""Drawings shown of each."""

BEST = "best"


@dataclass(frozen=True)
class JobRow:
    """A job in the table: its overrides by key, its figures and objective where it is done, and what job.json holds."""

    job: JobFolder
    state: str
    overrides: dict[str, str]
    figures: dict[str, float]
    value: float | None
    facts: dict[str, object]

    @property
    def number(self) -> int:
        """The job's place in the sweep, from 1."""
        number = self.facts.get("number", 0)
        return number + 1 if isinstance(number, int) else 0


class SweepTable:
    """The jobs of a sweep, the best first by an objective."""

    def __init__(self, sweep: SweepFolder, objective: Objective) -> None:
        self.sweep, self.objective = sweep, objective
        rows = []
        for job in sweep.jobs():
            state, figures = job.state, job.figures
            value = objective.of(figures) if state == DONE else None
            rows.append(JobRow(job, state, job.overrides, figures if state == DONE else {}, value, job.facts))
        self.rows = sorted(rows, key=lambda row: (objective.rank(row.value), row.number))
        self.best = next((row for row in self.rows if row.value is not None), None)
        keys = dict.fromkeys(key for row in self.rows for key in row.overrides)
        self.parameters = [key for key in keys if len({row.overrides.get(key) for row in self.rows}) > 1]
        self.shared = {key: self.rows[0].overrides[key] for key in keys if key not in self.parameters}
        self._short = _short_names(self.parameters)
        self._labels = {row.job.path: self._changes(row) for row in self.rows}

    def label(self, row: JobRow) -> str:
        """What a job is called: what it changes; its folder where only rounded digits differ."""
        label = self._labels[row.job.path]
        return label if label and list(self._labels.values()).count(label) == 1 else row.job.path.name

    def _changes(self, row: JobRow) -> str:
        known = [key for key in self.parameters if key in row.overrides]
        return ", ".join(f"{self._short[key]}={_brief(row.overrides[key])}" for key in known)

    def table(self, note: str = "", brief: bool = False) -> Table:
        """Every job with its parameters, the objective and the main figures; in brief, of one number of hints."""
        names = self._main_figures(brief)
        columns = ["job", "folder", "state", *(self._short[key] for key in self.parameters), self.objective.figure]
        columns += [*names, "minutes"]
        rows: list[list[Cell]] = []
        for row in self.rows:
            state = f"{row.state}, {BEST}" if row is self.best else row.state
            cells: list[Cell] = [row.number, row.job.path.name, state]
            cells += [_brief(row.overrides.get(key, "")) for key in self.parameters]
            cells += [row.value, *(row.figures.get(name) for name in names), _minutes(row.job)]
            rows.append(cells)
        highlight: dict[str, str] = {name: better(name) for name in names}
        highlight[self.objective.figure] = "max" if self.objective.direction == "maximize" else "min"
        return Table("Jobs", note, columns, rows, highlight)

    def text(self) -> str:
        """The table for a terminal."""
        return table_text(self.table(brief=True))

    def write_csv(self, path: Path) -> Path:
        """Every job with all of its overrides and all of its figures."""
        keys = dict.fromkeys(key for row in self.rows for key in row.overrides)
        figures = dict.fromkeys(name for row in self.rows for name in row.figures)
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        writer.writerow(["job", "folder", "state", BEST, "objective", *keys, *figures, "minutes", "message"])
        for row in self.rows:
            writer.writerow(
                [row.number, row.job.path.name, row.state, int(row is self.best), row.value]
                + [row.overrides.get(key) for key in keys]
                + [row.figures.get(name) for name in figures]
                + [_minutes(row.job), row.facts.get("message")]
            )
        write_atomically(path, buffer.getvalue().encode("utf-8", "replace"))
        return path

    def write_page(self, path: Path, truths: Mapping[str, FullDrawing]) -> Path:
        """The table as a page, with the same drawings by the best jobs, and the truths there are, side by side."""
        results = self.results()
        shown = results[:MOST_COLUMNS]
        note = f"The best first, by {self.objective.figure}."
        if self.shared:
            note += " The same in all jobs: " + shlex.join(f"{k}={v}" for k, v in self.shared.items()) + "."
        note += " Each job is a run of its own, in the folder named here: its report.html has everything."
        messages = warnings(results) if results else []
        failed = [row for row in self.rows if row.state == FAILED]
        messages += [f"{self.label(row)}: {row.state}: {row.facts.get('message', '')}" for row in failed]
        if len(results) > len(shown):
            messages.append(f"Pictures and gains are shown of the best {MOST_COLUMNS} of {len(results)} jobs.")
        report = Report(
            title=f"linecolor sweep: {self.sweep.path.name}",
            subtitle=f"Ranked by {self.objective.figure} ({self.objective.direction})",
            facts=self._facts(),
            warnings=messages,
            tables=[self.table(note=note), *(quality_tables(shown) if shown else [])],
            curves=curves(shown),
            sheets=picture_sheets(shown, truths, MOST_ROWS) if shown else [],
            versions=versions(),
            licence=licence(shown),
            created=time.strftime("%Y-%m-%d %H:%M"),
        )
        return write_report(path, report)

    @property
    def stopped(self) -> list[JobRow]:
        """Jobs that were stopped because their siblings were better."""
        return [row for row in self.rows if row.state == STOPPED]

    def results(self) -> list[RunResult]:
        """The jobs that were evaluated, the best first."""
        return [RunResult.of(row.job.path, self.label(row)) for row in self.rows if row.figures]

    def _main_figures(self, brief: bool) -> list[str]:
        """Of the largest number of hints that all have and (unless in brief) of none: PSNR, SSIM, FID."""
        shared = common([sorted(row.figures) for row in self.rows if row.figures])
        levels = by_count(dict.fromkeys(shared, 0.0))
        counts = [count for count, figures in levels.items() if "psnr_mean" in figures]
        names = []
        for count in dict.fromkeys([*counts[-1:], *(c for c in counts if c == 0 and not brief)]):
            distances = [name for name in levels[count] if name.startswith("fid")]
            figures = ["psnr_mean", "psnr_foreground_mean", "ssim_mean", *distances]
            names += [run_figure(name, count) for name in figures if name in levels[count]]
        return [name for name in names if name != self.objective.figure]

    def _facts(self) -> list[tuple[str, str]]:
        states = Counter(row.state for row in self.rows)
        found = [("jobs", ", ".join(f"{count} {state}" for state, count in states.items()))]
        if self.best and self.best.value is not None:
            objective = (self.objective.figure, f"{self.best.value:.4g}")
            found += [("best job", self.label(self.best)), objective, ("its folder", self.best.job.path.name)]
        return found


def _minutes(job: JobFolder) -> float | None:
    """Minutes of training, of all stages."""
    stages = job.run.path.glob("*/complete.json")
    seconds = [float(read_settings(complete).get("seconds", 0)) for complete in stages]
    return sum(seconds) / 60 if seconds else None


def _short_names(keys: Sequence[str]) -> dict[str, str]:
    """Dotted keys by their shortest endings that tell them apart: model.weights.adversarial -> adversarial."""
    short = {}
    for key in keys:
        parts = key.split(".")
        endings = [".".join(parts[start:]) for start in range(len(parts) - 1, -1, -1)]
        others = [other for other in keys if other != key]
        short[key] = next((e for e in endings if not any(f".{o}".endswith(f".{e}") for o in others)), key)
    return short


def _brief(value: str) -> str:
    """A parameter as it was written; of a number with many digits the first four."""
    try:
        return f"{float(value):.4g}" if len(value) > 8 else value
    except ValueError:
        return value
