"""Comic colorization, stage 1: a distribution of low-resolution colours given an outline."""

from typing import Any

from torch import Tensor

from lightning_modules.stages.training_stage import TrainingStage
from linecolor.networks.logistic_mixture import negative_log_likelihood
from linecolor.samples import LineArtBatch
from linecolor.systems import comic


class LowResolutionColorizer(TrainingStage):
    """The likelihood of the truth's low-resolution colours, teacher-forced (Kang et al. 2017; PixColor, section 3).

    Args:
        generator: a `networks.low_resolution.LowResolutionColorizer`.
        stepping: see `StageSettings`.
    """

    name = comic.LOW

    def loss(self, batch: LineArtBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """The bits that the truth's colours cost."""
        network: Any = self.generator
        cells = network.reduce(batch.draft_color)
        loss = negative_log_likelihood(network(batch.draft_line, cells), network.encode(cells))
        return loss, {"bits": loss}
