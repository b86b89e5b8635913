"""Dead networks: a generator or a discriminator that nothing will wake up stops the run."""

from collections import deque
from collections.abc import Iterator
from typing import Any

import lightning as L

from lightning_modules.stages.training_stage import TrainingDiverged, TrainingStage

BLIND_LOSS = 1.38
"""The discriminator's loss when it tells nothing apart, 2 log 2 = 1.386, in round figures."""

OFF_WHITE = 0.05
"""How far, in [-1, 1], saturated paper may be from the paper of a scan or a JPEG without being wrong: 6 of 255."""


class NetworkDied(TrainingDiverged):
    """A network is dead; the message names the term, the values and the remedy."""


class Health(L.Callback):
    """Stops the run, with the name of the term, when a network has been dead for a whole window of steps.

    Each sign must hold at every step of the window; one step without it begins the count anew. What is bad but normal
    stops nothing: white paper, where a good generator saturates as the truth does; a discriminator that is right for
    thousands of steps; steps that mixed precision skips. NaN is no business of this callback: `TrainingStage` stops at
    once.

    All devices have the same numbers and stop together. The window is not part of a checkpoint: a stage that continues
    begins it anew.

    Args:
        window: steps in a row a sign must last.
        saturated: share of the generator's values beyond +-0.99 from which tanh is taken for saturated; it is dead
            when its error is also larger than the remaining values can make, so that it saturates in wrong places.
        gradient: norm of a network's gradient below which it no longer learns: for networks of a million weights that
            is less than Adam's epsilon of 1e-8 a weight.
        won_loss: the discriminator's loss below which it has won, when it is right about every picture.
        skipped: share of the window's steps that mixed precision may skip.
        collapsed: share of the pixels below which a background detector has collapsed: to all foreground if so little
            is background, to all background if so little is not.
    """

    def __init__(
        self,
        window: int = 40,
        saturated: float = 0.98,
        gradient: float = 1e-6,
        won_loss: float = 1e-4,
        skipped: float = 0.5,
        collapsed: float = 0.02,
    ) -> None:
        if window < 1:
            raise ValueError(f"callbacks.health.window={window} must be a whole number, 1 or more")
        self.window, self.skipped = window, skipped
        self.saturated, self.gradient = saturated, gradient
        self.won_loss, self.collapsed = won_loss, collapsed
        self._lasting: dict[str, int] = {}
        self._skips: deque[bool] = deque(maxlen=window)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Begin the window."""
        self._lasting.clear()
        self._skips.clear()

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """Check the numbers of this step.

        Raises:
            NetworkDied: if a network is dead.
        """
        assert isinstance(pl_module, TrainingStage)
        values = pl_module.last_values
        signs = self._signs(values, warming_up=pl_module.steps <= pl_module.settings.warmup)
        self._lasting = {sign: self._lasting.get(sign, 0) + 1 for sign in signs}
        self._skips.append(values.get("skipped_steps", 0) > 0)
        lasting = [sign for sign, steps in self._lasting.items() if steps >= self.window]
        if sum(self._skips) > self.skipped * self.window:
            lasting.append(
                f"mixed precision skipped {sum(self._skips)} of {len(self._skips)} steps (skipped_steps): the losses "
                "overflow; use trainer.precision=bf16-mixed or 32-true"
            )
        if lasting:
            began = pl_module.steps - self.window + 1
            numbers = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
            raise NetworkDied(
                f"{lasting[0]}. It began at step {began}; step {pl_module.steps} ({pl_module.images_seen} images) has "
                f"{numbers}. ~callbacks.health turns this check off",
                began,
            )

    def _signs(self, values: dict[str, float], warming_up: bool) -> Iterator[str]:
        """What is wrong at this step: messages to stop the run with."""
        # Two values in [-1, 1] differ by 2 at most, and one that saturates rightly by what paper is off white.
        explained = 2 * (1 - values.get("saturated", 0.0)) + OFF_WHITE
        if values["generator_gradient"] < self.gradient:
            yield (
                "the generator is dead: generator_gradient is 0, nothing it draws depends on its weights; lower "
                "stage.*.optimizer.lr or lengthen stage.*.schedule.warmup"
            )
        elif not warming_up and values.get("saturated", 0.0) >= self.saturated and values["reconstruction"] > explained:
            yield (
                f"the generator is dead: saturated is {self.saturated:g} or more while reconstruction stays high, its "
                "tanh has run to black or white; lower stage.*.optimizer.lr, lengthen stage.*.schedule.warmup, or "
                "raise pairs.color.background"
            )
        if "discriminator_loss" in values:
            loss, real, fake = (values[name] for name in ("discriminator_loss", "real_accuracy", "fake_accuracy"))
            blind = loss >= BLIND_LOSS and max(real, fake) > 0.999 and min(real, fake) < 0.001
            if min(real, fake) > 0.999 and loss < self.won_loss:
                yield (
                    "the discriminator has won: discriminator_loss is 0 with real_accuracy and fake_accuracy 1, it has "
                    "nothing left to teach; raise model.weights.adversarial, narrow model.discriminator.width or lower "
                    "stage.*.optimizer.lr"
                )
            elif values["discriminator_gradient"] < self.gradient or (blind and not warming_up):
                yield (
                    "the discriminator is dead: real_accuracy and fake_accuracy do not move, it answers the same "
                    "whatever it sees; lower stage.*.optimizer.lr or lengthen stage.*.schedule.warmup"
                )
        share = None if warming_up else values.get("background_share")
        if share is not None and share < self.collapsed:
            yield (
                "the background detector has collapsed to all foreground: the colours it learns from are right "
                "everywhere, and one colour for all never is; train stage.low_resolution for fewer steps, raise "
                "stage.background.temperature, or give pages with even backgrounds of any colour"
            )
        elif share is not None and share > 1 - self.collapsed:
            yield (
                "the background detector has collapsed to all background: the colours it learns from are worse than "
                "one colour for all; train stage.low_resolution for longer, or lower stage.background.temperature"
            )
