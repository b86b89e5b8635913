"""Stage 2, Colorizer: from a faulty draft and the line to clean colour at twice the size."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lightning_modules.stages.training_stage import StageSettings, TrainingStage
from linecolor import artifacts, losses
from linecolor.samples import LineArtBatch


class Colorizer(TrainingStage):
    """Lee & Lee 2020, section 3.3 and equation 5: L1 only, on drafts with simulated artifacts.

    The draft generator is frozen; it stays out of this stage's parameters and checkpoints.

    Args:
        generator: (line, draft) -> colour (B, 3, S, S).
        draft: the trained generator of stage 1.
        settings: how the stage steps.
    """

    def __init__(self, generator: nn.Module, draft: nn.Module, settings: StageSettings) -> None:
        super().__init__(generator, settings)
        self._draft = (draft.eval().requires_grad_(False),)

    @property
    def draft(self) -> nn.Module:
        """The frozen draft generator, on the device of this stage."""
        return self._draft[0].to(self.device)

    @property
    def inference_networks(self) -> dict[str, nn.Module]:
        """Draft and colorizer to colour with."""
        return {"draft": self.draft, "colorizer": self.inference_generator}

    def training_step(self, batch: LineArtBatch, batch_idx: int) -> None:
        """One step on the difference between colorized drafts and the truth."""
        chunks = batch.chunks(self.settings.accumulate)
        total = torch.zeros((), device=self.device)
        saturated = torch.zeros((), device=self.device)
        for chunk in chunks:
            colorized = self.generator(chunk.line, self.faulty_draft(chunk))
            loss = losses.reconstruction_loss(colorized, chunk.color)
            self.manual_backward(loss / len(chunks))
            total += loss.detach().float() / len(chunks)
            saturated += (colorized.detach().abs() > 0.99).float().mean() / len(chunks)
        stepped = self.apply_gradients(self.stepping_optimizers()[0])
        self.finish_step(len(batch), {"reconstruction": total, "saturated": saturated}, stepped)

    @torch.no_grad()
    def faulty_draft(self, batch: LineArtBatch) -> Tensor:
        """The draft (B, 3, S, S) in [-1, 1] as the colorizer gets it in training: with artifacts, enlarged."""
        draft = self.draft(batch.draft_line, batch.hint, batch.spread).float()
        # Coordinates in half precision would snap to half a pixel.
        with torch.autocast(self.device.type, enabled=False):
            faulty = artifacts.simulate(draft, batch.artifacts)
        return F.interpolate(faulty, scale_factor=2, mode="bilinear", align_corners=False)
