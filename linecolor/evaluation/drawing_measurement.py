"""One drawing, coloured by a method and measured: where every figure of a picture comes from."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from linecolor.arrays import Picture
from linecolor.evaluation.claims import ClaimTruth, measure_claims
from linecolor.evaluation.hint_levels import DrawingHints
from linecolor.evaluation.methods import Method, Result
from linecolor.evaluation.metrics import METRICS
from linecolor.samples import FullDrawing


@dataclass(frozen=True)
class MeasuredPicture:
    """A result and what was measured of it.

    Attributes:
        result: of the method.
        figures: by name: `psnr`, `psnr_foreground`, ..., the claims where they were wanted, `seconds`.
        features: (1, F) for FID and KID; None without an extractor.
    """

    result: Result
    figures: dict[str, float]
    features: Tensor | None


class DrawingMeasurement:
    """Measures whatever is made of one drawing; what its truth needs is prepared once.

    Args:
        drawing: with its truth.
        extractor: of FID and KID; None leaves them out.
        claims: whether the paper's claims are measured, too.
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
