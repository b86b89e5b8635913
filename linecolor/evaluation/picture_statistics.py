"""Statistics over pictures, each of which counts once whatever its size, on one device or several."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from linecolor.evaluation.metrics import METRICS
from linecolor.evaluation.metrics.metric import FOREGROUND

STATISTICS: dict[str, Callable[[NDArray[np.float64]], Any]] = {"mean": np.mean, "std": np.std, "median": np.median}
"""What stands for many pictures; std is the population's."""


def statistics(name: str, values: NDArray[np.float64]) -> dict[str, float]:
    """`NAME_mean`, `NAME_std` and `NAME_median` of the finite values; NaN of none."""
    finite = values[np.isfinite(values)]
    return {f"{name}_{key}": float(of(finite)) if finite.size else math.nan for key, of in STATISTICS.items()}


class PictureStatistics(Metric):
    """`METRICS` of many pictures, whole and foreground, of all devices; pixels of different pictures are not pooled."""

    is_differentiable = False
    full_state_update = False

    def __init__(self) -> None:
        super().__init__()
        self.names = [name for metric in METRICS for name in metric.areas]
        for name in self.names:
            self.add_state(f"values_{name}", [], dist_reduce_fx="cat")

    def update(self, figures: Mapping[str, float]) -> None:
        """Add the figures of a picture: `psnr`, `psnr_foreground`, ...; NaN stays out of the statistics of its name."""
        for name in self.names:
            # float32, because a rank without pictures takes part in the gathering with a float32 placeholder.
            self._values(name).append(torch.tensor([figures[name]], dtype=torch.float32, device=self.device))

    def last(self) -> dict[str, float]:
        """The figures of the last picture of this device, as they are kept."""
        return {name: float(self._values(name)[-1]) for name in self.names}

    def compute(self) -> dict[str, float]:
        """Statistics over all pictures of all ranks.

        Returns:
            psnr_mean, psnr_std, psnr_median, the same for psnr_foreground and every other metric, n (pictures) and
            n_foreground (pictures that have a foreground). A statistic over no pictures is NaN.
        """
        values = {name: _gathered(self._values(name)) for name in self.names}
        figures: dict[str, float] = {}
        for name in self.names:
            figures |= statistics(name, values[name])
        finite = [int(np.isfinite(v).sum()) for name, v in values.items() if name.endswith(FOREGROUND)]
        return figures | {"n": values[self.names[0]].size, "n_foreground": min(finite)}

    def _values(self, name: str) -> list[Tensor]:
        return getattr(self, f"values_{name}")


def _gathered(values: list[Tensor]) -> NDArray[np.float64]:
    # Synchronised list states arrive as one tensor, unsynchronised ones as a list, empty ones as an empty list.
    return dim_zero_cat(values).double().cpu().numpy() if len(values) else np.empty(0)
