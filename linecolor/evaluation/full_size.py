"""Quality at full size: of a drawing coloured by a method, and of a method over the drawings of all devices."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from linecolor.arrays import Picture
from linecolor.evaluation.claims import ClaimTruth, measure_claims
from linecolor.evaluation.feature_distance import FeatureDistance
from linecolor.evaluation.figures import run_figure
from linecolor.evaluation.hint_adherence import hint_adherence, permuted
from linecolor.evaluation.hint_levels import NO_HINTS, DrawingHints, ProtocolHints
from linecolor.evaluation.methods import Method, ReferenceMethod, Result
from linecolor.evaluation.metrics import METRICS
from linecolor.evaluation.picture_statistics import PictureStatistics
from linecolor.evaluation.protocol import paint_hints
from linecolor.evaluation.references import REFERENCES
from linecolor.samples import FullDrawing
from linecolor.systems.line_colorizer import LineColorizer


@dataclass(frozen=True)
class MeasuredPicture:
    """A result and what was measured of it.

    Attributes:
        figures: by name: `psnr`, `psnr_foreground`, ..., the claims where they were wanted, `seconds`.
        features: (1, F) for FID and KID; None without an extractor.
    """

    result: Result
    figures: dict[str, float]
    features: Tensor | None


class DrawingMeasurement:
    """Measures whatever is made of one drawing, the paper's claims too where wanted; its truth is prepared once.

    The extractor is that of FID and KID; None leaves them out.
    """

    def __init__(self, drawing: FullDrawing, extractor: nn.Module | None, claims: bool = False) -> None:
        self.drawing = drawing
        self._extractor = extractor
        self._claims = ClaimTruth.of(drawing.line, drawing.color, drawing.foreground) if claims else None
        self.features = self._extract(drawing.color)
        """Of the truth."""

    def measure(self, method: Method, hints: DrawingHints) -> MeasuredPicture | None:
        """Colour the drawing and measure the result; None if the method has none for these hints."""
        result = method.color(self.drawing, hints)
        if result is None:
            return None
        figures: dict[str, float] = {}
        for metric in METRICS:
            figures |= metric.of_picture(result.full, self.drawing.color, self.drawing.foreground)
        if self._claims:
            figures |= measure_claims(result.full, result.network, self._claims)
        return MeasuredPicture(result, {**figures, "seconds": result.seconds}, self._extract(result.full))

    @torch.no_grad()
    def _extract(self, picture: Picture) -> Tensor | None:
        if self._extractor is None:
            return None
        device = next((tensor.device for tensor in self._extractor.parameters()), torch.device("cpu"))
        batch = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]
        return self._extractor(batch.to(device))


class FullSizeEvaluation:
    """Quality of a method over drawings, for several numbers of hints.

    `METRICS` over whole pictures and foregrounds, FID and KID on named features, all gathered by torchmetrics, so that
    devices of one run see different drawings and agree on the result.

    Args:
        counts: numbers of hints, by the protocol.
        extractor: of FID and KID; None leaves them out.
    """

    def __init__(self, counts: Sequence[int], extractor: nn.Module | None) -> None:
        self.hints = ProtocolHints(counts)
        self.extractor = extractor
        self.rows: list[dict[str, Any]] = []
        self._statistics = {count: PictureStatistics() for count in counts}
        self._distances = {count: FeatureDistance.of(extractor) for count in counts} if extractor else {}

    def to(self, device: torch.device) -> "FullSizeEvaluation":
        """Move what is gathered, and the feature network, to a device."""
        for metric in self._gathered():
            metric.to(device)
        if self.extractor is not None:
            self.extractor.to(device)
        return self

    def reset(self) -> None:
        """Forget all drawings."""
        self.rows.clear()
        for metric in self._gathered():
            metric.reset()

    def add(self, method: Method, drawing: FullDrawing) -> dict[int, Result]:
        """Colour a drawing with each number of hints and measure the results, which come back by that number."""
        measurement = DrawingMeasurement(drawing, self.extractor)
        results = {}
        for hints in self.hints.of(drawing):
            picture = measurement.measure(method, hints)
            if picture is None:
                continue
            count = self.hints.counts[hints.level]
            results[count] = picture.result
            statistics = self._statistics[count]
            statistics.update(picture.figures)
            seconds = picture.result.seconds
            self.rows.append({"name": drawing.name, "hints": count, **statistics.last(), "seconds": seconds})
            if picture.features is not None and measurement.features is not None:
                self._distances[count].update(picture.features, real=False)
                self._distances[count].update(measurement.features, real=True)
        return results

    def compute(self) -> dict[str, float]:
        """The figures over all drawings of all devices.

        Returns:
            `psnr_32_mean`, `psnr_32_foreground_median`, `ssim_0_std`, `fid_efficientnet_lite0_0`, ..., and `n`.
        """
        figures: dict[str, float] = {}
        for count, statistics in self._statistics.items():
            values = statistics.compute()
            figures |= {"n": values["n"], **_of_run(values, count)}
        for count, distance in self._distances.items():
            if figures["n"] >= 2:  # a distribution of one picture has no covariance
                figures |= _of_run(distance.compute(), count)
        return figures

    def _gathered(self) -> list[Any]:
        return [*self._statistics.values(), *self._distances.values()]


def _of_run(figures: dict[str, float], count: int) -> dict[str, float]:
    """Figures with so many hints by their names in a run, without the numbers of pictures."""
    numbers = ("n", "n_real", "n_foreground")
    return {run_figure(name, count): value for name, value in figures.items() if name not in numbers}


def measure_references(drawings: Iterable[FullDrawing]) -> dict[str, dict[str, float]]:
    """The figures of what needs neither training nor hints, by name of the reference."""
    methods = [ReferenceMethod(reference) for reference in REFERENCES if not reference.uses_hints]
    statistics = {method.name: PictureStatistics() for method in methods}
    for drawing in drawings:
        measurement = DrawingMeasurement(drawing, None)
        for method in methods:
            picture = measurement.measure(method, NO_HINTS)
            if picture is not None:
                statistics[method.name].update(picture.figures)
    return {name: pictures.compute() for name, pictures in statistics.items()}


def measure_hint_adherence(
    colorizer: LineColorizer, drawings: Iterable[FullDrawing], count: int, seed: int = 0
) -> dict[str, float]:
    """Does the result follow its hints? The same hints with exchanged colours must move it towards the new colours.

    A model can meet a PSNR bar and ignore its hints. For each drawing the `count` hints of the protocol are painted
    twice, with their own and with permuted colours; within 5 px of a hint on the draft's grid the result has to follow.

    Returns:
        `obeyed`, the share of hints that were followed; `hints`, how many were judged.
    """
    levels = ProtocolHints([count], seed)
    followed: list[bool] = []
    for drawing in drawings:
        (own,) = levels.of(drawing)
        hints = own.hints or []
        exchanged = permuted(hints, np.random.default_rng(seed))
        before = colorizer.colorize(drawing.line, own.layer)
        after = colorizer.colorize(drawing.line, paint_hints(exchanged, drawing.line.shape))
        scale = 2 * min(drawing.line.shape) / colorizer.options.resolution
        adherence = hint_adherence(before, after, hints, exchanged, drawing.line, scale)
        followed.extend(adherence.followed[adherence.counted].tolist())
    return {"obeyed": float(np.mean(followed)) if followed else float("nan"), "hints": len(followed)}
