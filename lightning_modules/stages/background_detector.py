"""Comic colorization, stage 2: what of a page is background, learned without labels."""

from typing import Any

import torch
from torch import Tensor, nn

from lightning_modules.stages.training_stage import TrainingStage
from linecolor.rendering.options import is_temperature
from linecolor.samples import LineArtBatch
from linecolor.systems import comic


class BackgroundDetector(TrainingStage):
    """Where a sampled colour is worse than one colour for all, there is background (Kang et al. 2017).

    The colours are sampled from the frozen first stage: those of a too accurate one would be right everywhere, and all
    would be foreground.

    Args:
        generator: outline -> probability of foreground.
        low_resolution: the trained network of stage 1.
        temperature: of the sampled colours, above 0 and up to 2.
        stepping: see `StageSettings`.
    """

    name = comic.DETECTOR

    def __init__(
        self, generator: nn.Module, low_resolution: nn.Module, temperature: float = 1.0, **stepping: Any
    ) -> None:
        if not is_temperature(temperature) or temperature == 0:
            raise ValueError(f"stage.background.temperature={temperature} must be a number above 0 and up to 2")
        super().__init__(generator, {comic.LOW: low_resolution}, **stepping)
        self.temperature = temperature

    def loss(self, batch: LineArtBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """How far the composite of sampled colours and one colour is from the truth."""
        colors = self.sampled(batch.draft_line)
        foreground = self.generator(batch.draft_line)
        loss = comic.background_loss(colors, foreground, batch.draft_color)
        share = comic.background_of(foreground.detach()).mean()
        everything = (colors - batch.draft_color).abs().mean()
        return loss, {"reconstruction": loss, "background_share": share, "sampled_reconstruction": everything}

    @torch.no_grad()
    def sampled(self, line: Tensor) -> Tensor:
        """Colours (B, 3, H, W) as the first stage would paint these outlines, another time differently."""
        # The long chain of samples in half precision would wander off.
        with torch.autocast(self.device.type, enabled=False):
            colors = comic.sample(self.frozen[comic.LOW], line, torch.default_generator, self.temperature)
        return comic.enlarge(colors, line.shape[-2:])
