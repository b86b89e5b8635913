"""A stage in which a generator is trained against a second network."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lightning_modules.stages.training_stage import TrainingStage, add_parts
from linecolor import losses
from linecolor.samples import LineArtBatch


class AdversarialStage(TrainingStage):
    """A generator and its discriminator, or critic, each with an optimizer and a schedule of its own.

    Both step once on the same fakes, the discriminator first unless `generator_first` says otherwise, as `DraftGAN`
    alone does. The whole of one network's backward passes and its step come before the other's begin: with mixed
    precision a step may change the scale of the gradients, which must not happen half-way through an accumulation.

    A stage says how its generator paints, how its discriminator judges, and what each of them learns from.

    Args:
        generator: the network the stage trains.
        discriminator: judges its output.
        weights: of the losses' terms.
        stepping: see `StageSettings`.
    """

    generator_first = False
    """Whether the generator steps first. Its gradients then need not wait for the discriminator's turn in memory."""

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, weights: Mapping[str, float], **stepping: Any
    ) -> None:
        super().__init__(generator, **stepping)
        self.discriminator = discriminator
        self.weights = weights

    def trained_networks(self) -> dict[str, nn.Module]:
        """Generator and discriminator."""
        return {"generator": self.generator, "discriminator": self.discriminator}

    def truth(self, batch: LineArtBatch) -> Tensor:
        """The colours (B, 3, H, W) that the generator should paint."""
        return batch.color

    def condition(self, batch: LineArtBatch) -> Any:
        """What both networks are given besides; made once a step, without gradients."""
        return None

    def paint(self, batch: LineArtBatch, condition: Any) -> Tensor:
        """The generator's colours (B, 3, H, W)."""
        raise NotImplementedError

    def judge(self, color: Tensor, condition: Any) -> Tensor:
        """The discriminator's logits of true or painted colours."""
        return self.discriminator(color)  # type: ignore[no-any-return]

    def generator_terms(self, fake: Tensor, truth: Tensor, condition: Any) -> dict[str, Tensor]:
        """The terms of the generator's loss by name; `weight` says what each counts."""
        raise NotImplementedError

    def weight(self, term: str) -> float:
        """What a term counts in the generator's loss."""
        return self.weights[term]

    def observations(self, fake: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """What else is recorded of the fakes, without gradients."""
        # tanh that runs to +-1 has no gradient left: on white paper that is how this model dies.
        return {"saturated": (fake.abs() > 0.99).float().mean()}

    def discriminator_loss(self, fake: Tensor, truth: Tensor, condition: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """The discriminator's loss on fakes without gradients, and what is recorded, by name."""
        real_logits, fake_logits = self.judge(truth, condition), self.judge(fake, condition)
        loss = losses.discriminator_loss(real_logits, fake_logits)
        accuracies = {
            "real_accuracy": (real_logits > 0).float().mean(),
            "fake_accuracy": (fake_logits < 0).float().mean(),
        }
        return loss, {"discriminator_loss": loss, **accuracies}

    def training_step(self, batch: LineArtBatch, batch_idx: int) -> None:
        """One optimizer step of each network on the same fakes."""
        parts = batch.micro_batches(self.settings.micro_batches)
        conditions = [self.condition(part) for part in parts]
        examples = list(zip((self.truth(part) for part in parts), conditions, strict=True))
        painted = map(self.paint, parts, conditions)
        numbers: dict[str, Tensor] = {}
        if self.generator_first:
            fakes, stepped = self._step_generator(painted, examples, numbers)
            self._step_discriminator(fakes, examples, numbers)
        else:
            fakes = list(painted)
            self._step_discriminator([fake.detach() for fake in fakes], examples, numbers)
            _, stepped = self._step_generator(fakes, examples, numbers)
        self.finish_step(len(batch), numbers, stepped)

    def _step_generator(
        self, painted: Iterable[Tensor], examples: list[tuple[Tensor, Any]], numbers: dict[str, Tensor]
    ) -> tuple[list[Tensor], bool]:
        """Step the generator; returns the fakes without gradients, and whether its weights were changed."""
        fakes = []
        self.discriminator.requires_grad_(False)
        for fake, (truth, condition) in zip(painted, examples, strict=True):
            terms = self.generator_terms(fake, truth, condition)
            loss = torch.stack([self.weight(name) * term for name, term in terms.items()]).sum()
            self.manual_backward(loss / len(examples))
            fakes.append(fake.detach())
            seen = {**terms, "generator_loss": loss, **self.observations(fakes[-1], truth)}
            add_parts(numbers, seen, len(examples))
        self.discriminator.requires_grad_(True)
        return fakes, self.apply_gradients(self.stepping_optimizers()[0])

    def _step_discriminator(
        self, fakes: list[Tensor], examples: list[tuple[Tensor, Any]], numbers: dict[str, Tensor]
    ) -> None:
        """Step the discriminator, unless its judgement counts nothing."""
        if not self.weights["adversarial"]:
            return
        for fake, (truth, condition) in zip(fakes, examples, strict=True):
            loss, seen = self.discriminator_loss(fake, truth, condition)
            self.manual_backward(loss / len(examples))
            add_parts(numbers, seen, len(examples))
        self.apply_gradients(self.stepping_optimizers()[1])
