"""What came out of a run: its configuration, figures and pictures."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2

from linecolor.arrays import Picture
from linecolor.images import UnreadableImage, read_color
from linecolor.runs.run_folder import RunFolder, read_config
from linecolor.runs.sweep_folder import JobFolder

SIDE = 384
"""Pixels of a picture's longer side on a sheet; the runs' own reports have them in full size."""


ELSEWHERE = ("name", "runs_dir", "resume")
"""What runs differ in without being different."""


@dataclass(frozen=True)
class RunResult:
    """A run to compare, by the label it has on the page.

    Its configuration is a value by dotted key; what evaluation.json holds is empty if it was not evaluated.
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
        config = read_config(path)
        evaluation = JobFolder(path).evaluation
        rows = evaluation.get("rows", [])
        whole = isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
        if not whole or not all(isinstance(r.get("name"), str) and type(r.get("hints")) is int for r in rows):
            raise ValueError(f"{RunFolder(path).evaluation}: is damaged; delete it and start linecolor-evaluate again")
        return cls(label, RunFolder(path), flat(config), evaluation)

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

    def picture(self, count: int, drawing: str) -> Picture | None:
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


def small(picture: Picture) -> Picture:
    """A picture (H, W[, C]) reduced so that its longer side is SIDE; a smaller one as it is."""
    height, width = picture.shape[:2]
    scale = SIDE / max(height, width)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _is_finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)
