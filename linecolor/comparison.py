"""Runs side by side: where their configurations differ, their figures, their curves, the same drawings."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from linecolor.bundle import read_card
from linecolor.images import UnreadableImage, read_color
from linecolor.line_art import FullDrawing
from linecolor.report import Cell, Curve, Sheet, SheetRow, Table
from linecolor.run_folder import RunFolder, read_settings
from linecolor.sweep_folder import JobFolder
from linecolor.training_record import read_record

SIDE = 384
"""Pixels of a picture's longer side on a sheet; the runs' own reports have them in full size."""

MOST_CURVES = 8
"""Runs in one diagram: the report tells so many colours apart."""

ELSEWHERE = ("name", "runs_dir", "resume")
"""What runs differ in without being different."""


@dataclass(frozen=True)
class RunResult:
    """A run to compare.

    Attributes:
        label: what it is called on the page.
        run: its folder.
        config: its configuration, a value by dotted key.
        evaluation: what evaluation.json holds; empty if the run was not evaluated.
    """

    label: str
    run: RunFolder
    config: dict[str, Any] = field(repr=False)
    evaluation: dict[str, Any] = field(repr=False)

    @classmethod
    def of(cls, path: Path, label: str) -> "RunResult":
        """Read what a run was asked for and what came out.

        Raises:
            FileNotFoundError: if there is no run in the folder.
            ValueError: if its configuration or its evaluation is damaged.
        """
        if not (path / "config.yaml").is_file():
            raise FileNotFoundError(f"{path}: there is no run here; give a folder such as runs/demo")
        evaluation = JobFolder(path).evaluation
        rows = evaluation.get("rows", [])
        whole = isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
        if not whole or not all(isinstance(r.get("name"), str) and type(r.get("hints")) is int for r in rows):
            raise ValueError(f"{RunFolder(path).evaluation}: is damaged; delete it and start linecolor-evaluate again")
        return cls(label, RunFolder(path), flat(read_settings(path / "config.yaml")), evaluation)

    @property
    def stages(self) -> list[str]:
        """The stages it was asked to train."""
        stages = self.config.get("stages")
        return [str(stage) for stage in stages] if isinstance(stages, list) else []

    @property
    def figures(self) -> dict[str, float]:
        """The means over the drawings."""
        return self.evaluation.get("figures", {})

    @property
    def counts(self) -> list[int]:
        """The numbers of hints it was evaluated with."""
        return sorted({row["hints"] for row in self.evaluation.get("rows", [])})

    @property
    def drawings(self) -> list[str]:
        """The drawings it was evaluated on, in their order."""
        return list(dict.fromkeys(row["name"] for row in self.evaluation.get("rows", [])))

    def per_drawing(self, count: int, quantity: str) -> dict[str, float]:
        """A figure of each drawing, by name; without those that have none."""
        rows = [row for row in self.evaluation.get("rows", []) if row["hints"] == count]
        return {row["name"]: row[quantity] for row in rows if _is_finite(row.get(quantity))}

    def picture(self, count: int, drawing: str) -> NDArray[np.uint8] | None:
        """The coloured drawing, no larger than SIDE; None if it is not there or cannot be read."""
        folder = self.run.evaluation.parent / f"hints_{count:03d}"
        path = folder / f"{drawing}.png"
        if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
            return None
        try:
            return small(read_color(path)[0])
        except UnreadableImage:
            return None


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one mapping: {a: {b: 1}} -> {"a.b": 1}."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def differing(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys whose values differ between configurations; where a run lies is no difference."""
    keys = dict.fromkeys(key for config in configs for key in config)
    missing = object()
    first, *others = configs
    return [
        key
        for key in keys
        if not (key in ELSEWHERE or key.startswith("sweep."))
        and any(config.get(key, missing) != first.get(key, missing) for config in others)
    ]


def common(lists: Sequence[Sequence[Any]]) -> list[Any]:
    """What all lists have, in the order of the first."""
    return [item for item in lists[0] if all(item in others for others in lists[1:])] if lists else []


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


def small(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture (H, W[, C]) reduced so that its longer side is SIDE; a smaller one as it is."""
    height, width = picture.shape[:2]
    scale = SIDE / max(height, width)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _is_finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)
