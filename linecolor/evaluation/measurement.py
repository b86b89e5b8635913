"""Measure systems side by side: the same drawings, the same hints, the same figures."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from linecolor.arrays import Picture
from linecolor.evaluation.claims import ClaimTruth, measure_claims
from linecolor.evaluation.feature_distance import FeatureDistance
from linecolor.evaluation.methods import WITHOUT, Hinting, Result, System
from linecolor.evaluation.metrics import psnr, whole_and_foreground_ssim
from linecolor.evaluation.results import QUANTITIES, MeasuredSystem
from linecolor.samples import FullDrawing

VERSION = 1
"""Raised when a change makes a figure another one: what was measured before is then measured again."""


class Measurement:
    """Rows and figures of several systems, drawing by drawing.

    PSNR and SSIM at full size, whole and foreground; the paper's claims as numbers; FID and KID at every level of
    hints. What a drawing's truth needs is prepared once for all systems.

    Args:
        systems: what is measured, told apart by name and member. Those that no hint changes are measured once a
            drawing, at the level "none".
        extractor: of FID and KID; None leaves them out.

    Raises:
        ValueError: if two systems cannot be told apart.
    """

    def __init__(self, systems: Sequence[System], extractor: nn.Module | None) -> None:
        self.systems = list(systems)
        keys = [_key(system) for system in self.systems]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"two systems are called {' '.join(twice[0]).strip()!r}: give them names of their own")
        self.extractor = extractor
        self.rows: list[dict[str, Any]] = []
        self.drawings: list[str] = []
        self._features: dict[str, Tensor] = {}

    def add(
        self, drawing: FullDrawing, hintings: Sequence[Hinting], counts: dict[str, int]
    ) -> Iterator[tuple[System, str, Result]]:
        """Colour a drawing by every system with every level of hints, and measure the results.

        Args:
            drawing: with its truth.
            hintings: its hints at every level.
            counts: numbers of hints by level, where they are known.

        Yields:
            The system, the level and the result, each as soon as it is measured; it is not kept. The drawing counts
            when all of them were taken.
        """
        claims = ClaimTruth.of(drawing.line, drawing.color, drawing.foreground)
        without = Hinting(WITHOUT, None, [])
        rows: list[dict[str, Any]] = []
        features: dict[str, Tensor] = {}
        truth = self._extract(drawing.color)
        if truth is not None:
            features[_feature_key("", "", drawing.name)] = truth
        for system in self.systems:
            for hinting in hintings if system.uses_hints else [without]:
                result = system.color(drawing, hinting)
                if result is None:
                    continue
                rows.append(
                    {
                        "system": system.name,
                        "member": system.member,
                        "drawing": drawing.name,
                        "hints": hinting.label,
                        "hint_count": counts.get(hinting.label),
                        **_measure(result, drawing, claims),
                    }
                )
                extracted = self._extract(result.full)
                if extracted is not None:
                    features[_feature_key("/".join(_key(system)), hinting.label, drawing.name)] = extracted
                yield system, hinting.label, result
        self.rows += rows
        self._features |= features
        self.drawings.append(drawing.name)

    def compute(self) -> list[MeasuredSystem]:
        """The figures of every system: mean, std and median over its pictures, distances, n."""
        found = []
        for system in self.systems:
            mine = [row for row in self.rows if (row["system"], row["member"]) == _key(system)]
            levels = {}
            for label in dict.fromkeys(row["hints"] for row in mine):
                here = [row for row in mine if row["hints"] == label]
                levels[label] = _figures(here) | self._distances(system, label, [row["drawing"] for row in here])
            found.append(MeasuredSystem(system.name, system.member, system.kind, levels))
        return found

    def state(self) -> dict[str, Any]:
        """What was measured so far: tensors, numbers and strings."""
        return {"rows": self.rows, "drawings": self.drawings, "features": self._features}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""
        self.rows, self.drawings = list(state["rows"]), list(state["drawings"])
        self._features = dict(state["features"])

    def _distances(self, system: System, label: str, drawings: Sequence[str]) -> dict[str, float]:
        """FID and KID between the results and the truths of the very drawings that have one."""
        if self.extractor is None or len(drawings) < 2:
            return {}
        distance = FeatureDistance.of_features(self.extractor)
        for name in drawings:
            distance.update(self._features[_feature_key("/".join(_key(system)), label, name)], real=False)
            distance.update(self._features[_feature_key("", "", name)], real=True)
        return {name: value for name, value in distance.compute().items() if name not in ("n", "n_real")}

    def _extract(self, picture: Picture) -> Tensor | None:
        if self.extractor is None:
            return None
        batch = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]
        device = next((tensor.device for tensor in self.extractor.parameters()), torch.device("cpu"))
        return self.extractor(batch.to(device)).cpu()


def _key(system: System) -> tuple[str, str]:
    return system.name, system.member


def _feature_key(system: str, label: str, drawing: str) -> str:
    return "\0".join((system, label, drawing))


def _measure(result: Result, drawing: FullDrawing, claims: ClaimTruth) -> dict[str, float]:
    whole, foreground = whole_and_foreground_ssim(result.full, drawing.color, drawing.foreground)
    return {
        "psnr": psnr(result.full, drawing.color),
        "psnr_foreground": psnr(result.full, drawing.color, drawing.foreground),
        "ssim": whole,
        "ssim_foreground": foreground,
        **measure_claims(result.full, result.network, claims),
        "seconds": result.seconds,
    }


def _figures(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    figures: dict[str, float] = {"n": len(rows)}
    for quantity in QUANTITIES:
        values = np.array([row[quantity] for row in rows], np.float64)
        values = values[np.isfinite(values)]
        for name, function in (("mean", np.mean), ("std", np.std), ("median", np.median)):
            figures[f"{quantity}_{name}"] = float(function(values)) if values.size else float("nan")
    return figures
