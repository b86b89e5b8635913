"""AlacGAN as a stage: a Wasserstein critic and the content loss (Ci et al. 2018), the Base of the paper's Table 2."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lightning_modules.stages.adversarial import AdversarialStage
from linecolor import losses
from linecolor.samples import LineArtBatch


class AlacGAN(AdversarialStage):
    """WGAN-GP with drift, 1e-4 adversarial + 1 content; no L1, which is only recorded.

    Args:
        generator: (line, hint, local features) -> colour (B, 3, S, S); it makes the local features of a line.
        discriminator: the critic, (colour, local features) -> scores (B, 1).
        features: frozen network of the content loss.
        weights: adversarial and content of the generator; penalty and drift of the critic.
        penalty_over: `pixel` (their code) or `picture` (their text); see `losses.gradient_penalty`.
        stepping: see `StageSettings`.
    """

    name = "alacgan"

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        features: nn.Module,
        weights: Mapping[str, float],
        penalty_over: str = "pixel",
        **stepping: Any,
    ) -> None:
        super().__init__(generator, discriminator, weights, **stepping)
        self.content_loss = losses.ContentLoss(features)
        self.penalty_over = penalty_over

    def differentiated_twice(self) -> tuple[nn.Module, ...]:
        """The critic, for its gradient penalty."""
        return (self.discriminator,)

    def condition(self, batch: LineArtBatch) -> Tensor | None:
        """The local features of the line."""
        return self.generator.local_features(batch.line)  # type: ignore[operator, no-any-return]

    def paint(self, batch: LineArtBatch, condition: Tensor | None) -> Tensor:
        """Colours at the size of the crop."""
        return self.generator(batch.line, batch.hint, condition)  # type: ignore[no-any-return]

    def judge(self, color: Tensor, condition: Tensor | None) -> Tensor:
        """The critic's scores."""
        return self.discriminator(color, condition)  # type: ignore[no-any-return]

    def generator_terms(self, fake: Tensor, truth: Tensor, condition: Tensor | None) -> dict[str, Tensor]:
        """Adversarial and content."""
        return {"adversarial": -self.judge(fake, condition).mean(), "content": self.content_loss(fake, truth)}

    def observations(self, fake: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """L1 as well."""
        return {"reconstruction": losses.reconstruction_loss(fake, truth), **super().observations(fake, truth)}

    def discriminator_loss(
        self, fake: Tensor, truth: Tensor, condition: Tensor | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The critic's: Wasserstein distance with drift, and the gradient penalty."""
        real_scores, fake_scores = self.judge(truth, condition), self.judge(fake, condition)
        share = torch.rand(len(truth), 1, 1, 1, device=truth.device)

        def critic(pictures: Tensor) -> Tensor:
            return self.judge(pictures, condition)

        terms = {
            "critic_loss": losses.critic_loss(real_scores, fake_scores, self.weights["drift"]),
            "gradient_penalty": self.weights["penalty"]
            * losses.gradient_penalty(critic, truth, fake, share, self.penalty_over),
        }
        wasserstein = (real_scores - fake_scores).mean()
        return terms["critic_loss"] + terms["gradient_penalty"], {**terms, "wasserstein": wasserstein}
