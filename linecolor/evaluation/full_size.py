"""Held-out drawings through the whole chain, at full size, measured by the protocol."""

import time
import zlib
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import torch
from torch import nn

from linecolor.arrays import Picture
from linecolor.evaluation import protocol
from linecolor.evaluation.feature_distance import FeatureDistance
from linecolor.evaluation.hint_adherence import obedience, permuted
from linecolor.evaluation.metrics import FullSizePSNR, FullSizeSSIM
from linecolor.evaluation.references import REFERENCES
from linecolor.rendering.result import ColorizationResult
from linecolor.samples import FullDrawing
from linecolor.systems.comic import WITHOUT_BACKGROUND
from linecolor.systems.line_colorizer import LineColorizer


def steps(drawing: FullDrawing, coloring: ColorizationResult) -> dict[str, Picture]:
    """The pictures on the way from the line to the result, and the truth beside it: one row of a sheet.

    Of the comic colorizer the columns of Kang et al. 2017, figure 2.
    """
    if coloring.extras:
        last = "with background network" if WITHOUT_BACKGROUND in coloring.extras else "result"
        kind = "outline" if drawing.ink is None else "grey page"
        return {kind: drawing.line, **coloring.extras, last: coloring.full, "truth": drawing.color}
    found = {"line": drawing.line, "hints": coloring.hint}
    if coloring.draft is not None:
        found["draft"] = coloring.draft
    return found | {"colorized": coloring.colorized, "full size": coloring.full, "truth": drawing.color}


def drawing_hints(drawing: FullDrawing, count: int, seed: int = 0) -> list[protocol.Hint]:
    """The protocol's hints of a drawing; its key is the file's name without folders."""
    name = PurePosixPath(drawing.name).name + ".png"
    return protocol.protocol_hints(drawing.line, drawing.color, name, count, seed) if count else []


def color_by_protocol(colorizer: LineColorizer, drawing: FullDrawing, count: int, seed: int = 0) -> ColorizationResult:
    """Colour a drawing with the first `count` hints of the protocol; what is sampled is keyed by its name.

    Drawings that all got the same noise would be one sample of it.
    """
    hints = drawing_hints(drawing, count, seed)
    candidate = colorizer.candidate(zlib.crc32(drawing.name.encode())) if colorizer.samples else colorizer
    return candidate.color(drawing.line, protocol.paint_hints(hints, drawing.line.shape) if hints else None)


class FullSizeEvaluation:
    """Quality of a colorizer over drawings, for several numbers of hints.

    PSNR and SSIM over whole pictures and foregrounds, FID and KID on named features, all by torchmetrics, so that
    devices of one run see different drawings and agree on the result.

    Args:
        counts: numbers of hints.
        extractor: of FID and KID; None leaves them out.
    """

    def __init__(self, counts: Sequence[int], extractor: nn.Module | None) -> None:
        self.counts = list(counts)
        self.extractor = extractor
        self.rows: list[dict[str, Any]] = []
        self._psnr = {count: FullSizePSNR() for count in self.counts}
        self._ssim = {count: FullSizeSSIM() for count in self.counts}
        self._distance = {count: FeatureDistance(extractor) for count in self.counts} if extractor else {}

    def to(self, device: torch.device) -> "FullSizeEvaluation":
        """Move the metrics, and with them the feature network, to a device."""
        for metric in self._metrics():
            metric.to(device)
        return self

    def reset(self) -> None:
        """Forget all drawings."""
        self.rows.clear()
        for metric in self._metrics():
            metric.reset()

    def add(self, colorizer: LineColorizer, drawing: FullDrawing) -> dict[int, ColorizationResult]:
        """Colour a drawing with each number of hints and measure the results.

        Returns:
            The colorings by number of hints.
        """
        colorings = {}
        for count in self.counts:
            started = time.perf_counter()
            coloring = color_by_protocol(colorizer, drawing, count)
            seconds = time.perf_counter() - started
            colorings[count] = coloring
            row = self._measure(count, coloring.full, drawing)
            self.rows.append({"name": drawing.name, "hints": count, **row, "seconds": seconds})
        return colorings

    def compute(self) -> dict[str, float]:
        """The figures over all drawings of all devices.

        Returns:
            `psnr_32_mean`, `psnr_32_foreground_median`, `ssim_0_std`, `fid_efficientnet_lite0_0`, ..., and `n`.
        """
        figures: dict[str, float] = {}
        for count in self.counts:
            for quantity, metric in (("psnr", self._psnr[count]), ("ssim", self._ssim[count])):
                for name, value in metric.compute().items():
                    if name == "n":
                        figures["n"] = value
                    elif name != "n_foreground":
                        figures[name.replace(quantity, f"{quantity}_{count}", 1)] = value
        figures["n"] = int(figures["n"])
        for count, distance in self._distance.items():
            if figures["n"] < 2:
                continue  # a distribution of one picture has no covariance
            distances = distance.compute()
            figures |= {f"{name}_{count}": v for name, v in distances.items() if name not in ("n", "n_real")}
        return figures

    def _measure(self, count: int, result: Picture, drawing: FullDrawing) -> dict[str, float]:
        found = {}
        for quantity, metrics in (("psnr", self._psnr), ("ssim", self._ssim)):
            metric = metrics[count]
            metric.update(result, drawing.color, drawing.foreground)
            found[quantity] = float(metric.whole[-1][-1])
            found[f"{quantity}_foreground"] = float(metric.foreground[-1][-1])
        if self._distance:
            distance = self._distance[count]
            for picture, real in ((result, False), (drawing.color, True)):
                batch = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]
                distance.update(batch.to(distance.device), real=real)
        return found

    def _metrics(self) -> list[Any]:
        return [*self._psnr.values(), *self._ssim.values(), *self._distance.values()]


def measure_references(drawings: Iterable[FullDrawing]) -> dict[str, dict[str, float]]:
    """PSNR and SSIM of what needs neither training nor hints, by name of the reference."""
    references = [reference for reference in REFERENCES if not reference.uses_hints]
    metrics = {reference.name: (FullSizePSNR(), FullSizeSSIM()) for reference in references}
    for drawing in drawings:
        for reference in references:
            picture = reference.color(drawing.line, drawing.color, drawing.foreground, [])
            for metric in metrics[reference.name]:
                metric.update(picture, drawing.color, drawing.foreground)
    return {name: {**psnr.compute(), **ssim.compute()} for name, (psnr, ssim) in metrics.items()}


def measure_obedience(
    colorizer: LineColorizer, drawings: Iterable[FullDrawing], count: int, seed: int = 0
) -> dict[str, float]:
    """Do hints rule the result? The same hints with exchanged colours must move it towards the new colours.

    A model can meet a PSNR bar and ignore its hints. For each drawing the `count` hints of the protocol are painted
    twice, with their own and with permuted colours; within 5 px of a hint on the draft's grid the result has to
    follow.

    Returns:
        `obeyed`, the share of hints that were followed; `hints`, how many were judged.
    """
    followed: list[bool] = []
    for drawing in drawings:
        hints = drawing_hints(drawing, count, seed)
        exchanged = permuted(hints, np.random.default_rng(seed))
        shape = drawing.line.shape
        own = colorizer(drawing.line, protocol.paint_hints(hints, shape))
        other = colorizer(drawing.line, protocol.paint_hints(exchanged, shape))
        scale = 2 * min(shape) / colorizer.options.resolution
        judged = obedience(own, other, hints, exchanged, drawing.line, scale)
        followed.extend(judged.obeyed[judged.counted].tolist())
    return {"obeyed": float(np.mean(followed)) if followed else float("nan"), "hints": len(followed)}
