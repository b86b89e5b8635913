"""The loggers of a stage: one W&B run a stage, grouped by the run, each with an id it keeps."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from linecolor.experiment.processes import is_first_process

if TYPE_CHECKING:
    from linecolor.experiment.config import RunConfig
    from linecolor.runs.run_folder import RunFolder


def make_loggers(config: "RunConfig", stage: str, folder: Path) -> list[Any]:
    """The configured loggers; two stages of one run are two W&B runs of one group, each with an id it keeps.

    Args:
        config: of the whole run.
        stage: name of the stage.
        folder: of the stage.
    """
    from hydra.utils import instantiate

    loggers = []
    for name, logger in config.loggers.items():
        extra: dict[str, Any] = {}
        if name == "wandb":
            extra = _wandb_identity(config, stage, folder)
        elif name == "csv":
            extra = {"name": f"csv/{stage}"}
        # As a partial, or Hydra would build what the settings among the arguments describe.
        loggers.append(instantiate(logger, _partial_=True)(**extra))
    return loggers


def finish_loggers(loggers: list[Any]) -> None:
    """Close what would write on in the next stage."""
    for logger in loggers:
        if hasattr(logger, "close"):
            logger.close()


def log_bundle(run: "RunFolder", config: "RunConfig") -> None:
    """Send the finished bundle as an artifact of the last stage's W&B run, if `logger.wandb.log_bundle` says so."""
    from hydra.utils import instantiate

    settings = config.loggers.get("wandb")
    if settings is None or not settings["log_bundle"] or not is_first_process():
        return
    stage = list(config.stages)[-1]
    logger = instantiate(settings, _partial_=True)(**_wandb_identity(config, stage, run.stage(stage)))
    logger.send_bundle(run.bundle)


def _wandb_identity(config: "RunConfig", stage: str, folder: Path) -> dict[str, Any]:
    return {"name": f"{config.name}-{stage}", "job_type": stage, "folder": folder, "config": dict(config.mapping)}
