"""The loggers of a stage: one W&B run a stage, grouped by the run, each with an id it keeps."""

import uuid
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from linecolor.cli.processes import is_first_process


def make_loggers(config: DictConfig, stage: str, folder: Path) -> list[Any]:
    """The configured loggers; two stages of one run are two W&B runs of one group, each with an id it keeps."""
    from hydra.utils import instantiate

    found = []
    for name, logger in config.logger.items():
        extra = {}
        if name == "wandb":
            known = folder / "wandb_id"
            if not known.is_file() and is_first_process():
                folder.mkdir(parents=True, exist_ok=True)
                known.write_text(uuid.uuid4().hex[:12], encoding="utf-8")
            identity = known.read_text(encoding="utf-8").strip()
            extra = {"name": f"{config.name}-{stage}", "job_type": stage, "id": identity, "resume": "allow"}
        elif name == "csv":
            extra = {"name": f"csv/{stage}"}
        found.append(instantiate(logger, **extra))
    return found


def finish_loggers(loggers: list[Any]) -> None:
    """Close what would write on in the next stage."""
    for logger in loggers:
        if hasattr(logger, "log_image"):  # W&B
            logger.experiment.finish()
