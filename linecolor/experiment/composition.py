"""From the files of conf/ and the words of a command to a configuration."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from linecolor.conf_folder import conf_folder
from linecolor.experiment.plain_paths import with_plain_paths
from linecolor.runs.renamed_keys import rename_keys, rename_overrides


def configuration_folder() -> str:
    """The folder conf/ as Hydra takes it."""
    return str(conf_folder())


def compose_training(overrides: Sequence[str]) -> DictConfig:
    """What linecolor-train makes of these words; an override that does not exist is refused by a ValueError."""
    register_resolvers()
    words = with_plain_paths(rename_overrides(overrides))
    there = GlobalHydra.instance().is_initialized()
    try:
        with nullcontext() if there else initialize_config_dir(configuration_folder(), version_base="1.3"):
            return with_new_keys(compose("train", words), words)
    except (HydraException, OmegaConfBaseException) as error:
        raise ValueError(f"{' '.join(overrides)}: {str(error).splitlines()[0]}") from None


def with_new_keys(config: DictConfig, overrides: Sequence[str]) -> DictConfig:
    """A composed configuration whose old keys, from a user's own YAML, are moved to the new ones.

    The overrides of the command line, with new keys, count more than YAML.
    """
    before: Any = OmegaConf.to_container(config, resolve=False)
    after = rename_keys(before, {word.lstrip("+~").partition("=")[0] for word in overrides}, report=True)
    if after == before:
        return config
    renamed = OmegaConf.create(after)
    OmegaConf.set_struct(renamed, True)
    return renamed


def register_resolvers() -> None:
    """What the YAML files compute: `half` of a number, `draft_channels` for a kind of spread hints."""
    OmegaConf.register_new_resolver("half", lambda number: int(number) // 2, replace=True)
    OmegaConf.register_new_resolver("draft_channels", _draft_channels, replace=True)


def _draft_channels(hint_spread: str) -> int:
    from linecolor.hints.propagation import draft_channels

    return draft_channels(hint_spread)
