"""Comic colorization, stage 1: a distribution of low-resolution colours given an outline."""

from typing import Any

from torch import Tensor, nn

from lightning_modules.stages.training_stage import TrainingStage, add_parts
from linecolor.networks.logistic_mixture import negative_log_likelihood
from linecolor.samples import LineArtBatch
from linecolor.systems import comic


class LowResolutionColorizer(TrainingStage):
    """The likelihood of the truth's low-resolution colours, teacher-forced (Kang et al. 2017; PixColor, section 3).

    Args:
        generator: a `networks.low_resolution.LowResolutionColorizer`.
        settings: how the stage steps.
    """

    @property
    def inference_networks(self) -> dict[str, nn.Module]:
        """The low-resolution colorizer alone; its colours are enlarged."""
        return {comic.LOW: self.inference_generator}

    def training_step(self, batch: LineArtBatch, batch_idx: int) -> None:
        """One step on the bits that the truth's colours cost."""
        chunks = batch.chunks(self.settings.accumulate)
        totals: dict[str, Tensor] = {}
        network: Any = self.generator
        for chunk in chunks:
            cells = network.reduce(chunk.draft_color)
            mixture = self.generator(chunk.draft_line, cells)
            loss: Tensor = negative_log_likelihood(mixture, network.encode(cells))
            self.manual_backward(loss / len(chunks))
            add_parts(totals, {"bits": loss}, len(chunks))
        stepped = self.apply_gradients(self.stepping_optimizers()[0])
        self.finish_step(len(batch), totals, stepped)
