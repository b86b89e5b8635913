"""linecolor-study: train several systems on the same pictures, measure them by one protocol, write one page."""

import copy
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from omegaconf import DictConfig, OmegaConf

from linecolor.cli.configuration import configuration_folder, register_resolvers, run_command

if TYPE_CHECKING:
    from linecolor.cli.entries import Entry

TrainingKey = tuple[str, tuple[str, ...], int]
"""Experiment, further overrides, seed."""


@dataclass(frozen=True)
class Training:
    """One training of a study.

    Attributes:
        experiment: as linecolor-train takes it: a name or a list of them.
        seed: of the run.
        words: the whole command line of linecolor-train.
        plain: the configuration they compose.
    """

    experiment: str
    seed: int
    words: list[str]
    plain: dict[str, Any]

    @property
    def run(self) -> Path:
        """The run's folder."""
        return Path(self.plain["runs_dir"]).expanduser() / self.plain["name"]


def main() -> None:
    """The console script."""
    register_resolvers()
    _hydra_main()


@hydra.main(version_base="1.3", config_path=configuration_folder(), config_name="study")
def _hydra_main(config: DictConfig) -> None:
    run_command(lambda: study(config))


def study(config: DictConfig) -> Path:
    """Train what a study names and is not trained yet, measure, write the page; returns it."""
    import yaml

    from datamodules.held_out import FullDrawings, readable
    from datamodules.sources.drawing import of_split
    from linecolor.cli.checks import OF_ONE_RUN, check_evaluation, check_settings
    from linecolor.cli.measure import chosen_references, measure_systems, write_page
    from linecolor.cli.sources import data_licence, load_drawings
    from linecolor.cli.trainings import run_training
    from linecolor.measured_report import Telling
    from linecolor.run_folder import RunFolder
    from linecolor.systems import ProtocolHints

    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    _check(plain)
    settings = plain["evaluation"]
    check_evaluation({**settings, **OF_ONE_RUN})
    folder = RunFolder.named(plain["runs_dir"], plain["name"]).path
    trainings = planned(plain, folder)
    # Whatever can be refused is refused before hours have gone into the first training.
    for training in trainings.values():
        check_settings(training.plain)
    chosen_references(plain["references"])
    data = next(iter(trainings.values())).plain["data"]
    held_out = of_split(load_drawings(data).drawings, "test")
    if not held_out:
        raise ValueError(f"{data['root']}: none of the pictures is held out to measure on; raise data.test_share")
    measured_on = readable(held_out, settings["drawings"])
    if len(measured_on) < settings["drawings"]:
        print(f"{len(measured_on)} drawings to measure on; evaluation.drawings={settings['drawings']} asks for more")
    if not measured_on:
        raise ValueError(f"{data['root']}: none of the drawings that are held out can be read")
    drawings = FullDrawings(measured_on, settings["line_method"])

    for number, training in enumerate(trainings.values(), start=1):
        print(f"Training {number} of {len(trainings)}: {training.experiment}, seed {training.seed}", flush=True)
        run_training(training.words, training.run)

    entries = _entries(plain, trainings)
    measured, gallery = measure_systems(
        entries,
        drawings,
        ProtocolHints(settings["hints"]),
        settings["features"],
        plain["references"],
        folder,
        plain["pictures"],
    )
    telling = Telling(
        title=plain["study"]["title"],
        subtitle=f"{len(measured.names)} systems and references, the same drawings, the same hints",
        caution=plain["budget"]["caution"],
        subject=plain["study"]["subject"],
        named_after=plain["study"]["named_after"],
        sheet=settings["sheet"],
    )
    told = {
        "study": plain,
        "trainings": {training.run.name: " ".join(training.words) for training in trainings.values()},
    }
    config_yaml = yaml.safe_dump(told, sort_keys=False)
    page = write_page(folder / "report.html", measured, gallery, telling, config_yaml, data_licence(data))
    if plain["budget"]["caution"]:
        print(plain["budget"]["caution"])
    print(f"Done. Open the report: {page}")
    return page


def _check(plain: dict[str, Any]) -> None:
    """Refuse a study that names nothing.

    Raises:
        ValueError: with what to give.
    """
    from linecolor.cli.entries import check_names

    if type(plain["pictures"]) is not bool:
        raise ValueError(f"pictures={plain['pictures']} must be true or false")
    seeds = plain["seeds"]
    if not isinstance(seeds, list) or not seeds or not all(type(seed) is int and seed >= 0 for seed in seeds):
        raise ValueError(f"seeds={seeds} must be a list of numbers from 0, such as [0,1,2]")
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds={seeds} names one twice")
    systems = plain["study"]["systems"]
    if not systems or not all(isinstance(of, dict) and of.get("experiment") for of in systems.values()):
        raise ValueError("study.systems: every system needs an experiment, such as {Ours: {experiment: demo}}")
    if plain["study"]["subject"] not in systems:
        raise ValueError(f"study.subject={plain['study']['subject']} is none of {', '.join(systems)}")
    check_names(list(systems))


def planned(plain: dict[str, Any], folder: Path) -> dict[TrainingKey, Training]:
    """The trainings of a study; systems that differ in their blending alone share them.

    Args:
        plain: the study's configuration.
        folder: of the study, where the runs go.

    Raises:
        ValueError: if an override names nothing.
    """
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        return _planned(plain, folder)
    except (HydraException, OmegaConfBaseException) as error:
        raise ValueError(str(error)) from None


def _planned(plain: dict[str, Any], folder: Path) -> dict[TrainingKey, Training]:
    from hydra import compose

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
                first: Any = OmegaConf.to_container(compose("train", [*own, *plain["train"]]), resolve=False)
                for group, values in (("stage", plain["budget"]["stages"]), ("model", plain["budget"]["models"])):
                    own += _of_budget(group, values, first["stages"])
                own += [*overrides, f"runs_dir={_quoted(str(folder))}", "evaluation.enabled=false"]
                own += [*plain["train"], f"resume={plain['resume']}"]
                resolved: Any = OmegaConf.to_container(compose("train", own), resolve=True)
                of_seed_0[_key(of, 0)] = own, resolved
            words, composed = of_seed_0[_key(of, 0)]
            name = "+".join(part.split("/")[-1] for part in experiment.strip("[]").split(","))
            if overrides:
                name += "-" + hashlib.sha256(repr(overrides).encode()).hexdigest()[:8]
            name = f"{name}-seed{seed}"
            # Nothing else hangs on the seed or the name of a run; composing anew for every seed takes its time.
            own_plain = {**copy.deepcopy(composed), "seed": seed, "name": name}
            found[_key(of, seed)] = Training(experiment, seed, [*words, f"seed={seed}", f"name={name}"], own_plain)
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


def _entries(plain: dict[str, Any], trainings: dict[TrainingKey, Training]) -> "list[Entry]":
    from linecolor.cli.entries import Entry

    several = len(plain["seeds"]) > 1
    return [
        Entry(name, trainings[_key(of, seed)].run, f"seed {seed}" if several else "", of.get("blend"))
        for name, of in plain["study"]["systems"].items()
        for seed in plain["seeds"]
    ]


if __name__ == "__main__":
    main()
