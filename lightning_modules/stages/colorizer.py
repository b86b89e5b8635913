"""Stage 2, Colorizer: from a faulty draft and the line to clean colour at twice the size."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lightning_modules.stages.training_stage import TrainingStage
from linecolor import artifacts, losses
from linecolor.networks.unet import ResNeXtUNet
from linecolor.samples import LineArtBatch


class Colorizer(TrainingStage):
    """Lee & Lee 2020, section 3.3 and equation 5: L1 only, on drafts with simulated artifacts.

    Args:
        draft: the trained generator of stage 1; it is frozen.
        generator: (line, draft) -> colour (B, 3, S, S). None: a small one that corrects the draft.
        stepping: see `StageSettings`.
    """

    name = "colorizer"

    def __init__(self, draft: nn.Module, generator: nn.Module | None = None, **stepping: Any) -> None:
        generator = generator or ResNeXtUNet(in_channels=4, width=8, levels=3, blocks=1, cardinality=4, residual=True)
        super().__init__(generator, {"draft": draft}, **stepping)

    def loss(self, batch: LineArtBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """The difference between colorized drafts and the truth."""
        colorized = self.generator(batch.line, self.faulty_draft(batch))
        loss = losses.reconstruction_loss(colorized, batch.color)
        return loss, {"reconstruction": loss, "saturated": (colorized.detach().abs() > 0.99).float().mean()}

    @torch.no_grad()
    def faulty_draft(self, batch: LineArtBatch) -> Tensor:
        """The draft (B, 3, S, S) in [-1, 1] as the colorizer gets it in training: with artifacts, enlarged."""
        draft = self.frozen["draft"](batch.draft_line, batch.hint, batch.propagated_hints).float()
        # Coordinates in half precision would snap to half a pixel.
        with torch.autocast(self.device.type, enabled=False):
            faulty = artifacts.simulate(draft, batch.artifacts)
        return F.interpolate(faulty, scale_factor=2, mode="bilinear", align_corners=False)
