"""linecolor-study: train several methods on the same pictures, measure them by one protocol, write one page."""

import sys

import hydra
from omegaconf import DictConfig

from linecolor.experiment.composition import configuration_folder, register_resolvers
from linecolor.experiment.errors import exit_on_error
from linecolor.experiment.plain_paths import with_plain_paths


def main() -> None:
    """The console script."""
    register_resolvers()
    sys.argv[1:] = with_plain_paths(sys.argv[1:])
    _hydra_main()


@hydra.main(version_base="1.3", config_path=configuration_folder(), config_name="study")
def _hydra_main(config: DictConfig) -> None:
    def run() -> None:
        from linecolor.experiment.study.run import study  # --help needs nothing of it

        study(config)

    exit_on_error(run)


if __name__ == "__main__":
    main()
