"""linecolor-train: both stages in sequence, then the evaluation, the bundle and the report."""

import sys

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from linecolor.experiment.composition import configuration_folder, register_resolvers, with_new_keys
from linecolor.experiment.errors import exit_on_error, remember_interrupts
from linecolor.experiment.plain_paths import with_plain_paths
from linecolor.experiment.sweep.jobs import in_sweep, report_interrupted_sweep, run_job
from linecolor.experiment.sweep.plan import check_plugins
from linecolor.runs.renamed_keys import rename_overrides


def main() -> None:
    """The console script."""
    remember_interrupts()
    register_resolvers()
    # Hydra reads an unquoted true as a boolean, which cannot name an option of a group.
    sys.argv[1:] = [
        f"preflight='{word[10:]}'" if word in ("preflight=true", "preflight=false") else word for word in sys.argv[1:]
    ]
    try:
        exit_on_error(_start)
    finally:
        report_interrupted_sweep()


def _start() -> None:
    sys.argv[1:] = with_plain_paths(rename_overrides(sys.argv[1:]))
    check_plugins(sys.argv[1:])
    _hydra_main()


@hydra.main(version_base="1.3", config_path=configuration_folder(), config_name="train")
def _hydra_main(config: DictConfig) -> float | None:
    register_resolvers()  # a launcher of sweeps may have made a new process
    config = with_new_keys(config, HydraConfig.get().overrides.task)
    if in_sweep():
        objective: list[float] = []
        exit_on_error(lambda: objective.append(run_job(config, _train)))  # a full disk takes no job's record
        return objective[0]
    exit_on_error(lambda: _train(config))
    return None


def _train(config: DictConfig) -> object:
    from linecolor.experiment.training import train  # --help needs nothing of it

    return train(config)


if __name__ == "__main__":
    main()
