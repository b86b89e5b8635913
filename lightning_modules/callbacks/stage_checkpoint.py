"""Checkpoints of a stage: its own format of tensors and numbers, written atomically."""

import logging
import os
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.trainer.states import TrainerFn

from lightning_modules.stages.training_stage import TrainingStage
from linecolor.runs.full_disk import naming
from linecolor.runs.record import cut_back, secured_size
from linecolor.runs.run_folder import CHECKPOINTS

log = logging.getLogger("linecolor")

LAST, PREVIOUS = CHECKPOINTS
DAMAGED = "damaged.ckpt"

PROGRESS = ("steps", "images_seen", "record_bytes", "validation_pending")
PARTS = ("architecture", "state_dict", "optimizers", "schedules", "precision", *PROGRESS)
"""What a checkpoint holds; of it, how far training had come."""


class StageCheckpoint(L.Callback):
    """Saves networks, average, optimizers, schedules and counters: by steps, by time, at the end and on a signal.

    Only between two optimizer steps, so that nothing is half-stepped; the newest file and the one before it are
    kept. It holds tensors, numbers and strings only and loads with `weights_only=True`.

    Where a validation follows a step, it is written twice: before, with the note that the validation is pending, and
    after.

    Args:
        folder: checkpoints/ of the stage.
        every: steps between two checkpoints.
        minutes: and the longest time between two; 0 goes by steps alone.
        architecture: the networks' constructor arguments, kept to name the difference when they do not fit.
        record: the stage's metrics.jsonl; how long it is belongs to the state that training goes back to.
    """

    def __init__(self, folder: Path, every: int, minutes: float, architecture: dict[str, Any], record: Path) -> None:
        self.folder, self.record = folder, record
        self.every, self.minutes = every, minutes
        self.architecture = architecture
        self._restored: dict[str, Any] | None = None
        self._saved: tuple[int, bool] | None = None
        self._saved_at = time.monotonic()

    def find(self, stage: TrainingStage, put_aside: bool = True) -> dict[str, Any] | None:
        """The newest checkpoint that can be used, which training will start from; None if the stage was not started.

        What cannot be used is named, put aside as damaged.ckpt and the one before it used: nothing is overwritten.

        Args:
            stage: whose networks it must fit.
            put_aside: rename what is damaged; of several devices' processes one does it.

        Returns:
            Of the checkpoint: `steps`, `images_seen`, `record_bytes`, `validation_pending`.

        Raises:
            ValueError: if there are checkpoints, but none that can be used; the message says why.
        """
        faults = []
        for name in (LAST, PREVIOUS):
            path = self.folder / name
            if not path.is_file():
                continue
            try:
                self._restored = self._fitting(path, stage)
            except ValueError as fault:
                faults.append(str(fault))
                continue
            if faults:
                log.warning("%s; continuing from %s", faults[0], path)
                if put_aside and (self.folder / LAST).is_file():
                    # Out of the way of the next checkpoint, which would take the good one's place for it.
                    (self.folder / LAST).replace(self.folder / DAMAGED)
            return {name: self._restored[name] for name in PROGRESS}
        if faults:
            raise ValueError(
                f"{'; '.join(faults)}. There is no checkpoint to continue from: give the run another name=..., or "
                f"delete {self.folder.parent} to train the stage anew"
            )
        return None

    def restore(self, stage: TrainingStage) -> None:
        """Take up the weights and counters that `find` found."""
        assert self._restored is not None, "find() found no checkpoint"
        stage.load_state_dict(self._restored["state_dict"])
        stage.steps, stage.images_seen = self._restored["steps"], self._restored["images_seen"]

    def resume(self, stage: TrainingStage, steps: int, writes: bool) -> dict[str, Any] | None:
        """Take up the newest checkpoint that can be used, and cut the record back to it, in the process that `writes`.

        Returns:
            As `find`.

        Raises:
            ValueError: as `find`, and if the checkpoint lies beyond the stage's `steps`.
        """
        found = self.find(stage, put_aside=writes)
        if found and found["steps"] > steps:
            raise ValueError(
                f"{self.folder} is at step {found['steps']} already, beyond stage.{self.folder.parent.name}.steps="
                f"{steps}: request more, or give the run another name=..."
            )
        if found:
            self.restore(stage)
        if writes:
            cut_back(self.record, found["record_bytes"] if found else 0)
        return found

    def mark_validated(self) -> None:
        """Save that the validation, which was pending in the checkpoint that `find` found, is done."""
        assert self._restored is not None, "find() found no checkpoint"
        self._restored |= {"validation_pending": False, "record_bytes": secured_size(self.record)}
        self._write(self._restored)

    def last_good(self, before: int) -> str:
        """Which checkpoint training could be taken up from, in words: one from before the trouble began."""
        for name in (LAST, PREVIOUS):
            path = self.folder / name
            if not path.is_file():
                continue
            try:
                steps = load_checkpoint(path)["steps"]
            except ValueError:
                continue
            if steps < before:
                aside = f"; delete {LAST}, which is later, to continue from it" if name == PREVIOUS else ""
                return f"the last good checkpoint is {path}, of step {steps}{aside}"
        return "no checkpoint is left from before it: delete the stage's folder to train it anew"

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take up the optimizers, schedules and gradient scale that `find` found, and listen to signals."""
        assert isinstance(pl_module, TrainingStage)
        pl_module.signals.watch()
        self._saved_at = time.monotonic()
        if trainer.world_size > 1:
            check_same_start(pl_module)
        if self._restored is None:
            return
        state, self._restored = self._restored, None
        if state["precision"]:  # of a gradient scaler; started in full precision there was none
            trainer.precision_plugin.load_state_dict(state["precision"])
        for optimizer, saved in zip(trainer.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        for config, saved in zip(trainer.lr_scheduler_configs, state["schedules"], strict=True):
            config.scheduler.load_state_dict(saved)
        log.info("continuing at step %d, %d images seen", pl_module.steps, pl_module.images_seen)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """Save when it is time, and stop on a signal."""
        assert isinstance(pl_module, TrainingStage)
        pending, agreed = pl_module.validation_is_due, pl_module.stop_agreed
        by_steps = pl_module.steps % self.every == 0
        if by_steps and trainer.world_size > 1:
            check_devices_agree(pl_module)
        by_time = self.minutes and time.monotonic() - self._saved_at >= 60 * self.minutes
        if agreed is None:
            if by_steps or by_time or pending:
                self.save(trainer, pl_module, pending)
            return
        try:
            self.save(trainer, pl_module, pending, must=True)
        finally:
            trainer.strategy.barrier()  # nobody leaves before the file is written
        pl_module.signals.received = agreed
        pl_module.signals.hand_on()

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Listen to signals during a validation that was pending, too."""
        assert isinstance(pl_module, TrainingStage)
        pl_module.signals.watch()

    def on_validation_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """A signal need not wait for the rest of the drawings: the checkpoint before them is written."""
        assert isinstance(pl_module, TrainingStage)
        if pl_module.signals.received is not None and trainer.world_size == 1:
            pl_module.signals.hand_on()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save that the validation is done."""
        assert isinstance(pl_module, TrainingStage)
        if trainer.state.fn == TrainerFn.FITTING:
            self.save(trainer, pl_module, validation_pending=False)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save the final state."""
        assert isinstance(pl_module, TrainingStage)
        self.save(trainer, pl_module, validation_pending=False, must=True)

    def save(self, trainer: L.Trainer, stage: TrainingStage, validation_pending: bool, must: bool = False) -> None:
        """Write the newest checkpoint; the one before it is kept as well.

        A full disk is reported and does not end the training, for the next one may find room; unless it `must` be kept.
        """
        if not trainer.is_global_zero or self._saved == (stage.steps, validation_pending):
            return
        self._saved_at = time.monotonic()
        state = {
            "architecture": self.architecture,
            "state_dict": stage.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in trainer.optimizers],
            "schedules": [_plain(config.scheduler.state_dict()) for config in trainer.lr_scheduler_configs],
            "precision": trainer.precision_plugin.state_dict(),
            "steps": stage.steps,
            "images_seen": stage.images_seen,
            "validation_pending": validation_pending,
        }
        try:
            self._write(state | {"record_bytes": secured_size(self.record)})
        except OSError as error:
            if must:
                raise
            log.error("step %d: no checkpoint could be written (%s); training goes on", stage.steps, error)
            return
        self._saved = (stage.steps, validation_pending)

    def _write(self, state: dict[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / (LAST + ".tmp")
        try:
            with naming(self.folder / LAST), partial.open("wb") as file:
                torch.save(state, file)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            partial.unlink(missing_ok=True)  # half a checkpoint would keep a full disk full
            raise
        # At every moment one of the two names leads to a whole checkpoint.
        if (self.folder / LAST).exists():
            (self.folder / LAST).replace(self.folder / PREVIOUS)
        partial.replace(self.folder / LAST)
        folder = os.open(self.folder, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def _fitting(self, path: Path, stage: TrainingStage) -> dict[str, Any]:
        """A checkpoint whose networks have the architecture, and the shapes, of this stage's."""
        state = load_checkpoint(path)
        there, here = (
            {name: tuple(tensor.shape) for name, tensor in tensors.items()}
            for tensors in (state["state_dict"], stage.state_dict())
        )
        differing = _differences(state["architecture"], self.architecture) or _differences(there, here)[:1]
        if differing:
            raise ValueError(f"{path}: is of another architecture ({'; '.join(differing)})")
        return state


def _differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Where a checkpoint and a stage differ, in words."""
    names = sorted(name for name in {*there, *here} if there.get(name) != here.get(name))
    return [f"{name}: {there.get(name)} there, {here.get(name)} here" for name in names]


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint without executing anything in it.

    Raises:
        ValueError: if it is damaged or holds more than tensors, numbers and strings.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            # torch itself reads past a flipped bit.
            broken = archive.testzip()
        if broken is not None:
            raise zipfile.BadZipFile(f"{broken} has changed")
        state = torch.load(path, map_location="cpu", weights_only=True)
        complete = set(state) >= set(PARTS)
    except (OSError, MemoryError):
        raise  # the machine's trouble, not the file's
    except Exception as error:  # torch raises a different kind for each way of being damaged
        raise ValueError(f"{path}: cannot be read as a checkpoint ({type(error).__name__})") from None
    if not complete:
        raise ValueError(f"{path}: is no checkpoint of a linecolor stage")
    return state


def check_same_start(stage: TrainingStage) -> None:
    """Compare where the devices' processes start from.

    Raises:
        RuntimeError: if they read different checkpoints, as over a network that shows them different folders.
    """
    every, same = _of_all_devices(stage, torch.tensor([stage.steps, stage.images_seen], device=stage.device))
    if not same:
        raise RuntimeError(
            f"the devices' processes start from different steps ({every[:, 0].tolist()}): the run's folder must be the "
            "same one for all of them"
        )


def check_devices_agree(stage: TrainingStage) -> None:
    """Compare the weights of all devices bit by bit: a fault in their exchange must not go unseen for days.

    Raises:
        RuntimeError: if they differ.
    """
    with torch.no_grad():
        # Bits, not values: a sum of floats would hide small differences.
        bits = torch.stack([p.contiguous().view(torch.int32).sum(dtype=torch.int64) for p in stage.parameters()])
    _, same = _of_all_devices(stage, bits)
    if not same:
        raise RuntimeError(
            f"the devices' weights differ at step {stage.steps}: an exchange between them went wrong; continue from "
            "the last checkpoint, and check the interconnect"
        )


def _of_all_devices(stage: TrainingStage, numbers: torch.Tensor) -> tuple[torch.Tensor, bool]:
    """Every device's numbers, a row a device, and whether all rows are the same."""
    every = torch.as_tensor(stage.all_gather(numbers))
    return every, torch.equal(every, every[:1].expand_as(every))


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    """A schedule's counters without its function, which no checkpoint may hold."""
    return {name: value for name, value in state.items() if isinstance(value, (int, float, list)) or value is None}
