"""Comic colorization, stage 3: from low-resolution colours to clean ones, along the outline."""

from typing import Any

import torch
from torch import Tensor, nn

from lightning_modules.stages.training_stage import TrainingStage
from linecolor.samples import LineArtBatch
from linecolor.systems import comic


class Polishing(TrainingStage):
    """L1 between the polished and the true colours, given the truth's own low-resolution ones (Kang et al. 2017).

    A random mask hides some of them behind their mean, so that the network learns to paint an area from one colour, as
    it is asked to in use, where the mask is the background.

    Args:
        generator: a `networks.comic.PolishingNetwork`.
        low_resolution: the trained network of stage 1, which knows its cells.
        background: the trained network of stage 2.
        ink: what a pixel of ink counts in the loss, of paper it is 1; see `comic.polishing_loss`.
        name: `comic.POLISHING` or `comic.PLAIN`.
        stepping: see `StageSettings`.
    """

    seeded_as = comic.POLISHING
    """Both polishing networks see the same masks."""

    def __init__(
        self,
        generator: nn.Module,
        low_resolution: nn.Module,
        background: nn.Module,
        ink: float = 1.0,
        name: str = comic.POLISHING,
        **stepping: Any,
    ) -> None:
        super().__init__(generator, {comic.LOW: low_resolution, comic.DETECTOR: background}, **stepping)
        self.name = name
        self.ink = ink

    def loss(self, batch: LineArtBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """The difference between polished colours and the truth."""
        polished = self.generator(self.prepared(batch))
        loss = comic.polishing_loss(polished, batch.draft_color, batch.draft_line, self.ink)
        return loss, {"reconstruction": loss, "saturated": (polished.detach().abs() > 0.99).float().mean()}

    @torch.no_grad()
    def prepared(self, batch: LineArtBatch) -> Tensor:
        """The ten channels (B, 10, S/2, S/2) as the network gets them in training."""
        size = batch.draft_line.shape[-2:]
        networks: dict[str, Any] = self.frozen
        low = comic.enlarge(networks[comic.LOW].reduce(batch.draft_color), size)
        foreground = networks[comic.DETECTOR](batch.draft_line)
        mean = comic.mean_color(low, comic.background_of(foreground))
        mask = comic.random_masks(len(batch), (size[0], size[1]), self.device)
        return comic.polishing_input(batch.draft_line, low, foreground, mask, mean)
