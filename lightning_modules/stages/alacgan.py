"""AlacGAN as a stage: a Wasserstein critic and the content loss (Ci et al. 2018), the Base of the paper's Table 2."""

from typing import Any

import torch
from torch import Tensor, nn

from lightning_modules.stages.adversarial import AdversarialStage
from lightning_modules.stages.seeding import key_randomness
from lightning_modules.stages.training_stage import StageSettings, add_parts
from linecolor import losses
from linecolor.samples import LineArtBatch


class AlacGAN(AdversarialStage):
    """WGAN-GP with drift, 1e-4 adversarial + 1 content; no L1, which is only told.

    Args:
        generator: (line, hint, local features) -> colour (B, 3, S, S); it makes the local features of a line.
        discriminator: the critic, (colour, local features) -> scores (B, 1).
        features: frozen network of the content loss.
        weights: adversarial and content of the generator; penalty and drift of the critic.
        penalty_over: `pixel` (their code) or `picture` (their text); see `losses.gradient_penalty`.
        seed: of the run, for the penalty's mixtures.
        settings: how the stage steps.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        features: nn.Module,
        weights: dict[str, float],
        penalty_over: str,
        seed: int,
        settings: StageSettings,
    ) -> None:
        super().__init__(generator, discriminator, weights, settings)
        self.content_loss = losses.ContentLoss(features)
        self.penalty_over = penalty_over
        self.seed = seed

    @property
    def inference_networks(self) -> dict[str, nn.Module]:
        """The one generator."""
        return {"alacgan": self.inference_generator}

    def differentiated_twice(self) -> tuple[nn.Module, ...]:
        """The critic, for its gradient penalty."""
        return (self.discriminator,)

    def on_train_batch_start(self, *_: Any) -> None:
        """Key the mixtures of this step's penalty."""
        key_randomness(self.seed, "alacgan", self.steps, self.global_rank)

    def training_step(self, batch: LineArtBatch, batch_idx: int) -> None:
        """One step of the critic on the fakes, then one of the generator that made them."""
        generator_optimizer, critic_optimizer = self.stepping_optimizers()
        chunks = batch.chunks(self.settings.accumulate)
        totals: dict[str, Tensor] = {}
        local = [self.generator.local_features(chunk.line) for chunk in chunks]  # type: ignore[operator]
        fakes = [self.generator(c.line, c.hint, features) for c, features in zip(chunks, local, strict=True)]

        for chunk, fake, features in zip(chunks, fakes, local, strict=True):
            terms = self._critic_terms(chunk.color, fake.detach(), features)
            self.manual_backward((terms["critic_loss"] + terms["gradient_penalty"]) / len(chunks))
            add_parts(totals, terms, len(chunks))
        self.apply_gradients(critic_optimizer)

        self.discriminator.requires_grad_(False)
        for chunk, fake, features in zip(chunks, fakes, local, strict=True):
            terms = {
                "adversarial": -self.discriminator(fake, features).mean(),
                "content": self.content_loss(fake, chunk.color),
            }
            loss = torch.stack([self.weights[name] * term for name, term in terms.items()]).sum()
            self.manual_backward(loss / len(chunks))
            told = {
                "generator_loss": loss,
                "reconstruction": losses.reconstruction_loss(fake.detach(), chunk.color),
                "saturated": (fake.detach().abs() > 0.99).float().mean(),
            }
            add_parts(totals, {**terms, **told}, len(chunks))
        self.discriminator.requires_grad_(True)
        stepped = self.apply_gradients(generator_optimizer)
        self.finish_step(len(batch), totals, stepped)

    def _critic_terms(self, real: Tensor, fake: Tensor, local: Tensor | None) -> dict[str, Tensor]:
        real_scores, fake_scores = self.discriminator(real, local), self.discriminator(fake, local)
        share = torch.rand(len(real), 1, 1, 1, device=real.device)

        def critic(pictures: Tensor) -> Tensor:
            return self.discriminator(pictures, local)

        return {
            "critic_loss": losses.critic_loss(real_scores, fake_scores, self.weights["drift"]),
            "gradient_penalty": self.weights["penalty"]
            * losses.gradient_penalty(critic, real, fake, share, self.penalty_over),
            "wasserstein": (real_scores - fake_scores).mean().detach(),
        }
