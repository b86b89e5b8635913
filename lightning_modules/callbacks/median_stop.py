"""In a sweep: stop a job that is worse than half of its siblings were at the same number of images."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L

from lightning_modules.loggers.jsonl import JsonlLogger
from lightning_modules.stages.training_stage import TrainingStage
from linecolor.runs.record import read_record
from linecolor.runs.sweep_folder import JobFolder, StoppedBelowMedian


class MedianStop(L.Callback):
    """Compares a job after each validation with what its siblings recorded, and stops it below their median.

    The rule is Optuna's median pruner's (Golovin et al. 2017, section 3.2.2): the job's best value so far against
    the median of the siblings' values at the same number of images. Siblings are read from their metrics.jsonl, so
    they may be of other processes and earlier starts; one that has not come as far yet does not count. A run that is
    no job of a sweep is never stopped.

    Args:
        metric: a name in metrics.jsonl.
        direction: maximize or minimize.
        least_siblings: no job is stopped before as many siblings have come as far.
        warmup_images: nor before it has seen as many images, in each stage.

    Raises:
        ValueError: for a value that cannot be.
    """

    def __init__(self, metric: str, direction: str, least_siblings: int, warmup_images: int) -> None:
        if direction not in ("maximize", "minimize"):
            raise ValueError(f"callbacks.median_stop.direction={direction} is unknown: use maximize or minimize")
        for name, value, least in (("least_siblings", least_siblings, 1), ("warmup_images", warmup_images, 0)):
            if type(value) is not int or value < least:
                raise ValueError(f"callbacks.median_stop.{name}={value} must be a whole number, {least} or more")
        self.metric, self.direction = metric, direction
        self.least_siblings, self.warmup_images = least_siblings, warmup_images

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Compare, and stop in all of the devices' processes alike.

        Raises:
            StoppedBelowMedian: with the figures.
            ValueError: if nothing of that name is recorded.
        """
        assert isinstance(pl_module, TrainingStage)
        verdict: str | None = None
        if trainer.is_global_zero and pl_module.images_seen >= self.warmup_images:
            path = next(logger.path for logger in trainer.loggers if isinstance(logger, JsonlLogger))
            verdict = self.verdict(path, pl_module.images_seen)
        verdict = trainer.strategy.broadcast(verdict)
        if verdict:
            raise StoppedBelowMedian(verdict)

    def verdict(self, record: Path, images_seen: int) -> str | None:
        """Why the job with this record, runs_dir/SWEEP/JOB/STAGE/metrics.jsonl, is to be stopped; None if it is not.

        Raises:
            ValueError: if the record has no such metric.
        """
        job, stage = record.parents[1], record.parent.name
        if not JobFolder(job).facts:
            return None
        lines = read_record(record)
        own = _values(lines, self.metric, images_seen)
        if not own:
            names = sorted({name for line in lines for name in line} - {"images_seen", "step"})
            raise ValueError(f"callbacks.median_stop.metric={self.metric} is not recorded: use one of {names}")
        siblings = []
        for path in sorted(job.parent.glob(f"*/{stage}/{record.name}")):
            if path != record and JobFolder(path.parents[1]).facts:
                theirs = read_record(path)
                known = _values(theirs, self.metric, images_seen)
                if known and max(line["images_seen"] for line in theirs) >= images_seen:
                    siblings.append(known[-1])
        if len(siblings) < self.least_siblings:
            return None
        median = statistics.median(siblings)
        best = max(own) if self.direction == "maximize" else min(own)
        if best >= median if self.direction == "maximize" else best <= median:
            return None
        return (
            f"{self.metric} reached {best:.4g} by {images_seen} images of stage {stage}; the median of "
            f"{len(siblings)} siblings there is {median:.4g}"
        )


def _values(lines: Sequence[dict[str, Any]], metric: str, images_seen: int) -> list[float]:
    """A metric's values up to a number of images."""
    return [line[metric] for line in lines if line["images_seen"] <= images_seen and line.get(metric) is not None]
