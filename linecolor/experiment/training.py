"""A whole run: its stages in sequence, the bundle, the evaluation and the report."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.utils import instantiate
from omegaconf import DictConfig

from datamodules.sources.drawing import of_split
from datamodules.sources.folder import FolderScan
from linecolor.experiment.config import RunConfig
from linecolor.experiment.data import check_splits, data_licence, load_drawings
from linecolor.experiment.errors import is_first_process, raise_if_interrupted
from linecolor.experiment.fingerprint import check_resumable
from linecolor.experiment.preflight.run import run_preflight
from linecolor.lineart.methods import REAL
from linecolor.rendering.options import RenderingOptions
from linecolor.runs.lock import held
from linecolor.runs.run_folder import RunFolder, commit, versions

if TYPE_CHECKING:
    from torch import nn


def train(hydra_config: DictConfig) -> Path | None:
    """Run what the configuration asks for; what is complete is not run again.

    Returns:
        The report, or the run's folder if no evaluation was requested; of preflight=true its figures, if kept.
    """
    # Everything that can be refused is refused before the run's folder is touched.
    config = RunConfig.from_hydra(hydra_config).on_this_machine()

    check_buildable(config)
    scan = load_drawings(config.data)
    check_splits(scan.drawings, config)
    if config.preflight:
        return run_preflight(config, config.preflight, scan)
    run = RunFolder.named(config.runs_dir, config.name)
    run.check_resume(config.resume, config.stages)
    for name, stage in config.stages.items():
        run.is_complete(name, stage.steps)
        check_resumable(name, config, run, scan)
    if not is_first_process():
        return _train(config, run, scan)
    with held(run.path):
        run.check_resume(config.resume, config.stages)  # another process may just have left
        run.record(config.mapping, sys.argv)
        return _train(config, run, scan)


def _train(config: RunConfig, run: RunFolder, scan: FolderScan) -> Path:
    """Train what is not complete, write the bundle, evaluate; returns as `train`."""
    import torch.distributed

    from linecolor.experiment.evaluation import evaluate_run
    from linecolor.experiment.stage import log_bundle, run_stage

    raise_if_interrupted()
    networks: dict[str, nn.Module] = {}
    for number, name in enumerate(config.stages, start=1):
        print(f"Stage {number} of {len(config.stages)}: {name}", flush=True)
        networks[name] = run_stage(name, config, run, scan, networks)
    if not is_first_process():
        return run.path
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        # The evaluation is rank 0's alone: its metrics must not wait for processes that have gone.
        torch.distributed.destroy_process_group()
    if scan.skipped:
        print(f"{len(scan.skipped)} of {len(scan.skipped) + len(scan.drawings)} pictures were skipped (named above)")
    if not bundle_is_current(run, config):
        _save_bundle(run, config, networks, scan)
        log_bundle(run, config)
    if not config.evaluation.enabled:
        print(f"Trained; the bundle is in {run.bundle}")
        return run.path

    report = evaluate_run(run, config, scan)
    print(f"Done. Open the report: {report}")
    return report


def check_buildable(config: RunConfig) -> None:
    """Build every network and every stage without memory: a wrong width of the last shows before the first is trained.

    Raises:
        ValueError: what the constructors and the system's pipeline say.
    """
    from datamodules.pairs import PairSynthesizer
    from linecolor.experiment.stage import build_stage
    from linecolor.networks.without_memory import without_memory
    from linecolor.systems.bundle import check_arguments

    model, system = config.model, config.system
    PairSynthesizer(config.pairs, model.hint_spread)
    with without_memory():
        networks = {name: instantiate(model.networks[name]) for name in system.names}
    pipeline = system.pipeline_class()
    for stage in system.stages:
        if type(networks[stage.name]) is not stage.generator_class():
            raise ValueError(
                f"model.{stage.name}._target_={model.settings[stage.name]['_target_']}: the {system.name} system has a "
                f"{stage.generator} there; register a system of your own for another network"
            )
    architectures = {name: model.architecture(name) for name in system.names}
    try:
        for name, architecture in architectures.items():
            check_arguments(name, architecture)  # a bundle must hold them, days later
        pipeline.check_architectures(architectures, model.hint_spread)
    except ValueError as error:
        raise ValueError(f"model.{error}") from None
    multiple = pipeline(networks).multiple
    if model.resolution % multiple:
        raise ValueError(
            f"model.resolution={model.resolution} cannot be halved as often as the networks need: "
            f"use a multiple of {multiple}"
        )
    lines = [method.is_line for method in config.pairs.line.methods.values()]
    pipeline(networks).check_lines(not all(lines), any(lines) or bool(config.pairs.line.weights.get(REAL)))
    with without_memory():
        for name in config.stages:
            build_stage(name, config, networks)


def bundle_is_current(run: RunFolder, config: RunConfig) -> bool:
    """Whether the bundle holds these stages, to be coloured so; a run may have been killed before, or trained on."""
    from linecolor.systems.bundle import read_card

    try:
        card = read_card(run.bundle)
        held = [card["provenance"]["stages"], card.get("precision", "float32"), RenderingOptions.from_mapping(card)]
    except (FileNotFoundError, ValueError, KeyError):
        return False
    precision = "float16" if config.half else "float32"
    return held == [{name: run.facts(name) for name in config.stages}, precision, config.evaluation.rendering]


def _save_bundle(run: RunFolder, config: RunConfig, networks: dict[str, "nn.Module"], scan: FolderScan) -> None:
    from linecolor.systems.bundle import save_bundle

    provenance = {
        "run": config.name,
        "seed": config.seed,
        "stages": {name: run.facts(name) for name in networks},
        "data": {
            "training_drawings": len(of_split(scan.drawings, "train")),
            "fingerprint": scan.fingerprint,
            "licence": data_licence(config.data.roots),
        },
        "commit": commit(),
        "versions": versions(),
    }
    save_bundle(
        run.bundle,
        networks,
        {name: config.model.architecture(name) for name in networks},
        config.evaluation.rendering,
        config.model.hint_spread,
        provenance,
        config.half,
    )
