"""Measure systems side by side: the same drawings, the same hints, the same figures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from linecolor.claims import ClaimTruth, measure_claims
from linecolor.feature_distance import FeatureDistance
from linecolor.line_art import FullDrawing
from linecolor.measured import QUANTITIES, MeasuredSystem
from linecolor.metrics import psnr, whole_and_foreground_ssim
from linecolor.systems import WITHOUT, Hinting, ProtocolHints, Result, System

Picture = NDArray[np.uint8]


class Measurement:
    """Rows and figures of several systems, drawing by drawing.

    PSNR and SSIM at full size, whole and foreground; the paper's claims as numbers; FID and KID at every level of
    hints. What a drawing's truth needs is prepared once for all systems.

    Args:
        systems: what is measured. Those that no hint changes are measured once a drawing, at the level "none".
        extractor: of FID and KID; None leaves them out.
    """

    def __init__(self, systems: Sequence[System], extractor: nn.Module | None) -> None:
        self.systems = list(systems)
        self.extractor = extractor
        self.rows: list[dict[str, Any]] = []
        self.drawings: list[str] = []
        self._distances: dict[tuple[int, str], FeatureDistance] = {}

    def add(self, drawing: FullDrawing, hintings: Sequence[Hinting], counts: dict[str, int]) -> list[dict[str, Result]]:
        """Colour a drawing by every system with every level of hints, and measure the results.

        Args:
            drawing: with its truth.
            hintings: its hints at every level.
            counts: numbers of hints by level, where they are known.

        Returns:
            For each system, in their order, its results by level; of those that no hint changes at "none" alone.
        """
        claims = ClaimTruth.of(drawing.line, drawing.color, drawing.foreground)
        truth = self._features(drawing.color)
        without = Hinting(WITHOUT, None, [])
        results: list[dict[str, Result]] = []
        for index, system in enumerate(self.systems):
            results.append({})
            for hinting in hintings if system.uses_hints else [without]:
                result = system.color(drawing, hinting)
                if result is None:
                    continue
                row = {
                    "system": system.name,
                    "member": system.member,
                    "drawing": drawing.name,
                    "hints": hinting.label,
                    "hint_count": counts.get(hinting.label),
                    **self._measure(result, drawing, claims),
                }
                self.rows.append(row)
                self._compare(index, hinting.label, result, truth)
                results[-1][hinting.label] = result
        self.drawings.append(drawing.name)
        return results

    def compute(self) -> list[MeasuredSystem]:
        """The figures of every system: mean, std and median over its pictures, distances, n."""
        found = []
        for index, system in enumerate(self.systems):
            mine = [row for row in self.rows if row["system"] == system.name and row["member"] == system.member]
            levels = {}
            for label in dict.fromkeys(row["hints"] for row in mine):
                levels[label] = _figures([row for row in mine if row["hints"] == label])
                distance = self._distances.get((index, label))
                if distance is not None and levels[label]["n"] > 1:
                    told = distance.compute()
                    levels[label] |= {name: value for name, value in told.items() if name not in ("n", "n_real")}
            found.append(MeasuredSystem(system.name, system.member, system.kind, levels))
        return found

    def _measure(self, result: Result, drawing: FullDrawing, claims: ClaimTruth) -> dict[str, float]:
        whole, foreground = whole_and_foreground_ssim(result.full, drawing.color, drawing.foreground)
        return {
            "psnr": psnr(result.full, drawing.color),
            "psnr_foreground": psnr(result.full, drawing.color, drawing.foreground),
            "ssim": whole,
            "ssim_foreground": foreground,
            **measure_claims(result.full, result.network, claims),
            "seconds": result.seconds,
        }

    def _compare(self, index: int, label: str, result: Result, truth: Tensor | None) -> None:
        if self.extractor is None or truth is None:
            return
        features = self._features(result.full)
        assert features is not None, "there is an extractor"
        distance = self._distances.setdefault((index, label), FeatureDistance.of_features(self.extractor))
        distance.update(features, real=False)
        distance.update(truth, real=True)

    def _features(self, picture: Picture) -> Tensor | None:
        if self.extractor is None:
            return None
        batch = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]
        device = next((tensor.device for tensor in self.extractor.parameters()), torch.device("cpu"))
        return self.extractor(batch.to(device)).cpu()


def counts_of(hints: Any) -> dict[str, int]:
    """Numbers of hints by level, where the protocol gives them."""
    return hints.counts if isinstance(hints, ProtocolHints) else {}


def _figures(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    figures: dict[str, float] = {"n": len(rows)}
    for quantity in QUANTITIES:
        values = np.array([row[quantity] for row in rows], np.float64)
        values = values[np.isfinite(values)]
        for name, function in (("mean", np.mean), ("std", np.std), ("median", np.median)):
            figures[f"{quantity}_{name}"] = float(function(values)) if values.size else float("nan")
    return figures
