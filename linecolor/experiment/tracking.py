"""The loggers of a stage: one W&B run a stage, grouped by the run, each with an id it keeps."""

from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from linecolor.experiment.config import RunConfig
from linecolor.experiment.processes import is_first_process
from linecolor.runs.run_folder import RunFolder


def make_loggers(config: RunConfig, stage: str, folder: Path) -> list[Any]:
    """The configured loggers of a stage with this folder; what its W&B run is called is said here, not in conf/."""
    own = {"wandb": _wandb_identity(config, stage, folder), "csv": {"name": f"csv/{stage}"}}
    # As a partial, or Hydra would build what the settings among the arguments describe.
    return [instantiate(logger, _partial_=True)(**own.get(name, {})) for name, logger in config.loggers.items()]


def finish_loggers(loggers: list[Any]) -> None:
    """Close what would write on in the next stage."""
    for logger in loggers:
        if hasattr(logger, "close"):
            logger.close()


def log_bundle(run: RunFolder, config: RunConfig) -> None:
    """Send the finished bundle as an artifact of the last stage's W&B run, if `logger.wandb.log_bundle` says so."""
    settings = config.loggers.get("wandb")
    if settings is None or not settings["log_bundle"] or not is_first_process():
        return
    stage = list(config.stages)[-1]
    logger = instantiate(settings, _partial_=True)(**_wandb_identity(config, stage, run.stage(stage)))
    logger.send_bundle(run.bundle)


def _wandb_identity(config: RunConfig, stage: str, folder: Path) -> dict[str, Any]:
    return {"name": f"{config.name}-{stage}", "job_type": stage, "folder": folder, "config": dict(config.mapping)}
