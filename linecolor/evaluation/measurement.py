"""Measure methods side by side: the same drawings, the same hints, the same figures."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn

from linecolor.evaluation.feature_distance import FeatureDistance
from linecolor.evaluation.full_size import DrawingMeasurement
from linecolor.evaluation.hint_levels import NO_HINTS, HintLevels
from linecolor.evaluation.methods import Method, Result
from linecolor.evaluation.picture_statistics import statistics
from linecolor.evaluation.results import QUANTITIES, MeasuredMethod
from linecolor.samples import FullDrawing

VERSION = 1
"""Raised when a change makes a figure another one: what was measured before is then measured again."""


class Measurement:
    """Rows and figures of several methods, drawing by drawing.

    Every metric at full size, whole and foreground; the paper's claims as numbers; FID and KID at every level of hints.

    Args:
        methods: what is measured, identified by name and seed. Those that no hint changes are measured once a drawing,
            at the level "none".
        hints: that each drawing is coloured with.
        extractor: of FID and KID; None leaves them out.

    Raises:
        ValueError: if two methods cannot be told apart.
    """

    def __init__(self, methods: Sequence[Method], hints: HintLevels, extractor: nn.Module | None) -> None:
        self.methods = list(methods)
        keys = Counter((method.name, method.seed) for method in self.methods)
        twice = sorted(key for key, times in keys.items() if times > 1)
        if twice:
            raise ValueError(f"two methods are called {' '.join(twice[0]).strip()!r}: give them names of their own")
        self.hints = hints
        self.extractor = extractor
        self.rows: list[dict[str, Any]] = []
        self.drawings: list[str] = []
        self._features: dict[str, Tensor] = {}

    def add(self, drawing: FullDrawing) -> Iterator[tuple[Method, str, Result]]:
        """Colour a drawing by every method with every level of hints, and measure the results.

        Yields:
            The method, the level and the result, each as soon as it is measured; it is not kept. The drawing counts
            when all of them were taken.
        """
        levels = self.hints.of(drawing)
        measurement = DrawingMeasurement(drawing, self.extractor, claims=True)
        rows: list[dict[str, Any]] = []
        features = {_feature_key(None, "", drawing.name): measurement.features}
        for method in self.methods:
            for hints in levels if method.uses_hints else [NO_HINTS]:
                picture = measurement.measure(method, hints)
                if picture is None:
                    continue
                row = {"system": method.name, "member": method.seed, "drawing": drawing.name, "hints": hints.level}
                rows.append({**row, "hint_count": self.hints.counts.get(hints.level), **picture.figures})
                features[_feature_key(method, hints.level, drawing.name)] = picture.features
                yield method, hints.level, picture.result
        self.rows += rows
        self._features |= {key: of.cpu() for key, of in features.items() if of is not None}
        self.drawings.append(drawing.name)

    def compute(self) -> list[MeasuredMethod]:
        """The figures of every method: mean, std and median over its pictures, distances, n."""
        measured = []
        for method in self.methods:
            own = [row for row in self.rows if (row["system"], row["member"]) == (method.name, method.seed)]
            levels = {}
            for level in dict.fromkeys(row["hints"] for row in own):
                here = [row for row in own if row["hints"] == level]
                levels[level] = _figures(here) | self._distances(method, level, [row["drawing"] for row in here])
            measured.append(MeasuredMethod(method.name, method.seed, method.kind, levels))
        return measured

    def state(self) -> dict[str, Any]:
        """What was measured so far: tensors, numbers and strings."""
        return {"rows": self.rows, "drawings": self.drawings, "features": self._features}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""
        self.rows, self.drawings = list(state["rows"]), list(state["drawings"])
        self._features = dict(state["features"])

    def _distances(self, method: Method, level: str, drawings: Sequence[str]) -> dict[str, float]:
        """FID and KID between the results and the truths of the very drawings that have one."""
        if self.extractor is None or len(drawings) < 2:
            return {}
        distance = FeatureDistance.of(self.extractor)
        for name in drawings:
            distance.update(self._features[_feature_key(method, level, name)], real=False)
            distance.update(self._features[_feature_key(None, "", name)], real=True)
        return {name: value for name, value in distance.compute().items() if name not in ("n", "n_real")}


def _feature_key(method: Method | None, level: str, drawing: str) -> str:
    """Of a method's result; of the truth without one."""
    return "\0".join((f"{method.name}/{method.seed}" if method else "", level, drawing))


def _figures(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    figures: dict[str, float] = {"n": len(rows)}
    for quantity in QUANTITIES:
        figures |= statistics(quantity, np.array([row[quantity] for row in rows], np.float64))
    return figures
