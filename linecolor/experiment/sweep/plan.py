"""What a sweep is going to run, and whether it can: installed plugins, one process a job, one task a device."""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from linecolor.experiment.trainer_config import TrainerConfig

_PLUGINS = {
    "hydra/launcher=joblib": "hydra_joblib_launcher",
    "hydra/launcher=submitit": "hydra_submitit_launcher",
    "hydra/sweeper=optuna": "hydra_optuna_sweeper",
    "hparams_search=optuna": "hydra_optuna_sweeper",
}
ONE_PROCESS = (
    "-m runs its jobs in one process each, so {what} cannot be shared out: start the jobs by a launcher that gives "
    "each as many processes as devices (hydra/launcher=submitit_slurm hydra.launcher.tasks_per_node=N "
    "trainer.devices=N; submitit_local on this machine), or use trainer.devices=1, or start them one by one without -m "
    "(for seed in 1 2; do linecolor-train ... seed=$seed name=seed$seed; done; torchrun works there)"
)


def check_plugins(words: Sequence[str]) -> None:
    """Refuse launchers and sweepers that are not installed, by a ValueError that says what to install."""
    for word in words:
        for beginning, plugin in _PLUGINS.items():
            if word.startswith(beginning) and not find_spec(f"hydra_plugins.{plugin}"):
                raise ValueError(f"{word} is not installed: pip install '.[sweep]'")


def planned_jobs(config: DictConfig) -> list[list[str]] | int:
    """The overrides of each job; of a search, which decides as it goes, how many there will be."""
    loader = GlobalHydra.instance().config_loader()
    swept = OverridesParser.create(loader).parse_overrides(list(config.hydra.overrides.task))
    for override in swept:
        if override.is_sweep_override() and override.key_or_group.split(".")[0] in ("runs_dir", "sweep", "name"):
            raise ValueError(f"{override.input_line}: one sweep has one {override.key_or_group}; give a single value")
    sweeper = config.hydra.sweeper
    if "BasicSweeper" not in sweeper._target_:
        return int(sweeper.get("n_trials", 0))
    params = [f"{key}={value}" for key, value in (sweeper.params or {}).items()]
    parsed = OverridesParser.create(loader).parse_overrides([*params, *config.hydra.overrides.task])
    return BasicSweeper.split_arguments(parsed, None)[0]


def machines(config: DictConfig, jobs: list[list[str]]) -> Iterator[DictConfig]:
    """The configurations that may ask for other machines than the first: composing each takes its time."""
    groups = ("trainer", "experiment", "debug")
    seen = set()
    for job in jobs:
        asked = tuple(word for word in job if word.lstrip("+").startswith(groups))
        if asked not in seen:
            seen.add(asked)
            yield GlobalHydra.instance().config_loader().load_sweep_config(config, job)


def check_devices(config: DictConfig, launcher: DictConfig) -> None:
    """Refuse several devices in one process, and tasks that are not one a device, by a ValueError with the way out."""
    trainer: Any = OmegaConf.to_container(config.trainer, resolve=True)
    devices = TrainerConfig(trainer).count_devices()
    if "submitit" not in launcher._target_:
        if devices != 1:
            what = f"trainer.devices={config.trainer.devices}"
            raise ValueError(ONE_PROCESS.format(what=what))
        return
    tasks = int(launcher.tasks_per_node or 1) * int(launcher.nodes or 1)
    if devices is None:
        raise ValueError(
            f"trainer.devices={config.trainer.devices}: give the number, and as many hydra.launcher.tasks_per_node"
        )
    if tasks != devices:
        raise ValueError(
            f"{devices} devices, but hydra.launcher.tasks_per_node * nodes = {tasks}: a job needs one task a device"
        )
