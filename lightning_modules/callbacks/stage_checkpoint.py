"""Checkpoints of a stage: its own format of tensors and numbers, written atomically."""

import logging
import os
from pathlib import Path
from typing import Any

import lightning as L
import torch

from lightning_modules.stage import TrainingStage

log = logging.getLogger("linecolor")

LAST, PREVIOUS = "last.ckpt", "previous.ckpt"


class StageCheckpoint(L.Callback):
    """Saves networks, average, optimizers, schedules and counters every so many steps and at the end.

    Only at the end of a training step, so that nothing is half-stepped; the newest file and the one before it are
    kept. It holds tensors, numbers and strings only and loads with `weights_only=True`.

    Args:
        folder: checkpoints/ of the stage.
        every: steps between two checkpoints.
        architecture: the networks' constructor arguments, kept to name the difference when they do not fit.
    """

    def __init__(self, folder: Path, every: int, architecture: dict[str, Any]) -> None:
        self.folder = folder
        self.every = every
        self.architecture = architecture
        self._restored: dict[str, Any] | None = None

    def find(self) -> int | None:
        """Images seen by the newest checkpoint, which `on_train_start` will restore; None if there is none.

        Raises:
            ValueError: if the checkpoint is damaged or of another architecture.
        """
        path = self.folder / LAST
        if not path.is_file():
            path = self.folder / PREVIOUS
            if not path.is_file():
                return None
            log.warning("%s is missing; continuing from %s", LAST, path)
        self._restored = load_checkpoint(path)
        theirs = self._restored["architecture"]
        if theirs != self.architecture:
            differing = [
                f"{name}: {theirs.get(name)} there, {self.architecture.get(name)} here"
                for name in sorted({*theirs, *self.architecture})
                if theirs.get(name) != self.architecture.get(name)
            ]
            raise ValueError(
                f"{path}: is of another architecture ({'; '.join(differing)}); "
                "give the run another name=..., or delete the checkpoint"
            )
        return int(self._restored["images_seen"])

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take up the state that `find` found."""
        if self._restored is None:
            return
        assert isinstance(pl_module, TrainingStage)
        state = self._restored
        self.restore(pl_module)
        trainer.precision_plugin.load_state_dict(state["precision"])
        for optimizer, saved in zip(trainer.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        for config, saved in zip(trainer.lr_scheduler_configs, state["schedules"], strict=True):
            config.scheduler.load_state_dict(saved)
        log.info("continuing at step %d, %d images seen", pl_module.steps, pl_module.images_seen)

    def restore(self, stage: TrainingStage) -> None:
        """Take up the weights and counters that `find` found."""
        assert self._restored is not None, "find() found no checkpoint"
        state, self._restored = self._restored, None
        stage.load_state_dict(state["state_dict"])
        stage.steps, stage.images_seen = state["steps"], state["images_seen"]

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """Save when it is time."""
        assert isinstance(pl_module, TrainingStage)
        if pl_module.steps % self.every == 0:
            self.save(trainer, pl_module)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save the final state."""
        assert isinstance(pl_module, TrainingStage)
        self.save(trainer, pl_module)

    def save(self, trainer: L.Trainer, stage: TrainingStage) -> None:
        """Write the newest checkpoint; the one before it is kept beside it."""
        if not trainer.is_global_zero:
            return
        state = {
            "architecture": self.architecture,
            "state_dict": stage.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in trainer.optimizers],
            "schedules": [_plain(config.scheduler.state_dict()) for config in trainer.lr_scheduler_configs],
            "precision": trainer.precision_plugin.state_dict(),
            "steps": stage.steps,
            "images_seen": stage.images_seen,
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / (LAST + ".tmp")
        with partial.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        # At every moment one of the two names leads to a whole checkpoint.
        if (self.folder / LAST).exists():
            (self.folder / LAST).replace(self.folder / PREVIOUS)
        partial.replace(self.folder / LAST)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint without executing anything in it.

    Raises:
        ValueError: if it is damaged or holds more than tensors, numbers and strings.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        complete = {
            "architecture",
            "state_dict",
            "optimizers",
            "schedules",
            "precision",
            "steps",
            "images_seen",
        } <= set(state)
    except Exception as error:  # torch raises a different kind for each way of being damaged
        raise ValueError(
            f"{path}: cannot be read as a checkpoint ({type(error).__name__}); delete it to start the stage anew, or "
            f"put {PREVIOUS} in its place"
        ) from None
    if not complete:
        raise ValueError(f"{path}: is no checkpoint of a linecolor stage")
    return state


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    """A schedule's counters without its function, which no checkpoint may hold."""
    return {name: value for name, value in state.items() if isinstance(value, (int, float, list)) or value is None}
