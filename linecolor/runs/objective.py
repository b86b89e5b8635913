"""The one figure by which runs are ranked."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from linecolor.evaluation.figures import better, level_figure

FOLLOWED = "obeyed"
"""The share of hints that were followed, by its name in evaluation.json."""


@dataclass(frozen=True)
class Objective:
    """A figure of the evaluation, such as `psnr_32_foreground_mean`, and where it gets better: maximize or minimize."""

    figure: str
    direction: str

    @classmethod
    def chosen(cls, figure: str, direction: str, hints: Sequence[int]) -> "Objective":
        """The objective that a configuration asks for.

        Args:
            figure: its name; `most` stands for the largest of these numbers of hints: `psnr_most_foreground_mean`.
            direction: maximize or minimize.
            hints: the numbers of hints that the evaluation colours with.

        Raises:
            ValueError: if the evaluation will have no such figure, or if it gets better the other way.
        """
        if direction not in ("maximize", "minimize"):
            raise ValueError(f"sweep.direction={direction} is unknown: use maximize or minimize")
        name = str(figure).replace("_most", f"_{max(hints)}")
        parts = level_figure(name)
        if name != FOLLOWED and (parts is None or parts[1] not in hints):
            counts = ", ".join(map(str, hints))
            raise ValueError(
                f"sweep.objective={figure} is no figure of the evaluation: use psnr_N_mean, psnr_N_foreground_mean, "
                f"ssim_N_mean, ..., fid_efficientnet_lite0_N, {FOLLOWED}, with a number of hints N of evaluation.hints "
                f"({counts}), or most for the largest of them"
            )
        right = "minimize" if parts and better(name) == "min" else "maximize"
        if direction != right:
            raise ValueError(f"sweep.objective={figure} with sweep.direction={direction}: use sweep.direction={right}")
        return cls(name, direction)

    @property
    def worst(self) -> float:
        """What a job without a figure counts as: infinitely bad. Sweepers take it; they do not take NaN."""
        return -math.inf if self.direction == "maximize" else math.inf

    def of(self, figures: Mapping[str, float]) -> float | None:
        """The figure, None where there is none or it is not finite."""
        value = figures.get(self.figure)
        return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None

    def worth(self, figures: Mapping[str, float]) -> float:
        """The figure for a sweeper, which needs one: infinitely bad where there is none."""
        value = self.of(figures)
        return self.worst if value is None else value

    def rank(self, value: float | None) -> float:
        """A key to sort by, the best first and those without a figure last."""
        if value is None:
            return math.inf
        return -value if self.direction == "maximize" else value
