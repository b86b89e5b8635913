"""Pix2Pix as a stage: adversarial patches and L1 (Isola et al. 2017), a baseline of the paper's Table 2."""

from torch import Tensor

from lightning_modules.stages.adversarial import AdversarialStage
from linecolor import losses
from linecolor.samples import LineArtBatch


class Pix2Pix(AdversarialStage):
    """Conditional GAN on whole crops: BCE with the discriminator's loss halved, and 100 x L1.

    Args:
        generator: (line, hint) -> colour (B, 3, S, S).
        discriminator: (line, colour) -> logits (B, 1, h, w), one a patch.
        weights: of the generator's terms: adversarial, reconstruction.
        stepping: see `StageSettings`.
    """

    name = "pix2pix"

    def condition(self, batch: LineArtBatch) -> Tensor:
        """The line, which the discriminator sees as well."""
        return batch.line

    def paint(self, batch: LineArtBatch, condition: Tensor) -> Tensor:
        """Colours at the size of the crop."""
        return self.generator(batch.line, batch.hint)  # type: ignore[no-any-return]

    def judge(self, color: Tensor, condition: Tensor) -> Tensor:
        """Logits of the patches of a coloured line."""
        return self.discriminator(condition, color)  # type: ignore[no-any-return]

    def generator_terms(self, fake: Tensor, truth: Tensor, condition: Tensor) -> dict[str, Tensor]:
        """Adversarial and L1."""
        return {
            "adversarial": losses.adversarial_loss(self.judge(fake, condition)),
            "reconstruction": losses.reconstruction_loss(fake, truth),
        }

    def discriminator_loss(self, fake: Tensor, truth: Tensor, condition: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Halved, so that it learns more slowly than the generator (Isola et al. 2017, section 3.3); recorded whole."""
        loss, seen = super().discriminator_loss(fake, truth, condition)
        return loss / 2, seen
