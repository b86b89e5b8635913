"""Pix2Pix as a stage: adversarial patches and L1 (Isola et al. 2017), a baseline of the paper's Table 2."""

from typing import Any

import torch
from torch import Tensor, nn

from lightning_modules.stages.adversarial import AdversarialStage
from lightning_modules.stages.seeding import key_randomness
from lightning_modules.stages.training_stage import StageSettings, add_parts
from linecolor import losses
from linecolor.samples import LineArtBatch


class Pix2Pix(AdversarialStage):
    """Conditional GAN on whole crops: BCE with the discriminator's loss halved, and 100 x L1.

    Args:
        generator: (line, hint) -> colour (B, 3, S, S).
        discriminator: (line, colour) -> logits (B, 1, h, w), one a patch.
        weights: of the generator's terms: adversarial, reconstruction.
        seed: of the run, for the dropout.
        settings: how the stage steps.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        weights: dict[str, float],
        seed: int,
        settings: StageSettings,
    ) -> None:
        super().__init__(generator, discriminator, weights, settings)
        self.seed = seed

    @property
    def inference_networks(self) -> dict[str, nn.Module]:
        """The one generator."""
        return {"pix2pix": self.inference_generator}

    def on_train_batch_start(self, *_: Any) -> None:
        """Key the dropout of this step."""
        key_randomness(self.seed, "pix2pix", self.steps, self.global_rank)

    def training_step(self, batch: LineArtBatch, batch_idx: int) -> None:
        """One step of the discriminator on the fakes, then one of the generator that made them."""
        generator_optimizer, discriminator_optimizer = self.stepping_optimizers()
        chunks = batch.chunks(self.settings.accumulate)
        totals: dict[str, Tensor] = {}
        fakes = [self.generator(chunk.line, chunk.hint) for chunk in chunks]

        for chunk, fake in zip(chunks, fakes, strict=True):
            real_logits = self.discriminator(chunk.line, chunk.color)
            fake_logits = self.discriminator(chunk.line, fake.detach())
            loss = losses.discriminator_loss(real_logits, fake_logits)
            # Halved, so that it learns more slowly than the generator (Isola et al. 2017, section 3.3).
            self.manual_backward(loss / 2 / len(chunks))
            right = ((real_logits > 0).float().mean(), (fake_logits < 0).float().mean())
            seen = {"discriminator_loss": loss, "real_accuracy": right[0], "fake_accuracy": right[1]}
            add_parts(totals, seen, len(chunks))
        self.apply_gradients(discriminator_optimizer)

        self.discriminator.requires_grad_(False)
        for chunk, fake in zip(chunks, fakes, strict=True):
            terms = {
                "adversarial": losses.adversarial_loss(self.discriminator(chunk.line, fake)),
                "reconstruction": losses.reconstruction_loss(fake, chunk.color),
            }
            loss = torch.stack([self.weights[name] * term for name, term in terms.items()]).sum()
            self.manual_backward(loss / len(chunks))
            saturated = (fake.detach().abs() > 0.99).float().mean()
            add_parts(totals, {**terms, "generator_loss": loss, "saturated": saturated}, len(chunks))
        self.discriminator.requires_grad_(True)
        stepped = self.apply_gradients(generator_optimizer)
        self.finish_step(len(batch), totals, stepped)
