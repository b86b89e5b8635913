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
from linecolor.reports import method_tables
from linecolor.runs.run_folder import versions

Pictures = Callable[[str, str, str], Picture | None]
"""(method, level, drawing) -> picture; of "line", "hints" and "truth" too; None where there is none."""

CASES = 3
"""Drawings among the best cases, and among the worst."""


@dataclass(frozen=True)
class Presentation:
    """How a measurement is presented.

    Attributes:
        caution: what a reader must know before any figure: that a demonstration is no evidence.
        subject: the method the others are compared with.
        named_after: the methods of the paper's Table 2 by their names in it.
        sheet: how many drawings are shown side by side.
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
    """Write the page; the licence is that of the drawings."""
    warnings = method_tables.warnings(measured)
    report = Report(
        title=presentation.title,
        subtitle=presentation.subtitle,
        facts=_facts(measured),
        warnings=[presentation.caution, *warnings] if presentation.caution else warnings,
        tables=method_tables.all_tables(measured, presentation.named_after, presentation.subject),
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
    facts = [("drawings", f"{len(measured.drawings)}"), ("hints", levels), ("training seeds", f"{seeds}")]
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
            values = {
                count: list(measured.per_drawing(name, measured.level_of(name, level), area).values())
                for level, count in counts.items()
            }
            known = {count: of for count, of in values.items() if of}
            if known:
                series[name] = (list(known), [float(np.mean(of)) for of in known.values()])
                errors[name] = [half_width(of) for of in known.values()]
        title = f"{title} against hints (± 95 % over drawings)"
        found.append(Curve(title, "hints", unit, series, errors=errors, x_ticks=list(counts.values()), log1_x=True))
    return found


def sheets(measured: Measured, presentation: Presentation, pictures: Pictures) -> list[Sheet]:
    """The same drawings by every method: with the most hints, without, and the subject's best and worst cases."""
    fewest, most = measured.levels[0], measured.levels[-1]
    shown = measured.drawings[: presentation.sheet]
    found = [
        _sheet(f"The same drawings with {level_name(level)}", level, shown, measured, pictures)
        for level in dict.fromkeys((most, fewest))
    ]
    scores = measured.per_drawing(presentation.subject, most, "psnr_foreground") if presentation.subject else {}
    if len(scores) >= 2 * CASES:
        ranked = sorted(scores, key=scores.__getitem__, reverse=True)
        for title, cases in (("Best cases", ranked[:CASES]), ("Worst cases", ranked[: -CASES - 1 : -1])):
            title = f"{title} of {presentation.subject} with {level_name(most)}"
            found.append(_sheet(title, most, cases, measured, pictures))
    return [sheet for sheet in found if sheet.rows]


def _sheet(title: str, level: str, drawings: Sequence[str], measured: Measured, pictures: Pictures) -> Sheet:
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
    note = (
        "Below each picture its foreground PSNR. Select one to enlarge it: side by side (s) zooms all of them "
        "together, the slider (d) lays two on top of each other."
    )
    return Sheet(title, note, columns, rows)
