"""What it costs to be able to go on: checkpoints and their bookkeeping, as a share of a training step."""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import lightning as L

from benchmarks.training import draft_stage, few_pairs, fit, named
from lightning_modules.callbacks.stage_checkpoint import StageCheckpoint


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
    config = named(experiment)
    every = config.stages["draft"].checkpoint_every
    with tempfile.TemporaryDirectory() as folder:
        watched = _Watched(Path(folder), every)
        fit(draft_stage(config), [few_pairs(config, 8)] * 6, watched, accelerator="auto", devices=1)
    idle, saving = statistics.median(watched.idle), statistics.median(watched.saving)
    return {"share": (idle + saving / every) / step_s, "idle_s": idle, "checkpoint_s": saving, "every": every}
