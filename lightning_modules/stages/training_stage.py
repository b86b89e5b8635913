"""What all training stages share: the loop, counters, schedules, the average of the generator, clipping, the record."""

import copy
import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import lightning as L
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lightning_modules.stages import schedules
from lightning_modules.stop_signals import SIGNALS, StopSignals
from linecolor.samples import LineArtBatch

PROGRESS_EVERY = 5
"""Steps between two refreshes of the progress bar's numbers: each costs a millisecond."""


MOST_SKIPPED = 20
"""Steps in a row that mixed precision may skip before the run counts as diverged."""

NEVER = 10**12
"""Batches: more than any stage has."""

ADAM = partial(torch.optim.Adam, lr=1e-4, betas=(0.5, 0.9))
"""The paper's optimizer."""


class TrainingDiverged(RuntimeError):
    """A loss became NaN or infinite, or a network died; the message names the term and the step.

    Args:
        message: what went wrong, and what to change.
        began: the step the trouble began in, where it is not the last one: checkpoints from then on hold it.
    """

    def __init__(self, message: str, began: int | None = None) -> None:
        super().__init__(message)
        self.began = began


@dataclass(frozen=True, kw_only=True)
class StageSettings:
    """How a stage steps; `conf/stage` mirrors it.

    Attributes:
        steps: optimizer steps of the whole stage; None: as many as the data has batches.
        micro_batches: equal parts a batch is processed in, one after the other, for want of memory.
        optimizer: makes the optimizer of a network's parameters.
        schedule: makes an optimizer's schedule; see `schedules`.
        ema_half_life: of the running average of the generator's weights, in images; 0 keeps none.
        max_grad_norm: largest norm of the generator's gradient; 0 does not clip.
        log_every_n_steps: steps between two lines of the record.
        val_every_n_steps: steps between two validations; there is always one after the last step.
        seed: of the run, for what is random inside a step: dropout, masks, samples.
    """

    steps: int | None = None
    micro_batches: int = 1
    optimizer: Callable[..., Optimizer] = ADAM
    schedule: Callable[[Optimizer], LRScheduler] = schedules.step
    ema_half_life: float = 0
    max_grad_norm: float = 0.0
    log_every_n_steps: int = 50
    val_every_n_steps: int = 10_000
    seed: int = 0

    @property
    def warmup(self) -> int:
        """The first steps, in which the schedule raises the rate."""
        return int(getattr(self.schedule, "keywords", {}).get("warmup", 0))


class TrainingStage(L.LightningModule):
    """A generator, its running average and its progress, under manual optimization.

    A stage says what its loss is; the loop is here. Progress counts in optimizer steps and images of its own:
    Lightning's `global_step` counts every optimizer, and its batch index starts anew with every start of the program.

    Args:
        generator: the network the stage trains.
        frozen: networks of earlier stages by name. They stay out of this stage's parameters and checkpoints.
        stepping: see `StageSettings`.

    Attributes:
        name: of the stage, and of its network in a bundle.
        seeded_as: the name the stage's randomness is keyed by; stages with the same one draw the same.
        steps: optimizer steps done.
        images_seen: by all devices together.
        last_values: the numbers of the last step, means over the devices.
        signals: to stop, that this process received.
        stop_agreed: the signal to stop that any of the devices' processes received; the same in all of them.
    """

    name: str
    seeded_as: str | None = None

    def __init__(self, generator: nn.Module, frozen: Mapping[str, nn.Module] | None = None, **stepping: Any) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.generator = generator
        self.settings = StageSettings(**stepping)
        self.steps = 0
        self.images_seen = 0
        self.last_values: dict[str, float] = {}
        self.signals = StopSignals()
        self.stop_agreed: int | None = None
        # In a plain dict they are no submodules.
        self._frozen = {name: network.eval().requires_grad_(False) for name, network in (frozen or {}).items()}
        self._overflowed = False
        self._skipped = 0
        self._gradients: dict[str, Tensor] = {}
        self.averaged = copy.deepcopy(generator).requires_grad_(False) if self.settings.ema_half_life else None

    @property
    def frozen(self) -> dict[str, nn.Module]:
        """The networks of earlier stages, on the device of this one."""
        return {name: network.to(self.device) for name, network in self._frozen.items()}

    @property
    def inference_generator(self) -> nn.Module:
        """The weights to colour with: the running average where one is kept."""
        return self.generator if self.averaged is None else self.averaged

    @property
    def inference_networks(self) -> dict[str, nn.Module]:
        """The networks to colour with, by the names of the stages that train them."""
        return {**self.frozen, self.name: self.inference_generator}

    def loss(self, batch: LineArtBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a micro-batch, and the scalars to record of it, by name."""
        raise NotImplementedError

    def on_train_batch_start(self, *_: Any) -> None:
        """Key what this step draws."""
        seed_step(self.settings.seed, self.seeded_as or self.name, self.steps, self.global_rank)

    def training_step(self, batch: LineArtBatch, batch_idx: int) -> None:
        """One optimizer step on the mean loss of the micro-batches."""
        parts = batch.micro_batches(self.settings.micro_batches)
        numbers: dict[str, Tensor] = {}
        for part in parts:
            loss, seen = self.loss(part)
            self.manual_backward(loss / len(parts))
            add_parts(numbers, seen, len(parts))
        stepped = self.apply_gradients(self.stepping_optimizers()[0])
        self.finish_step(len(batch), numbers, stepped)

    def stepping_optimizers(self) -> list[LightningOptimizer]:
        """The optimizers as Lightning wraps them, always as a list."""
        optimizers = self.optimizers()
        return optimizers if isinstance(optimizers, list) else [optimizers]

    def configure_optimizers(self) -> tuple[list[Optimizer], list[LRScheduler]]:
        """An optimizer and its schedule for each network that is trained, in their order."""
        optimizers = [self.settings.optimizer(network.parameters()) for network in self.trained_networks().values()]
        return optimizers, [self.settings.schedule(optimizer) for optimizer in optimizers]

    def apply_gradients(self, optimizer: LightningOptimizer) -> bool:
        """Step an optimizer and clear its gradients; False if mixed precision skipped the step."""
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        before = scaler.get_scale() if scaler else 1.0
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        stepped = not scaler or scaler.get_scale() >= before
        self._overflowed |= not stepped
        return stepped

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Note the norm of the gradient and clip the generator's; here: mixed precision has just unscaled it."""
        stepping = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
        for name, network in self.trained_networks().items():
            own = [p for p in network.parameters() if id(p) in stepping and p.grad is not None]
            if own:
                norm = torch.nn.utils.get_total_norm([p.grad for p in own if p.grad is not None])
                self._gradients[f"{name}_gradient"] = norm.detach()
                if name == "generator" and self.settings.max_grad_norm:
                    torch.nn.utils.clip_grads_with_norm_(own, self.settings.max_grad_norm, norm)

    def trained_networks(self) -> dict[str, nn.Module]:
        """The networks this stage trains, by name."""
        return {"generator": self.generator}

    def differentiated_twice(self) -> tuple[nn.Module, ...]:
        """Networks whose gradient is itself differentiated, which torch.compile cannot do."""
        return ()

    def finish_step(self, images: int, losses: dict[str, Tensor], stepped: bool) -> None:
        """Advance counters, schedules and the average, check the losses and record them.

        Args:
            images: images of this step on this device.
            losses: scalars by name, without gradients.
            stepped: whether the generator's weights were changed.

        Raises:
            TrainingDiverged: if a loss or a gradient is not finite, on any device, hence on all.
        """
        images *= self.trainer.world_size
        self.steps += 1
        self.images_seen += images
        if stepped:
            for config in self.trainer.lr_scheduler_configs:
                assert isinstance(config.scheduler, LRScheduler)
                config.scheduler.step()
            self._average(images)
        datamodule = getattr(self.trainer, "datamodule", None)
        if datamodule is not None:
            datamodule.consumed = self.images_seen
        values = self._agree({**losses, **self._gradients})
        self._skipped = self._skipped + 1 if self._overflowed else 0
        self.last_values = {**values, "skipped_steps": self._skipped}
        self._check_finite(values)
        self._gradients, self._overflowed = {}, False
        if self.steps == 1 or self.steps % PROGRESS_EVERY == 0:
            self.log_dict(values, prog_bar=True, logger=False)
        if self.steps == 1 or self.steps % self.settings.log_every_n_steps == 0:
            rate = self.trainer.optimizers[0].param_groups[0]["lr"]
            self.record({**self.last_values, "learning_rate": rate})

    def _agree(self, numbers: dict[str, Tensor]) -> dict[str, float]:
        """Means over the devices, and whether anybody wants to stop: one message and one wait, not one a number."""
        requested = torch.tensor([float(self.signals.received == number) for number in SIGNALS], device=self.device)
        reduced = torch.cat([torch.stack([number.float() for number in numbers.values()]), requested])
        if self.trainer.world_size > 1:
            reduced = self.trainer.strategy.reduce(reduced, reduce_op="mean")
        values = reduced.tolist()
        agreed = [number for number, share in zip(SIGNALS, values[len(numbers) :], strict=True) if share > 0]
        self.stop_agreed = agreed[0] if agreed else None
        return dict(zip(numbers, values, strict=False))

    def _check_finite(self, values: dict[str, float]) -> None:
        broken = [name for name, value in values.items() if not math.isfinite(value)]
        # In fp16 an overflow now and then is how the scale is found; those steps change nothing.
        if broken and (not self._overflowed or self._skipped >= MOST_SKIPPED):
            raise TrainingDiverged(
                f"{', '.join(broken)} is {values[broken[0]]} at step {self.steps} ({self.images_seen} images): "
                "lower stage.*.optimizer.lr, lengthen stage.*.schedule.warmup or set stage.*.max_grad_norm=1"
            )

    @property
    def validation_is_due(self) -> bool:
        """Whether there is a validation after this step."""
        end = self.settings.steps
        last = self.trainer.is_last_batch if end is None else self.steps == end
        return bool(self.trainer.limit_val_batches) and (self.steps % self.settings.val_every_n_steps == 0 or last)

    def on_train_start(self) -> None:
        """Lightning would validate by the batches since this start; `validation_is_due` decides."""
        self.trainer.val_check_batch = NEVER

    def on_train_batch_end(self, *_: Any) -> None:
        """Let Lightning validate now, or not."""
        self.trainer.val_check_batch = 1 if self.validation_is_due else NEVER

    def record(self, values: dict[str, float]) -> None:
        """Write numbers to every logger against images seen, under the stage's steps."""
        if self.trainer.is_global_zero:
            for logger in self.trainer.loggers:
                logger.log_metrics({**values, "step": self.steps}, step=self.images_seen)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Callbacks do it; the stage itself has nothing to add."""

    @torch.no_grad()
    def _average(self, images: int) -> None:
        if self.averaged is None:
            return
        # Early on the average follows closely, or the first random weights would linger for a whole half-life.
        kept = min(0.5 ** (images / self.settings.ema_half_life), (1 + self.steps) / (10 + self.steps))
        for mean, now in zip(self.averaged.parameters(), self.generator.parameters(), strict=True):
            mean.lerp_(now, 1 - kept)
        # What BatchNorm keeps is an average already, and of the weights of just now.
        for kept_buffer, buffer in zip(self.averaged.buffers(), self.generator.buffers(), strict=True):
            kept_buffer.copy_(buffer)


def seed_step(seed: int, stage: str, step: int, rank: int) -> None:
    """Seed torch's generators, on the CPU and on all GPUs, from the run's seed, the stage, its steps done and the rank.

    Dropout and the mixtures of a gradient penalty draw from torch's own streams, which no checkpoint holds. Keyed anew
    before each step, they are exact after a resume at the same number of devices, and differ between the devices.
    """
    digest = hashlib.blake2b(repr((seed, stage, step, rank)).encode(), digest_size=8).digest()
    torch.manual_seed(int.from_bytes(digest, "big", signed=True))


def add_parts(totals: dict[str, Tensor], terms: dict[str, Tensor], parts: int) -> None:
    """Add the terms of one of several equal parts of a batch to the means over the whole, without gradients."""
    for name, term in terms.items():
        totals[name] = totals.get(name, torch.zeros((), device=term.device)) + term.detach().float() / parts
