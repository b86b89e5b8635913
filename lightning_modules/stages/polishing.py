"""Comic colorization, stage 3: from low-resolution colours to clean ones, along the outline."""

from typing import Any

import torch
from torch import Tensor, nn

from lightning_modules.stages.seeding import key_randomness
from lightning_modules.stages.training_stage import StageSettings, TrainingStage, add_parts
from linecolor.samples import LineArtBatch
from linecolor.systems import comic


class Polishing(TrainingStage):
    """L1 between the polished and the true colours, given the truth's own low-resolution ones (Kang et al. 2017).

    A random mask hides some of them behind their mean, so that the network learns to paint an area from one colour, as
    it is asked to in use, where the mask is the background.

    Args:
        generator: a `networks.comic.PolishingNetwork`.
        stage: `comic.POLISHING` or `comic.PLAIN`.
        low_resolution: the trained network of stage 1, which knows its cells.
        detector: the trained network of stage 2.
        ink: what a pixel of ink counts in the loss, of paper it is 1; see `comic.polishing_loss`.
        seed: of the run, for the masks and the dropout.
        settings: how the stage steps.
    """

    def __init__(
        self,
        generator: nn.Module,
        stage: str,
        low_resolution: nn.Module,
        detector: nn.Module,
        ink: float,
        seed: int,
        settings: StageSettings,
    ) -> None:
        super().__init__(generator, settings)
        self._frozen = {
            comic.LOW: low_resolution.eval().requires_grad_(False),
            comic.DETECTOR: detector.eval().requires_grad_(False),
        }
        self.stage = stage
        self.ink = ink
        self.seed = seed

    @property
    def frozen(self) -> dict[str, nn.Module]:
        """The frozen networks of the stages before, on the device of this one."""
        return {name: network.to(self.device) for name, network in self._frozen.items()}

    @property
    def inference_networks(self) -> dict[str, nn.Module]:
        """The whole chain with this stage's network at its end."""
        return {**self.frozen, self.stage: self.inference_generator}

    def on_train_batch_start(self, *_: Any) -> None:
        """Key the masks and the dropout of this step; both polishing networks see the same masks."""
        key_randomness(self.seed, comic.POLISHING, self.steps, self.global_rank)

    def training_step(self, batch: LineArtBatch, batch_idx: int) -> None:
        """One step on the difference between polished colours and the truth."""
        chunks = batch.chunks(self.settings.accumulate)
        totals: dict[str, Tensor] = {}
        for chunk in chunks:
            polished = self.generator(self.prepared(chunk))
            loss = comic.polishing_loss(polished, chunk.draft_color, chunk.draft_line, self.ink)
            self.manual_backward(loss / len(chunks))
            saturated = (polished.detach().abs() > 0.99).float().mean()
            add_parts(totals, {"reconstruction": loss, "saturated": saturated}, len(chunks))
        stepped = self.apply_gradients(self.stepping_optimizers()[0])
        self.finish_step(len(batch), totals, stepped)

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
