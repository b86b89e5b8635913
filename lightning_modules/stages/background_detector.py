"""Comic colorization, stage 2: what of a page is background, learned without ever being told."""

from typing import Any

import torch
from torch import Tensor, nn

from lightning_modules.stages.seeding import key_randomness
from lightning_modules.stages.training_stage import StageSettings, TrainingStage, add_parts
from linecolor.samples import LineArtBatch
from linecolor.systems import comic


class BackgroundDetector(TrainingStage):
    """Where a sampled colour is worse than one colour for all, there is background (Kang et al. 2017).

    The colours are sampled from the frozen first stage: those of a too accurate one would be right everywhere, and all
    would be foreground.

    Args:
        generator: outline -> probability of foreground.
        low_resolution: the trained network of stage 1.
        temperature: of the sampled colours.
        seed: of the run, for the samples and the dropout.
        settings: how the stage steps.
    """

    def __init__(
        self,
        generator: nn.Module,
        low_resolution: nn.Module,
        temperature: float,
        seed: int,
        settings: StageSettings,
    ) -> None:
        super().__init__(generator, settings)
        self._low_resolution = (low_resolution.eval().requires_grad_(False),)
        self.temperature = temperature
        self.seed = seed

    @property
    def low_resolution(self) -> nn.Module:
        """The frozen low-resolution colorizer, on the device of this stage."""
        return self._low_resolution[0].to(self.device)

    @property
    def inference_networks(self) -> dict[str, nn.Module]:
        """Colours and background; together they make the composite."""
        return {comic.LOW: self.low_resolution, comic.DETECTOR: self.inference_generator}

    def on_train_batch_start(self, *_: Any) -> None:
        """Key the samples and the dropout of this step."""
        key_randomness(self.seed, comic.DETECTOR, self.steps, self.global_rank)

    def training_step(self, batch: LineArtBatch, batch_idx: int) -> None:
        """One step on the composite of sampled colours and one colour."""
        chunks = batch.chunks(self.settings.accumulate)
        totals: dict[str, Tensor] = {}
        for chunk in chunks:
            colors = self.sampled(chunk.draft_line)
            foreground = self.generator(chunk.draft_line)
            loss = comic.background_loss(colors, foreground, chunk.draft_color)
            self.manual_backward(loss / len(chunks))
            share = comic.background_of(foreground.detach()).mean()
            everything = (colors - chunk.draft_color).abs().mean()
            seen = {"reconstruction": loss, "background_share": share, "sampled_reconstruction": everything}
            add_parts(totals, seen, len(chunks))
        stepped = self.apply_gradients(self.stepping_optimizers()[0])
        self.finish_step(len(batch), totals, stepped)

    @torch.no_grad()
    def sampled(self, line: Tensor) -> Tensor:
        """Colours (B, 3, H, W) as the first stage would paint these outlines, another time differently."""
        # The long chain of samples in half precision would wander off.
        with torch.autocast(self.device.type, enabled=False):
            colors = comic.sample(self.low_resolution, line, torch.default_generator, self.temperature)
        return comic.enlarge(colors, line.shape[-2:])
