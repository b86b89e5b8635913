"""How much of a training step is ours: pair synthesis, loading, Lightning, against a bare PyTorch loop.

Ratios within one process: absolute times belong to the machine.
"""

import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import lightning as L
import torch
from torch.utils.data import DataLoader

from benchmarks.stopwatch import seconds_of, show
from datamodules.datamodule import LineArtDataModule
from datamodules.prepare.openmoji import openmoji_set
from datamodules.prepare.rendering import render_set
from datamodules.sources.folder import scan_folder
from lightning_modules.stages.draft import DraftGAN
from linecolor import losses
from linecolor.experiment.composition import compose_training
from linecolor.experiment.config import RunConfig
from linecolor.experiment.preflight.meter import now
from linecolor.experiment.stage import build_stage
from linecolor.samples import LineArtBatch

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
ROUNDS = 5


def measure(experiment: str = "demo", batch_size: int | None = None) -> dict[str, float]:
    """Seconds and ratios of the draft stage's training step.

    Returns:
        `synthesis_share`: pair synthesis over the training step (bar: 0.10); `step_ratio`: our step under Lightning
        over the same networks and losses in a bare loop (bar: 1.10); `loader_ratio`: images a second that one worker
        decodes and crops over those that training consumes (bar: 1); and the seconds behind them.
    """
    config = named(experiment)
    with openmoji_data(config, batch_size or config.stages["draft"].batch_size, drawings=48) as data:
        batch = first_batch(data)
        pairs = data.synthesizer(batch)
        synthesis, ours, bare = [], [], []
        module, loop = draft_stage(config).to(DEVICE), BareLoop(draft_stage(config).to(DEVICE))
        loop.step(pairs)
        loop.steps = 0
        # A round is one cycle of the content loss, which not every step of a small model has; a step's time is the mean
        # over its cycle, the figures are medians over cycles. In turns, so that whatever else the machine does meets
        # all three alike.
        cycle = module.content_loss_interval
        for _ in range(ROUNDS):
            synthesis += seconds_of(lambda: data.synthesizer(batch), cycle)
            bare.append(statistics.mean(seconds_of(lambda: loop.step(pairs), cycle)))
            ours.append(statistics.mean(_lightning_steps(module, pairs, cycle)))
        loader = _loader_seconds(data) / data.batch_size
    step = statistics.median(ours)
    return {
        "synthesis_share": statistics.median(synthesis) / step,
        "step_ratio": step / statistics.median(bare),
        "loader_ratio": step / data.batch_size / loader,
        "step_s": step,
        "synthesis_s": statistics.median(synthesis),
        "bare_step_s": statistics.median(bare),
        "images_per_s": data.batch_size / step,
        "decode_and_crop_ms_per_image": 1000 * loader,
    }


class BareLoop:
    """The same two networks and three losses, stepped by hand."""

    def __init__(self, module: DraftGAN) -> None:
        self.module = module
        self.generator = torch.optim.Adam(module.generator.parameters(), lr=1e-4, betas=(0.5, 0.9))
        self.discriminator = torch.optim.Adam(module.discriminator.parameters(), lr=1e-4, betas=(0.5, 0.9))
        self.steps = 0

    def step(self, batch: LineArtBatch) -> None:
        """One step of both networks."""
        module = self.module
        fake = module.generator(batch.draft_line, batch.hint, batch.propagated_hints)
        module.discriminator.requires_grad_(False)
        loss = module.weights["reconstruction"] * losses.reconstruction_loss(fake, batch.draft_color)
        loss = loss + module.weights["adversarial"] * losses.adversarial_loss(module.discriminator(fake))
        if self.steps % module.content_loss_interval == 0:
            weight = module.weights["content"] * module.content_loss_interval
            loss = loss + weight * module.content_loss(fake, batch.draft_color)
        self.steps += 1
        loss.backward()
        module.discriminator.requires_grad_(True)
        self.generator.step()
        self.generator.zero_grad(set_to_none=True)
        loss = losses.discriminator_loss(module.discriminator(batch.draft_color), module.discriminator(fake.detach()))
        loss.backward()
        self.discriminator.step()
        self.discriminator.zero_grad(set_to_none=True)


class _StepTimes(L.Callback):
    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_train_batch_start(self, *_: Any) -> None:
        self._started = now()

    def on_train_batch_end(self, *_: Any) -> None:
        self.seconds.append(now() - self._started)


def _lightning_steps(module: DraftGAN, pairs: LineArtBatch, steps: int) -> list[float]:
    times = _StepTimes()
    module.steps = module.content_loss_interval - 1  # one step to warm up, then a whole cycle
    fit(module, [pairs] * (steps + 1), times, accelerator="auto", devices=1, log_every_n_steps=1)
    return times.seconds[1:]


def _loader_seconds(data: LineArtDataModule) -> float:
    """Seconds a batch of one worker that has nobody to wait for."""
    batches: Iterator[Any] = iter(data.train_dataloader())
    for _ in range(6):  # what was fetched ahead while the worker started
        next(batches)
    return statistics.mean(seconds_of(lambda: next(batches), 20))


def fit(module: L.LightningModule, batches: Sequence[LineArtBatch], callback: L.Callback, **settings: Any) -> L.Trainer:
    """Train on these batches with a trainer that does nothing else."""
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    trainer = L.Trainer(max_epochs=1, callbacks=[callback], **quiet, **settings)
    trainer.fit(module, DataLoader(batches, batch_size=None))  # type: ignore[arg-type]
    return trainer


def named(experiment: str) -> RunConfig:
    """An experiment's configuration."""
    return RunConfig.from_hydra(compose_training([f"experiment={experiment}", "data.root=unused"]))


@contextmanager
def openmoji_data(config: RunConfig, batch_size: int, drawings: int = 16) -> Iterator[LineArtDataModule]:
    """The draft stage's data of a few OpenMoji drawings, loaded by one worker."""
    with tempfile.TemporaryDirectory() as folder:
        render_set(folder, openmoji_set(limit=drawings, test_limit=2), test_size=256, progress=False)
        yield LineArtDataModule(
            scan_folder(folder, verify="header", progress=False).drawings,
            config.pairs,
            config.model.resolution,
            config.model.hint_spread,
            batch_size=batch_size,
            workers=1,
            validation_drawings=0,
        )


def first_batch(data: LineArtDataModule) -> dict[str, Any]:
    """What the loader gives first, on the device."""
    return L.fabric.utilities.move_data_to_device(next(iter(data.train_dataloader())), DEVICE)


def few_pairs(config: RunConfig, count: int) -> LineArtBatch:
    """A batch of so many pairs, on the device."""
    with openmoji_data(config, count) as data:
        return data.synthesizer(first_batch(data))


def draft_stage(config: RunConfig) -> DraftGAN:
    """The draft stage, new."""
    torch.manual_seed(0)
    module = build_stage("draft", config, {})
    assert isinstance(module, DraftGAN)
    return module


if __name__ == "__main__":
    show(measure())
