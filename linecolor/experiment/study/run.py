"""A study: its trainings, its measurement, its page."""

import shlex
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from datamodules.held_out import FullDrawings
from datamodules.sources.folder import FolderScan
from linecolor.evaluation.hint_levels import ProtocolHints
from linecolor.experiment.config_sections import EvaluationConfig
from linecolor.experiment.data import data_licence, held_out_drawings, load_drawings
from linecolor.experiment.fingerprint import check_resumable
from linecolor.experiment.methods.measure import MeasurementRequest, measure_methods
from linecolor.experiment.methods.specs import MethodSpec, check_names, chosen_references
from linecolor.experiment.study.plan import Training, planned, run_training, training_key
from linecolor.experiment.training import bundle_is_current
from linecolor.reports.methods import Presentation, write_methods_report
from linecolor.runs.run_folder import RunFolder


def study(config: DictConfig) -> Path:
    """Train what a study names and is not trained yet, measure, write the page; returns it."""
    requested: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    _check(requested)
    caution = requested["budget"]["caution"]
    settings = EvaluationConfig.from_mapping({"enabled": True, "must_reach_psnr": 0.0, **requested["evaluation"]})
    folder = RunFolder.named(requested["runs_dir"], requested["name"]).path
    # Whatever can be refused is refused before hours have gone into the first training.
    trainings = planned(requested, folder)
    chosen_references(requested["references"])
    data = next(iter(trainings.values())).config.data
    scan = load_drawings(data)
    drawings = held_out_drawings(scan, settings.drawings, data.root)
    if len(drawings) < settings.drawings:
        print(f"{len(drawings)} drawings to measure on; evaluation.drawings={settings.drawings} asks for more")
    several = len(requested["seeds"]) > 1
    request = MeasurementRequest(
        specs=[
            MethodSpec(name, trainings[training_key(of, seed)].run, f"seed {seed}" if several else "", of.get("blend"))
            for name, of in requested["study"]["systems"].items()
            for seed in requested["seeds"]
        ],
        drawings=FullDrawings(drawings, requested["evaluation"]["line_method"]),
        hints=ProtocolHints(settings.hints),
        features=settings.features,
        references=requested["references"],
        out=folder,
        keep_pictures=requested["pictures"],
    )

    for number, training in enumerate(trainings.values(), start=1):
        print(f"Training {number} of {len(trainings)}: {training.experiment}, seed {training.seed}", flush=True)
        if _is_done(training, scan if training.config.data == data else load_drawings(training.config.data)):
            print("  complete; nothing to do")
        else:
            run_training(training)

    measured, gallery = measure_methods(request)
    presentation = Presentation(
        title=requested["study"]["title"],
        subtitle=f"{len(measured.names)} methods and references, the same drawings, the same hints",
        caution=caution,
        subject=requested["study"]["subject"],
        named_after=requested["study"]["named_after"],
        sheet=settings.sheet,
    )
    commands = {training.run.name: shlex.join(training.words) for training in trainings.values()}
    config_yaml = yaml.safe_dump({"study": requested, "trainings": commands}, sort_keys=False)
    path = folder / "report.html"
    page = write_methods_report(path, measured, presentation, gallery, config_yaml, data_licence(data.roots))
    if caution:
        print(caution)
    print(f"Done. Open the report: {page}")
    return page


def _is_done(training: Training, scan: FolderScan) -> bool:
    """Whether there is nothing left of a training for which its program would have to be started.

    Raises:
        ValueError: what its program would say of a run with other settings.
    """
    run, config = RunFolder(training.run), training.config.on_this_machine()
    run.check_resume(config.resume, config.stages)
    if not all(run.is_complete(name, stage.steps) for name, stage in config.stages.items()):
        return False
    for name in config.stages:
        check_resumable(name, config, run, scan)
    return bundle_is_current(run, config)


def _check(requested: dict[str, Any]) -> None:
    """Refuse a study that names nothing, with what to give."""
    seeds = requested["seeds"]
    if not isinstance(seeds, list) or not seeds or not all(type(seed) is int and seed >= 0 for seed in seeds):
        raise ValueError(f"seeds={seeds} must be a list of numbers from 0, such as [0,1,2]")
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds={seeds} names one twice")
    systems, subject = requested["study"]["systems"], requested["study"]["subject"]
    if not systems or not all(isinstance(of, dict) and of.get("experiment") for of in systems.values()):
        raise ValueError("study.systems: every method needs an experiment, such as {Ours: {experiment: demo}}")
    if subject not in systems:
        raise ValueError(f"study.subject={subject} is none of {', '.join(systems)}")
    check_names(list(systems))
