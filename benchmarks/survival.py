"""What it costs to be able to go on: checkpoints and their bookkeeping, as a share of a training step."""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import lightning as L
from torch.utils.data import DataLoader, default_collate

from benchmarks.training import _config, _module
from datamodules.illustrations import Illustrations
from datamodules.pairs import PairSynthesizer
from datamodules.prepare.openmoji import openmoji_set
from datamodules.prepare.rendering import render_set
from datamodules.sources.folder import scan_folder
from lightning_modules.callbacks.stage_checkpoint import StageCheckpoint
from linecolor.experiment.config import RunConfig
from linecolor.samples import LineArtBatch


class _Watched(StageCheckpoint):
    """Times its own work between two steps, and one whole checkpoint after each step."""

    def __init__(self, folder: Path, every: int) -> None:
        super().__init__(folder, every, 10, {}, folder / "metrics.jsonl")
        self.idle: list[float] = []
        self.saving: list[float] = []

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        started = time.perf_counter()
        super().on_train_batch_end(trainer, pl_module)
        self.idle.append(time.perf_counter() - started)
        started = time.perf_counter()
        self.save(trainer, pl_module, validation_pending=False)  # type: ignore[arg-type]
        self.saving.append(time.perf_counter() - started)


def measure(step_s: float, experiment: str = "demo") -> dict[str, float]:
    """Seconds and shares of the draft stage's checkpoints.

    Args:
        step_s: seconds of a training step, from `training.measure`.
        experiment: whose networks and whose `checkpoint_every`.

    Returns:
        `share`: of a step, the checkpoints' time spread over the steps between them (bar: 0.05); the seconds behind it.
    """
    config = _config(experiment)
    every = config.stages["draft"].checkpoint_every
    module = _module(config)
    pairs = few_pairs(config, 8)
    with tempfile.TemporaryDirectory() as folder:
        watched = _Watched(Path(folder), every)
        trainer = L.Trainer(
            accelerator="cpu",
            max_epochs=1,
            logger=False,
            callbacks=[watched],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, DataLoader([pairs] * 6, batch_size=None))  # type: ignore[arg-type]
    idle, saving = statistics.median(watched.idle), statistics.median(watched.saving)
    return {"share": (idle + saving / every) / step_s, "idle_s": idle, "checkpoint_s": saving, "every": every}


def few_pairs(config: RunConfig, count: int) -> LineArtBatch:
    """A batch of OpenMoji pairs on the CPU."""
    pairs = config.pairs
    with tempfile.TemporaryDirectory() as folder:
        render_set(folder, openmoji_set(limit=8, test_limit=1), test_size=128, progress=False)
        drawings = [
            d for d in scan_folder(Path(folder), verify="header", progress=False).drawings if d.split == "train"
        ]
        crops = Illustrations(drawings, pairs, config.model.resolution, 0, "draft")
        batch = default_collate([crops[0, index % len(drawings)] for index in range(count)])
    return PairSynthesizer(pairs, config.model.hint_spread)(batch)
