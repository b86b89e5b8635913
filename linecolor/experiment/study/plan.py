"""Which trainings a study needs."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from linecolor.experiment.composition import compose_training
from linecolor.experiment.config import RunConfig
from linecolor.runs.renamed_keys import rename_overrides

TrainingKey = tuple[str, tuple[str, ...], int]
"""Experiment, further overrides, seed."""


@dataclass(frozen=True)
class Training:
    """One training of a study.

    Attributes:
        experiment: as linecolor-train takes it: a name or a list of them.
        seed: of the run.
        words: the whole command line of linecolor-train.
        config: what they compose.
    """

    experiment: str
    seed: int
    words: list[str]
    config: RunConfig

    @property
    def run(self) -> Path:
        """The run's folder."""
        return Path(self.config.runs_dir).expanduser() / self.config.name


def planned(plain: dict[str, Any], folder: Path) -> dict[TrainingKey, Training]:
    """The trainings of a study; systems that differ in their blending alone share them.

    Args:
        plain: the study's configuration.
        folder: of the study, where the runs go.

    Raises:
        ValueError: if an override names nothing, or a training cannot work.
    """
    of_seed_0: dict[TrainingKey, tuple[list[str], dict[str, Any]]] = {}
    found: dict[TrainingKey, Training] = {}
    for seed in plain["seeds"]:
        for of in plain["study"]["systems"].values():
            experiment, overrides, _ = _key(of, seed)
            if _key(of, 0) not in of_seed_0:
                data = {name: value for name, value in plain["data"].items() if value is not None}
                own = [f"data={data.pop('kind')}"] if "kind" in data else []
                own += [f"experiment={experiment}", *plain["budget"]["overrides"]]
                own += [f"data.{name}={_quoted(value)}" for name, value in data.items()]
                first = compose_training([*own, *plain["train"]])
                for group, values in (("stage", plain["budget"]["stages"]), ("model", plain["budget"]["models"])):
                    own += _of_budget(group, values, first.stages)
                own += [*overrides, f"runs_dir={_quoted(str(folder))}", "evaluation.enabled=false"]
                own += [*plain["train"], f"resume={plain['resume']}"]
                own = rename_overrides(own)
                resolved: Any = OmegaConf.to_container(compose_training(own), resolve=True)
                of_seed_0[_key(of, 0)] = own, resolved
            words, composed = of_seed_0[_key(of, 0)]
            name = "+".join(part.split("/")[-1] for part in experiment.strip("[]").split(","))
            if overrides:
                name += "-" + hashlib.sha256(repr(overrides).encode()).hexdigest()[:8]
            name = f"{name}-seed{seed}"
            # Nothing else hangs on the seed or the name of a run; composing anew for every seed takes its time.
            config = RunConfig.from_mapping({**composed, "seed": seed, "name": name})
            found[_key(of, seed)] = Training(experiment, seed, [*words, f"seed={seed}", f"name={name}"], config)
    return found


def _quoted(value: Any) -> str:
    """A value as Hydra reads it, whatever characters a path has."""
    if not isinstance(value, str):
        return str(value)
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _key(system: dict[str, Any], seed: int) -> TrainingKey:
    return system["experiment"], tuple(system.get("overrides") or ()), seed


def _of_budget(group: str, values: dict[str, dict[str, Any]], stages: list[str]) -> list[str]:
    """The overrides of a budget that concern the stages of a system."""
    return [f"{group}.{stage}.{name}={value}" for stage in stages for name, value in values.get(stage, {}).items()]
