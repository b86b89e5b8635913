"""metrics.jsonl: the record of a stage that is always written, one JSON object a line."""

import logging
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers.logger import Logger

from linecolor.runs.record import append_record

log = logging.getLogger("linecolor")


class JsonlLogger(Logger):
    """Appends each set of numbers with the images seen to a file, whose folder it makes; a line is complete at once."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    @property
    def name(self) -> str:
        """Name of the logger."""
        return "jsonl"

    @property
    def version(self) -> str:
        """There is one record a stage."""
        return ""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Append one line; `step` is images seen."""
        try:
            append_record(self.path, step, {name: float(value) for name, value in metrics.items()})
        except OSError as error:  # a full disk: it may have room again by the next checkpoint
            log.error("%s: the numbers at %s images could not be written (%s)", self.path, step, error)

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """The configuration is in config.yaml of the run."""
