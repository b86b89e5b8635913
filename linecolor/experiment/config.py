"""The configuration of a run as typed objects: made once from Hydra's result, each part checked where it is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError

from datamodules.pair_settings import PairSettings
from linecolor.conf_folder import conf_folder
from linecolor.experiment.composition import compose_training
from linecolor.experiment.config_sections import (
    DataConfig,
    EvaluationConfig,
    ModelConfig,
    PreflightConfig,
    StageConfig,
    check_whole_number,
    own_values,
)
from linecolor.experiment.trainer_config import TrainerConfig
from linecolor.runs.run_folder import read_config
from linecolor.systems.registry import System, system_of

_BELONG_TOGETHER = "choose model=... and stage=... that belong together, or a whole experiment=..."


@dataclass(frozen=True)
class RunConfig:
    """All that is requested of a run, as conf/train.yaml has it: `stages` to train, in their order, by name.

    Callbacks that were turned off are left out. `preflight` of None trains. `mapping` is everything as Hydra composed
    it, for config.yaml.
    """

    name: str
    runs_dir: str
    seed: int
    resume: str
    stages: Mapping[str, StageConfig]
    data: DataConfig
    pairs: PairSettings
    model: ModelConfig
    trainer: TrainerConfig
    evaluation: EvaluationConfig
    half: bool
    callbacks: Mapping[str, Mapping[str, Any]]
    loggers: Mapping[str, Mapping[str, Any]]
    preflight: PreflightConfig | None
    mapping: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.resume not in ("auto", "must", "never"):
            raise ValueError(f"resume={self.resume} is unknown: use auto, must or never")
        check_whole_number("seed", self.seed, 0)

    @classmethod
    def from_hydra(cls, config: DictConfig) -> "RunConfig":
        """What Hydra composed.

        Raises:
            ValueError: for what cannot work, naming the option, its value and what to use instead.
        """
        unresolved: Any = OmegaConf.to_container(config)
        _check_groups(unresolved)
        try:
            mapping: Any = OmegaConf.to_container(config, resolve=True)
        except InterpolationKeyError as error:
            raise ValueError(f"{error.full_key}: {str(error).splitlines()[0]}; {_BELONG_TOGETHER}") from None
        run = cls.from_mapping(mapping)
        for name, stage in run.stages.items():
            if "_target_" not in stage.settings:
                raise ValueError(
                    f"stage.{name}._target_ is missing: name the LightningModule of the stage, as conf/stage does"
                )
        return run

    @classmethod
    def of_run(
        cls, run: Path, evaluation: Mapping[str, Any] | None = None, data: Mapping[str, Any] | None = None
    ) -> "RunConfig":
        """The configuration of the run in a folder, of this build or an older one.

        Other values may be given for the sections `evaluation` and `data`; None among them keeps the run's.

        Raises:
            FileNotFoundError: if there is no run in the folder.
            ValueError: as `from_hydra`.
        """
        config = read_config(run)
        defaults = default_mapping()
        for section in ("data", "pairs", "evaluation", "bundle", "trainer", "preflight"):
            # What runs once had no say in.
            config[section] = _completed(config.get(section, {}), defaults[section])
        for section, changes in (("evaluation", evaluation), ("data", data)):
            config[section] |= {name: value for name, value in (changes or {}).items() if value is not None}
        return cls.from_mapping(config)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "RunConfig":
        """From plain containers, as conf/train.yaml has them; refuses as `from_hydra` does."""
        _check_groups(mapping)
        stages, model = mapping["stages"], mapping["model"]
        config = cls(
            **{name: mapping[name] for name in ("runs_dir", "seed", "resume")},
            name=str(mapping["name"]),
            data=DataConfig(**own_values(DataConfig, mapping["data"])),
            trainer=TrainerConfig(mapping["trainer"]),
            stages={name: StageConfig.from_mapping(name, mapping["stage"][name]) for name in stages},
            model=ModelConfig(model["resolution"], model["hint_spread"], model),
            evaluation=EvaluationConfig.from_mapping(mapping["evaluation"], model["resolution"]),
            pairs=_pairs(mapping["pairs"]),
            half=mapping["bundle"]["half"],
            callbacks={name: callback for name, callback in mapping["callbacks"].items() if callback is not None},
            loggers=mapping["logger"],
            preflight=PreflightConfig.from_mapping(mapping["preflight"]),
            mapping=mapping,
        )
        for stage in config.stages.values():
            stage.share_of_device(config.trainer.world_size)
        check_system(config)
        return config

    @property
    def system(self) -> System:
        """The system whose first stages the run trains."""
        return system_of(list(self.stages))

    def with_stages(self, stages: Mapping[str, StageConfig]) -> "RunConfig":
        """The same with other stages."""
        settings = {name: stage.settings for name, stage in stages.items()}
        return replace(self, stages=stages, mapping={**self.mapping, "stage": {**self.mapping["stage"], **settings}})

    def on_this_machine(self) -> "RunConfig":
        """The same with what this machine decides; see `TrainerConfig.on_this_machine`."""
        trainer = self.trainer.on_this_machine()
        return replace(self, trainer=trainer, mapping={**self.mapping, "trainer": trainer.settings})


def default_data(**values: Any) -> DataConfig:
    """Which pictures where no run says so: conf/data's defaults with other values; None keeps the default."""
    given = {name: value for name, value in values.items() if value is not None}
    return DataConfig(**{**default_mapping()["data"], **given})


def default_protocol() -> dict[str, Any]:
    """What is measured where no run says so: `drawings`, `hints` and more, as conf/evaluate.yaml has it."""
    protocol: Any = OmegaConf.to_container(OmegaConf.load(conf_folder() / "evaluate.yaml").protocol)
    return protocol


@cache
def default_mapping() -> Mapping[str, Any]:
    """The defaults of conf/: what older runs lack, and what holds for pictures that belong to no run."""
    mapping: Any = OmegaConf.to_container(compose_training([]), resolve=True)
    return mapping


def check_system(config: RunConfig) -> None:
    """Refuse, as `from_hydra` does, networks that are too small for their system, and what has no meaning for it."""
    for stage in config.system.stages:
        for name, least in stage.least.items():
            check_whole_number(f"model.{stage.name}.{name}", config.model.settings[stage.name][name], least)
    rendering = config.evaluation.rendering
    if config.system.samples and rendering.mirrored:
        raise ValueError("evaluation.mirrored=true: the mean of two samples is neither; use false")
    if config.system.takes_hints:
        return
    requested = {
        f"callbacks.{name}.hints": callback["hints"]
        for name, callback in config.callbacks.items()
        if "hints" in callback
    }
    if not rendering.enforce_hints:
        requested["evaluation.hints"] = config.evaluation.hints
    for option, hints in requested.items():
        if any(hints if isinstance(hints, list) else [hints]):
            zero = "[0]" if isinstance(hints, list) else "0"
            raise ValueError(f"{option}={hints}: the {config.system.name} system takes no hints; use {option}={zero}")


def _check_groups(mapping: Mapping[str, Any]) -> None:
    """Refuse a model=... or stage=... without a network or a stage that `stages` needs."""
    stages = mapping["stages"]
    for group, names in (("stage", stages), ("model", system_of(stages).names)):
        missing = [name for name in names if name not in mapping[group]]
        if missing:
            raise ValueError(f"stages={stages}, but {group} has no {missing[0]}: {_BELONG_TOGETHER}")


def _pairs(mapping: Mapping[str, Any]) -> PairSettings:
    try:
        return PairSettings.from_config(dict(mapping))
    except TypeError as error:  # an unknown key, or a missing one
        raise ValueError(f"pairs: {error}") from None


def _completed(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping with what it lacks of another one."""
    nested = {
        name: _completed(value, defaults[name])
        for name, value in config.items()
        if isinstance(value, Mapping) and isinstance(defaults.get(name), Mapping)
    }
    return {**defaults, **config, **nested}
