"""The report of one run."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linecolor.evaluation.figures import by_count
from linecolor.evaluation.metrics import METRICS
from linecolor.html import Cell, Curve, Report, Sheet, SheetRow, Table, write_report
from linecolor.rendering.result import ColorizationResult
from linecolor.reports import quality
from linecolor.reports.figure_row import figure_row
from linecolor.reports.training_curves import FULL_SIZE, curve, metric_means
from linecolor.runs.record import read_record
from linecolor.runs.run_folder import RunFolder, hardware
from linecolor.samples import FullDrawing
from linecolor.systems.bundle import read_card


@dataclass(frozen=True)
class RunPage:
    """What a run's report shows beside what lies in its folder.

    Attributes:
        run: with the records of its stages.
        stages: in their order.
        evaluation: what evaluation.json holds.
        drawings: those shown on the sheets.
        colorings: of these, by name and number of hints.
        config_yaml: what the run was asked for.
    """

    run: RunFolder
    name: str
    stages: Sequence[str]
    evaluation: Mapping[str, Any]
    drawings: Sequence[FullDrawing]
    colorings: Mapping[str, Mapping[int, ColorizationResult]]
    config_yaml: str

    def write(self) -> Path:
        """Write report.html of the run."""
        records = {stage: read_record(self.run.stage(stage) / "metrics.jsonl") for stage in self.stages}
        facts = json.loads((self.run.path / "run.json").read_text(encoding="utf-8"))
        levels = by_count(self.evaluation["figures"])
        distances = quality.distance_columns(figure for figures in levels.values() for figure in figures)
        report = Report(
            title=f"linecolor: {self.name}",
            subtitle="Line art coloured at its own size",
            facts=self._facts(facts),
            warnings=quality.distance_warnings(self.evaluation["figures"]["n"], [c.figure for c in distances]),
            tables=[self._quality(levels, distances), *_backgrounds(self.evaluation.get("background"))],
            curves=_curves(records),
            sheets=[self._sheet(count) for count in sorted(levels, reverse=True)],
            config_yaml=self.config_yaml,
            versions={**facts["versions"], "commit": facts["commit"] or "installed package"},
            licence=read_card(self.run.bundle)["provenance"]["data"]["licence"],
            created=time.strftime("%Y-%m-%d %H:%M", time.localtime(self.run.evaluation.stat().st_mtime)),
        )
        return write_report(self.run.report, report)

    def _facts(self, facts: Mapping[str, Any]) -> list[tuple[str, str]]:
        shown = []
        for stage in self.stages:
            done = self.run.facts(stage)
            if done:
                images = f"{done['images_seen']:,} images in {done['steps']:,} steps"
                shown.append((f"{stage} stage", f"{images}, {done['seconds'] / 60:.1f} min"))
        evaluation = f"{self.evaluation['figures']['n']} held-out drawings, {self.evaluation['seconds']:.0f} s"
        shown += [("hardware", hardware(facts["machine"])), ("evaluation", evaluation)]
        adherence = self.evaluation["obedience"]
        if adherence and adherence["hints"]:
            share = f"{100 * adherence['obeyed']:.0f} % of {adherence['hints']:,} hints"
            shown.append(("hint adherence", share))
        return shown

    def _quality(self, levels: Mapping[int, Mapping[str, float]], distances: Sequence[quality.Column]) -> Table:
        columns = quality.metric_columns()
        _, (foreground, title) = METRICS[0].areas.items()
        rows: list[quality.Row] = [([name, None], figures) for name, figures in self.evaluation["references"].items()]
        rows += [([self.name, count], figures) for count, figures in levels.items()]
        columns.insert(2, quality.column(f"{title} median", f"{foreground}_median"))
        return quality.figure_table(
            "Quality at full size",
            f"Means over n = {self.evaluation['figures']['n']} held-out drawings, hints by the protocol with seed 0. "
            "Foreground leaves out the white paper, which flatters everybody. The mean colour (with the ink) and the "
            "mean paint (without it) are oracles: taken from the truth itself.",
            ["what", "hints"],
            [*columns, *distances],
            rows,
        )

    def _sheet(self, count: int) -> Sheet:
        figures = {row["name"]: row for row in self.evaluation["rows"] if row["hints"] == count}
        rows: list[SheetRow] = []
        columns: list[str] = []
        for drawing in self.drawings:
            pictures = figure_row(drawing, self.colorings[drawing.name][count])
            columns = columns or list(pictures)
            size = f"{drawing.line.shape[1]} x {drawing.line.shape[0]} px"
            row = figures[drawing.name]
            caption = f"{size}; PSNR {row['psnr']:.1f} dB, foreground {row['psnr_foreground']:.1f}"
            rows.append(SheetRow(drawing.name, caption, list(pictures.values())))
        hints = "no hints: the automatic mode" if count == 0 else f"{count} hints by the protocol"
        note = "Select a picture to look at it in full size; arrow keys change the column in place."
        title = f"With {count} hints" if count else "Without hints"
        return Sheet(title, f"Held-out drawings, {hints}. {note}", columns, rows)


def _backgrounds(of: Mapping[str, float] | None) -> list[Table]:
    """What the comic colorizer is for; of other systems, and of pages whose background is not known, nothing."""
    if not of:
        return []
    colors: list[list[Cell]] = [["truth", of["variance_of_truth"], None, None]]
    if "variance_without" in of:
        figures = (of[name] for name in ("variance_without", "foreground_psnr_without", "psnr_without"))
        colors.append(["without background network", *figures])
    colors.append(["with background network", of["variance"], of["foreground_psnr"], of["psnr"]])
    detector: list[list[Cell]] = [
        ["background detector", of["iou"], of["share"], of["least_share"], of["most_share"]],
        ["everything is background", of["iou_of_everything"], 1.0, 1.0, 1.0],
    ]
    return [
        Table(
            "One colour for one background",
            f"Means over n = {of['n']} held-out panels whose true background is known, which only measures. "
            "Variance of the colour inside it, off the ink, in levels squared, mean over the channels.",
            ["what", "variance in the background", "foreground PSNR", "PSNR"],
            colors,
            {"foreground PSNR": "max"},
        ),
        Table(
            "The background as it was found",
            "Intersection over union with the true background, and the share of the page that was found.",
            ["what", "IoU", "share of the page", "least", "most"],
            detector,
            {"IoU": "max"},
        ),
    ]


LOSSES = ("reconstruction", "sampled_reconstruction", "adversarial", "content", "discriminator_loss")

RECORDED: tuple[tuple[str, Sequence[str], str], ...] = (
    ("losses", LOSSES, "loss"),
    ("likelihood", ("bits",), "bits a channel"),
    ("background", ("background_share",), "share of pixels"),
    ("critic", ("wasserstein", "gradient_penalty"), "score"),
    ("discriminator accuracy", ("real_accuracy", "fake_accuracy"), "share right"),
    ("saturated output", ("saturated",), "share of pixels"),
)
"""Diagrams of a stage: title, what stages record, unit."""


def _curves(records: Mapping[str, list[dict[str, Any]]]) -> list[Curve]:
    curves: list[Curve] = []
    for stage, record in records.items():
        for title, names, unit in RECORDED:
            curves += curve(f"{stage}: {title}", unit, {name: (record, name) for name in names})
        for metric, means in metric_means([record]).items():
            series = {name.removeprefix(FULL_SIZE): (record, name) for name in means.values()}
            curves += curve(f"{stage}: full-size {metric.title}", metric.unit, series)
    return curves
