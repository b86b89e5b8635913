"""How much of a training step is ours: pair synthesis, loading, Lightning, against a bare PyTorch loop.

Ratios within one process: absolute times belong to the machine.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch.utils.data import DataLoader

from datamodules.datamodule import LineArtDataModule
from datamodules.prepare.openmoji import openmoji_set
from datamodules.prepare.rendering import render_set
from datamodules.sources.folder import scan_folder
from lightning_modules.stages.draft import DraftGAN
from linecolor import losses
from linecolor.experiment.composition import compose_training
from linecolor.experiment.config import RunConfig
from linecolor.experiment.stage import build_stage
from linecolor.samples import LineArtBatch

ROUNDS = 5


def measure(experiment: str = "demo", batch_size: int | None = None) -> dict[str, float]:
    """Seconds and ratios of the draft stage's training step.

    Returns:
        `synthesis_share`: pair synthesis over the training step (bar: 0.10); `step_ratio`: our step under Lightning
        over the same networks and losses in a bare loop (bar: 1.10); `loader_ratio`: images a second that one worker
        decodes and crops over those that training consumes (bar: 1); and the seconds behind them.
    """
    config = _config(experiment)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with tempfile.TemporaryDirectory() as folder:
        render_set(folder, openmoji_set(limit=48, test_limit=2), test_size=256, progress=False)
        data = _data(config, Path(folder), batch_size)
        batch = next(iter(data.train_dataloader()))
        batch = _to(batch, device)
        pairs = data.synthesizer(batch)
        synthesis, ours, bare = [], [], []
        data.synthesizer(batch)
        module, loop = _module(config).to(device), _BareLoop(_module(config).to(device))
        loop.step(pairs)
        loop.steps = 0
        # A round is one cycle of the content loss, which not every step of a small model has; a step's time is the mean
        # over its cycle, the figures are medians over cycles. In turns, so that whatever else the machine does meets
        # all three alike.
        cycle = module.content_loss_interval
        for _ in range(ROUNDS):
            synthesis += _times(lambda: data.synthesizer(batch), cycle)
            bare.append(statistics.mean(_times(lambda: loop.step(pairs), cycle)))
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


class _BareLoop:
    """The same two networks and three losses, stepped by hand."""

    def __init__(self, module: DraftGAN) -> None:
        self.module = module
        self.generator = torch.optim.Adam(module.generator.parameters(), lr=1e-4, betas=(0.5, 0.9))
        self.discriminator = torch.optim.Adam(module.discriminator.parameters(), lr=1e-4, betas=(0.5, 0.9))
        self.steps = 0

    def step(self, batch: LineArtBatch) -> None:
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
        _wait()
        self._started = time.perf_counter()

    def on_train_batch_end(self, *_: Any) -> None:
        _wait()
        self.seconds.append(time.perf_counter() - self._started)


def _lightning_steps(module: DraftGAN, pairs: LineArtBatch, steps: int) -> list[float]:
    times = _StepTimes()
    trainer = L.Trainer(
        accelerator="auto",
        devices=1,
        max_epochs=1,
        logger=False,
        callbacks=[times],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        barebones=False,
        log_every_n_steps=1,
    )
    module.steps = module.content_loss_interval - 1  # one step to warm up, then a whole cycle
    trainer.fit(module, DataLoader([pairs] * (steps + 1), batch_size=None))  # type: ignore[arg-type]
    return times.seconds[1:]


def _loader_seconds(data: LineArtDataModule) -> float:
    """Seconds a batch of one worker that has nobody to wait for."""
    batches: Iterator[Any] = iter(data.train_dataloader())
    for _ in range(6):  # what was fetched ahead while the worker started
        next(batches)
    started = time.perf_counter()
    count = 20
    for _ in range(count):
        next(batches)
    return (time.perf_counter() - started) / count


def _config(experiment: str) -> RunConfig:
    return RunConfig.from_hydra(compose_training([f"experiment={experiment}", "data.root=unused"]))


def _data(config: RunConfig, folder: Path, batch_size: int | None) -> LineArtDataModule:
    return LineArtDataModule(
        scan_folder(folder, verify="header", progress=False).drawings,
        config.pairs,
        config.model.resolution,
        config.model.hint_spread,
        "draft",
        batch_size or config.stages["draft"].batch_size,
        steps=1000,
        seed=0,
        workers=1,
        validation_drawings=0,
    )


def _module(config: RunConfig) -> DraftGAN:
    torch.manual_seed(0)
    module = build_stage("draft", config, {})
    assert isinstance(module, DraftGAN)
    return module


def _times(work: Callable[[], object], repeats: int) -> list[float]:
    seconds = []
    for _ in range(repeats):
        _wait()
        started = time.perf_counter()
        work()
        _wait()
        seconds.append(time.perf_counter() - started)
    return seconds


def _to(batch: dict[str, Any], device: torch.device) -> dict[str, Any]:
    return L.fabric.utilities.move_data_to_device(batch, device)


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
