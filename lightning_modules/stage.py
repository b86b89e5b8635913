"""What both training stages share: counters, schedules, the average of the generator, clipping, the record."""

import copy
import math
from dataclasses import dataclass
from typing import Any

import lightning as L
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from lightning_modules.schedule import learning_rate_factor

PROGRESS_EVERY = 5
"""Steps between two refreshes of the progress bar's numbers: telling them costs a millisecond each."""


MOST_SKIPPED = 20
"""Steps in a row that mixed precision may skip before the run counts as diverged."""


class TrainingDiverged(RuntimeError):
    """A loss became NaN or infinite; the message names it and the step."""


@dataclass
class StageSettings:
    """How a stage steps; `conf/stage` mirrors it.

    Attributes:
        optimizer: `lr`, `betas` of Adam.
        schedule: arguments of `learning_rate_factor`.
        ema_images: half-life, in images, of the running average of the generator's weights; 0 keeps none.
        clip: largest norm of the generator's gradient; 0 does not clip.
        accumulate: parts a batch is processed in, one after the other, for want of memory.
        record_every: steps between two lines of the record.
    """

    optimizer: dict[str, Any]
    schedule: dict[str, Any]
    ema_images: float
    clip: float
    accumulate: int
    record_every: int


class TrainingStage(L.LightningModule):
    """A generator, its running average and its progress, under manual optimization.

    Progress counts in optimizer steps and images of its own: Lightning's `global_step` counts every optimizer.

    Args:
        generator: the network the stage trains.
        settings: how it steps.
    """

    def __init__(self, generator: nn.Module, settings: StageSettings) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.generator = generator
        self.settings = settings
        self._skipped = 0
        self.steps = 0
        self.images_seen = 0
        self.averaged = copy.deepcopy(generator).requires_grad_(False) if settings.ema_images else None

    @property
    def inference_generator(self) -> nn.Module:
        """The weights to colour with: the running average where one is kept."""
        return self.generator if self.averaged is None else self.averaged

    @property
    def inference_networks(self) -> tuple[nn.Module, nn.Module | None]:
        """Draft and, if there is one, colorizer to colour with."""
        raise NotImplementedError

    def stepping_optimizers(self) -> list[LightningOptimizer]:
        """The optimizers as Lightning wraps them, always as a list."""
        found = self.optimizers()
        return found if isinstance(found, list) else [found]

    def make_optimizer(self, network: nn.Module) -> tuple[Optimizer, LambdaLR]:
        """Adam on a network's weights and its schedule."""
        optimizer = torch.optim.Adam(
            network.parameters(),
            lr=self.settings.optimizer["lr"],
            betas=tuple(self.settings.optimizer["betas"]),
        )
        return optimizer, LambdaLR(optimizer, learning_rate_factor(**self.settings.schedule))

    def apply_gradients(self, optimizer: LightningOptimizer) -> bool:
        """Step an optimizer and clear its gradients; False if mixed precision skipped the step."""
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        before = scaler.get_scale() if scaler else 1.0
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return not scaler or scaler.get_scale() >= before

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clip the generator's gradient; here, because mixed precision has just unscaled it."""
        own = {id(parameter) for parameter in self.generator.parameters()}
        parameters = [p for group in optimizer.param_groups for p in group["params"] if id(p) in own]
        if parameters and self.settings.clip:
            torch.nn.utils.clip_grad_norm_(parameters, self.settings.clip)

    def finish_step(self, images: int, losses: dict[str, Tensor], stepped: bool) -> None:
        """Advance counters, schedules and the average, check the losses and record them.

        Args:
            images: images of this step on this device.
            losses: scalars by name, without gradients.
            stepped: whether the generator's weights were changed.

        Raises:
            TrainingDiverged: if a loss is not finite.
        """
        self.steps += 1
        self.images_seen += images * self.trainer.world_size
        if stepped:
            for config in self.trainer.lr_scheduler_configs:
                assert isinstance(config.scheduler, LambdaLR)
                config.scheduler.step()
            self._average(images * self.trainer.world_size)
        datamodule = getattr(self.trainer, "datamodule", None)
        if datamodule is not None:
            datamodule.consumed = self.images_seen
        # One wait for the device, not one a number.
        values = dict(zip(losses, torch.stack(list(losses.values())).tolist(), strict=True))
        broken = [name for name, value in values.items() if not math.isfinite(value)]
        self._skipped = 0 if stepped else self._skipped + 1
        # In fp16 an overflow now and then is how the scale is found; those steps change nothing.
        if broken and (stepped or self._skipped >= MOST_SKIPPED):
            raise TrainingDiverged(
                f"{', '.join(broken)} is {values[broken[0]]} at step {self.steps} ({self.images_seen} images): "
                "lower stage.*.optimizer.lr, lengthen stage.*.schedule.warmup or set stage.*.clip=1"
            )
        if self.steps == 1 or self.steps % PROGRESS_EVERY == 0:
            self.log_dict(values, prog_bar=True, logger=False)
        if self.steps == 1 or self.steps % self.settings.record_every == 0:
            rate = self.trainer.optimizers[0].param_groups[0]["lr"]
            self.record({**values, "learning_rate": rate})

    def record(self, values: dict[str, float]) -> None:
        """Write numbers to every logger against images seen, under the stage's steps."""
        if self.trainer.is_global_zero:
            for logger in self.trainer.loggers:
                logger.log_metrics({**values, "step": self.steps}, step=self.images_seen)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Callbacks look at the held-out drawings; the stage itself has nothing to add."""

    @torch.no_grad()
    def _average(self, images: int) -> None:
        if self.averaged is None:
            return
        # Early on the average follows closely, or the first random weights would linger for a whole half-life.
        kept = min(0.5 ** (images / self.settings.ema_images), (1 + self.steps) / (10 + self.steps))
        for mean, now in zip(self.averaged.parameters(), self.generator.parameters(), strict=True):
            mean.lerp_(now, 1 - kept)
