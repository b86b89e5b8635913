"""A study: its trainings, its measurement, its page."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from linecolor.experiment.study.plan import Training, TrainingKey, _key, planned

if TYPE_CHECKING:
    from linecolor.experiment.methods.entries import Entry


def study(config: DictConfig) -> Path:
    """Train what a study names and is not trained yet, measure, write the page; returns it."""
    import yaml

    from datamodules.held_out import FullDrawings, readable
    from datamodules.sources.drawing import of_split
    from linecolor.evaluation.hint_levels import ProtocolHints
    from linecolor.experiment.config_sections import EvaluationConfig
    from linecolor.experiment.data import data_licence, load_drawings
    from linecolor.experiment.methods.measure import chosen_references, measure_systems, write_page
    from linecolor.experiment.study.launch import run_training
    from linecolor.reports.methods import Telling
    from linecolor.runs.run_folder import RunFolder

    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    _check(plain)
    settings = EvaluationConfig.from_mapping({"enabled": True, "must_reach_psnr": 0.0, **plain["evaluation"]})
    folder = RunFolder.named(plain["runs_dir"], plain["name"]).path
    # Whatever can be refused is refused before hours have gone into the first training.
    trainings = planned(plain, folder)
    chosen_references(plain["references"])
    data = next(iter(trainings.values())).config.data
    held_out = of_split(load_drawings(data).drawings, "test")
    if not held_out:
        raise ValueError(f"{data.root}: none of the pictures is held out to measure on; raise data.test_share")
    measured_on = readable(held_out, settings.drawings)
    if len(measured_on) < settings.drawings:
        print(f"{len(measured_on)} drawings to measure on; evaluation.drawings={settings.drawings} asks for more")
    if not measured_on:
        raise ValueError(f"{data.root}: none of the drawings that are held out can be read")
    drawings = FullDrawings(measured_on, plain["evaluation"]["line_method"])

    for number, training in enumerate(trainings.values(), start=1):
        print(f"Training {number} of {len(trainings)}: {training.experiment}, seed {training.seed}", flush=True)
        run_training(training.words, training.run)

    entries = _entries(plain, trainings)
    measured, gallery = measure_systems(
        entries,
        drawings,
        ProtocolHints(settings.hints),
        settings.features,
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
        sheet=settings.sheet,
    )
    told = {
        "study": plain,
        "trainings": {training.run.name: " ".join(training.words) for training in trainings.values()},
    }
    config_yaml = yaml.safe_dump(told, sort_keys=False)
    page = write_page(folder / "report.html", measured, gallery, telling, config_yaml, data_licence(data.roots))
    if plain["budget"]["caution"]:
        print(plain["budget"]["caution"])
    print(f"Done. Open the report: {page}")
    return page


def _check(plain: dict[str, Any]) -> None:
    """Refuse a study that names nothing.

    Raises:
        ValueError: with what to give.
    """
    from linecolor.experiment.methods.entries import check_names

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


def _entries(plain: dict[str, Any], trainings: dict[TrainingKey, Training]) -> "list[Entry]":
    from linecolor.experiment.methods.entries import Entry

    several = len(plain["seeds"]) > 1
    return [
        Entry(name, trainings[_key(of, seed)].run, f"seed {seed}" if several else "", of.get("blend"))
        for name, of in plain["study"]["systems"].items()
        for seed in plain["seeds"]
    ]
