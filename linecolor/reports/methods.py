"""The report of a measurement: its tables, curves against the number of hints, the same drawings side by side."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from linecolor.arrays import Picture
from linecolor.evaluation.hint_levels import level_name
from linecolor.evaluation.metrics import METRICS
from linecolor.evaluation.results import Measured
from linecolor.evaluation.statistics import half_width
from linecolor.html import Curve, Report, Sheet, SheetRow, write_report
from linecolor.reports.method_tables import (
    claims_table,
    cost_table,
    difference_tables,
    quality_tables,
    table_2,
    warnings,
)
from linecolor.runs.run_folder import versions

Pictures = Callable[[str, str, str], Picture | None]
"""(method, level, drawing) -> picture; of "line", "hints" and "truth" too; None where there is none."""

CASES = 3
"""Drawings among the best cases, and among the worst."""


@dataclass(frozen=True)
class Presentation:
    """How a measurement is presented.

    Attributes:
        title: of the report.
        subtitle: what it is, in a sentence.
        caution: what a reader must know before any figure: that a demonstration is no evidence.
        subject: the method the others are compared with.
        named_after: the methods of the paper's Table 2 by their names in it.
        sheet: drawings shown side by side.
    """

    title: str
    subtitle: str
    caution: str
    subject: str
    named_after: Mapping[str, str]
    sheet: int


def write_methods_report(
    path: Path,
    measured: Measured,
    presentation: Presentation,
    pictures: Pictures,
    config_yaml: str = "",
    licence: dict[str, str] | None = None,
) -> Path:
    """Write the page.

    Args:
        path: of the page.
        measured: the figures.
        presentation: how.
        pictures: of the drawings by the methods.
        config_yaml: what was asked for.
        licence: of the drawings.
    """
    report = Report(
        title=presentation.title,
        subtitle=presentation.subtitle,
        facts=_facts(measured),
        warnings=[presentation.caution, *warnings(measured)] if presentation.caution else warnings(measured),
        tables=[
            *table_2(measured, presentation.named_after),
            *quality_tables(measured),
            *difference_tables(measured, presentation.subject),
            claims_table(measured),
            cost_table(measured),
        ],
        curves=hint_curves(measured),
        sheets=sheets(measured, presentation, pictures),
        config_yaml=config_yaml,
        versions=versions(),
        licence=licence,
        created=time.strftime("%Y-%m-%d %H:%M"),
    )
    return write_report(path, report)


def _facts(measured: Measured) -> list[tuple[str, str]]:
    seeds = max((len(measured.seeds(name)) for name in measured.names), default=0)
    levels = ", ".join(level_name(level) for level in measured.levels)
    facts = [
        ("drawings", f"{len(measured.drawings)}"),
        ("hints", levels),
        ("training seeds", f"{seeds}"),
    ]
    return facts + [(name, str(measured.facts[name])) for name in ("machine", "took") if name in measured.facts]


def hint_curves(measured: Measured) -> list[Curve]:
    """Quality against the number of hints, with 95 % intervals over the drawings."""
    counts = {level: int(level) for level in measured.levels if len(level) == 3 and level.isdigit()}
    if len(counts) < 2:
        return []
    found = []
    areas = [(area, title, metric.unit) for metric in METRICS for area, title in metric.areas.items()]
    for area, title, unit in areas:
        series, errors = {}, {}
        for name in measured.names:
            points = []
            for level, count in counts.items():
                at = measured.level_of(name, level)
                values = list(measured.per_drawing(name, at, area).values())
                if values:
                    points.append((count, float(np.mean(values)), half_width(values)))
            if points:
                series[name] = ([p[0] for p in points], [p[1] for p in points])
                errors[name] = [p[2] for p in points]
        title = f"{title} against hints (± 95 % over drawings)"
        found.append(Curve(title, "hints", unit, series, errors=errors, x_ticks=list(counts.values()), log1_x=True))
    return found


def sheets(
    measured: Measured, presentation: Presentation, pictures: Callable[[str, str, str], Picture | None]
) -> list[Sheet]:
    """The same drawings by every method: with the most hints, without, and the subject's best and worst cases."""
    fewest, most = measured.levels[0], measured.levels[-1]
    shown = measured.drawings[: presentation.sheet]
    found = [_sheet(f"The same drawings with {level_name(most)}", most, shown, measured, pictures)]
    if fewest != most:
        found.append(_sheet(f"The same drawings with {level_name(fewest)}", fewest, shown, measured, pictures))
    scores = measured.per_drawing(presentation.subject, most, "psnr_foreground") if presentation.subject else {}
    if len(scores) >= 2 * CASES:
        ranked = sorted(scores, key=scores.__getitem__, reverse=True)
        for title, cases in (("Best cases", ranked[:CASES]), ("Worst cases", ranked[: -CASES - 1 : -1])):
            found.append(
                _sheet(f"{title} of {presentation.subject} with {level_name(most)}", most, cases, measured, pictures)
            )
    return [sheet for sheet in found if sheet.rows]


def _sheet(
    title: str,
    level: str,
    drawings: Sequence[str],
    measured: Measured,
    pictures: Pictures,
) -> Sheet:
    names = [name for name in measured.names if measured.level_of(name, level) in measured.seeds(name)[0].levels]
    scores = {}
    for name in names:
        at = measured.level_of(name, level)
        # Of several seeds the first one's pictures are shown, and its figures with them.
        scores[name] = measured.per_drawing(name, at, "psnr_foreground", measured.seeds(name)[0].seed)
    hinted = any(pictures("hints", level, drawing) is not None for drawing in drawings[:1])
    columns = ["line", *(["hints"] if hinted else []), *names, "truth"]
    rows = []
    for drawing in drawings:
        captions = [f"{scores[name][drawing]:.1f} dB" if drawing in scores.get(name, {}) else "" for name in columns]
        rows.append(SheetRow(drawing, "", [pictures(name, level, drawing) for name in columns], captions))
    return Sheet(
        title,
        "Below each picture its foreground PSNR. Select one to enlarge it: side by side (s) zooms all of them "
        "together, the slider (d) lays two on top of each other.",
        columns,
        rows,
    )
