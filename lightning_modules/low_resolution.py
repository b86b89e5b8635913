"""Comic colorization, stage 1: a distribution of low-resolution colours given an outline."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from lightning_modules.keyed_randomness import key_randomness
from lightning_modules.stage import StageSettings, TrainingStage
from linecolor import comic
from linecolor.line_art import LineArtBatch
from linecolor.logistic_mixture import negative_log_likelihood


class LowResolutionColorizer(TrainingStage):
    """The likelihood of the truth's low-resolution colours, teacher-forced (Kang et al. 2017; PixColor, section 3).

    Args:
        generator: a `networks.low_resolution.LowResolutionColorizer`.
        seed: of the run.
        settings: how the stage steps.
    """

    def __init__(self, generator: nn.Module, seed: int, settings: StageSettings) -> None:
        super().__init__(generator, settings)
        self.seed = seed

    @property
    def inference_networks(self) -> dict[str, nn.Module]:
        """The low-resolution colorizer alone; its colours are enlarged."""
        return {comic.LOW: self.inference_generator}

    def configure_optimizers(self) -> tuple[list[Optimizer], list[LambdaLR]]:
        """Adam and its schedule."""
        optimizer, schedule = self.make_optimizer(self.generator)
        return [optimizer], [schedule]

    def on_train_batch_start(self, *_: Any) -> None:
        """Key whatever is random in this step."""
        key_randomness(self.seed, comic.LOW, self.steps, self.global_rank)

    def training_step(self, batch: LineArtBatch, batch_idx: int) -> None:
        """One step on the bits that the truth's colours cost."""
        chunks = batch.chunks(self.settings.accumulate)
        total = torch.zeros((), device=self.device)
        network: Any = self.generator
        for chunk in chunks:
            cells = network.reduce(chunk.draft_color)
            mixture = self.generator(chunk.draft_line, cells)
            loss: Tensor = negative_log_likelihood(mixture, network.encode(cells))
            self.manual_backward(loss / len(chunks))
            total += loss.detach().float() / len(chunks)
        stepped = self.apply_gradients(self.stepping_optimizers()[0])
        self.finish_step(len(batch), {"bits": total}, stepped)
