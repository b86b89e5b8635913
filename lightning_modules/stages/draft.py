"""Stage 1, DraftGAN: an adversarial generator of rich, small, perhaps faulty drafts."""

import torch
from torch import Tensor, nn

from lightning_modules.stages.adversarial import AdversarialStage
from lightning_modules.stages.training_stage import StageSettings, add_parts
from linecolor import losses
from linecolor.samples import LineArtBatch


class DraftGAN(AdversarialStage):
    """Lee & Lee 2020, sections 3.2 and 3.5: 0.05 adversarial + 1.0 L1 + 0.1 content.

    Args:
        generator: (line, hint, spread) on the draft's grid -> colour (B, 3, S/2, S/2).
        discriminator: colour -> logits (B, 1).
        features: frozen network of the content loss.
        weights: of the terms: adversarial, reconstruction, content.
        content_every: steps between two uses of the content term, which is the dearest one on a CPU; its weight is
            multiplied by as much. 1 in the paper.
        settings: how the stage steps.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        features: nn.Module,
        weights: dict[str, float],
        content_every: int,
        settings: StageSettings,
    ) -> None:
        super().__init__(generator, discriminator, weights, settings)
        self.content_loss = losses.ContentLoss(features)
        self.content_every = content_every

    @property
    def inference_networks(self) -> dict[str, nn.Module]:
        """The draft to colour with; there is no second stage yet."""
        return {"draft": self.inference_generator}

    def training_step(self, batch: LineArtBatch, batch_idx: int) -> None:
        """One step of each network on the same fakes: first the generator, then the discriminator.

        The whole of one network's backward passes and its step come before the other's begin: with mixed precision
        a step may change the scale of the gradients, which must not happen half-way through an accumulation.
        """
        generator_optimizer, discriminator_optimizer = self.stepping_optimizers()
        chunks = batch.chunks(self.settings.accumulate)
        totals: dict[str, Tensor] = {}
        fakes = []

        self.discriminator.requires_grad_(False)
        for chunk in chunks:
            fake = self.generator(chunk.draft_line, chunk.hint, chunk.spread)
            fakes.append(fake.detach())
            terms = self._generator_terms(fake, chunk.draft_color)
            loss = torch.stack([self._weight(name) * term for name, term in terms.items()]).sum()
            self.manual_backward(loss / len(chunks))
            add_parts(totals, {**terms, "generator_loss": loss}, len(chunks))
        self.discriminator.requires_grad_(True)
        stepped = self.apply_gradients(generator_optimizer)

        if self.weights["adversarial"]:
            for chunk, fake in zip(chunks, fakes, strict=True):
                real_logits, fake_logits = self.discriminator(chunk.draft_color), self.discriminator(fake)
                loss = losses.discriminator_loss(real_logits, fake_logits)
                self.manual_backward(loss / len(chunks))
                right = ((real_logits > 0).float().mean(), (fake_logits < 0).float().mean())
                seen = {"discriminator_loss": loss, "real_accuracy": right[0], "fake_accuracy": right[1]}
                add_parts(totals, seen, len(chunks))
            self.apply_gradients(discriminator_optimizer)

        # tanh that runs to +-1 has no gradient left: on white paper that is how this model dies.
        totals["saturated"] = torch.stack([(fake.abs() > 0.99).float().mean() for fake in fakes]).mean()
        self.finish_step(len(batch), totals, stepped)

    def _generator_terms(self, fake: Tensor, color: Tensor) -> dict[str, Tensor]:
        terms = {"reconstruction": losses.reconstruction_loss(fake, color)}
        if self.weights["adversarial"]:
            terms["adversarial"] = losses.adversarial_loss(self.discriminator(fake))
        if self.weights["content"] and self.steps % self.content_every == 0:
            terms["content"] = self.content_loss(fake, color)
        return terms

    def _weight(self, term: str) -> float:
        return self.weights[term] * (self.content_every if term == "content" else 1)
