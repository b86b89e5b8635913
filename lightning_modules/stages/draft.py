"""Stage 1, DraftGAN: an adversarial generator of rich, small, perhaps faulty drafts."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from torch import Tensor, nn

from lightning_modules.stages.adversarial import AdversarialStage
from linecolor import losses
from linecolor.networks.discriminator import Discriminator
from linecolor.networks.features import VGG16Relu22
from linecolor.networks.unet import ResNeXtUNet
from linecolor.samples import LineArtBatch


class DraftGAN(AdversarialStage):
    """Lee & Lee 2020, sections 3.2 and 3.5: 0.05 adversarial + 1.0 L1 + 0.1 content.

    Args:
        generator: (line, hint, spread) on the draft's grid -> colour (B, 3, S/2, S/2). None: a small one that two
            CPU cores can train, for pairs without spread hints.
        discriminator: colour -> logits (B, 1). None: a small one, for crops of 256 pixels.
        features: frozen network of the content loss. None: the packaged VGG16.
        weights: of the terms: adversarial, reconstruction, content.
        content_loss_interval: steps between two uses of the content term, which is the most expensive one on a CPU;
            its weight is multiplied by as much. 1 in the paper.
        stepping: see `StageSettings`.
    """

    name = "draft"
    generator_first = True  # its step, with the content loss, needs the most memory

    def __init__(
        self,
        generator: nn.Module | None = None,
        discriminator: nn.Module | None = None,
        features: nn.Module | None = None,
        weights: Mapping[str, float] = MappingProxyType({"adversarial": 0.05, "reconstruction": 1.0, "content": 0.1}),
        content_loss_interval: int = 1,
        **stepping: Any,
    ) -> None:
        super().__init__(
            generator or ResNeXtUNet(in_channels=5, width=16, levels=4, blocks=2, cardinality=8),
            discriminator or Discriminator(resolution=128, width=16),
            weights,
            **stepping,
        )
        self.content_loss = losses.ContentLoss(features or VGG16Relu22())
        self.content_loss_interval = content_loss_interval

    def truth(self, batch: LineArtBatch) -> Tensor:
        """The colours on the draft's grid."""
        return batch.draft_color

    def paint(self, batch: LineArtBatch, condition: None) -> Tensor:
        """The draft."""
        return self.generator(batch.draft_line, batch.hint, batch.propagated_hints)  # type: ignore[no-any-return]

    def generator_terms(self, fake: Tensor, truth: Tensor, condition: None) -> dict[str, Tensor]:
        """L1, and what has a weight at this step."""
        terms = {"reconstruction": losses.reconstruction_loss(fake, truth)}
        if self.weights["adversarial"]:
            terms["adversarial"] = losses.adversarial_loss(self.judge(fake, condition))
        if self.weights["content"] and self.steps % self.content_loss_interval == 0:
            terms["content"] = self.content_loss(fake, truth)
        return terms

    def weight(self, term: str) -> float:
        """As configured; the content term stands for the steps without it as well."""
        return self.weights[term] * (self.content_loss_interval if term == "content" else 1)
