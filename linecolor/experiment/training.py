"""A whole run: its stages in sequence, the bundle, the evaluation and the report."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from linecolor.experiment.processes import raise_if_heard

if TYPE_CHECKING:
    from torch import nn

    from datamodules.sources.folder import FolderScan
    from linecolor.runs.run_folder import RunFolder


def train(config: DictConfig) -> Path | None:
    """Run what the configuration asks for; what is complete is not run again.

    Returns:
        The report, or the run's folder if no evaluation was asked for; of preflight=true its figures, if kept.
    """
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]

    from linecolor.experiment.checks import check_buildable, check_machine, check_pictures, check_settings
    from linecolor.experiment.data import load_drawings
    from linecolor.experiment.processes import is_first_process
    from linecolor.experiment.stage import decisive_settings, run_stage
    from linecolor.experiment.tracking import log_bundle
    from linecolor.runs.run_folder import RunFolder

    # Everything that can be refused is refused before the run's folder is touched.
    check_settings(plain)
    check_machine(plain["trainer"])
    check_buildable(plain, config)
    scan = load_drawings(plain["data"])
    check_pictures(scan.drawings, plain)
    if plain["preflight"]["enabled"]:
        from linecolor.experiment.preflight.run import run_preflight

        return run_preflight(config, plain, scan)
    run = RunFolder.named(plain["runs_dir"], plain["name"])
    run.check_resume(plain["resume"], plain["stages"])
    for stage in plain["stages"]:
        run.is_complete(stage, plain["stage"][stage]["steps"])
        run.check(stage, decisive_settings(stage, plain, run, scan))
    if is_first_process():
        run.record(plain, sys.argv)

    raise_if_heard()
    networks: dict[str, nn.Module] = {}
    for number, stage in enumerate(plain["stages"], start=1):
        print(f"Stage {number} of {len(plain['stages'])}: {stage}", flush=True)
        networks[stage] = run_stage(stage, config, plain, run, scan, networks)
    if not is_first_process():
        return run.path
    _leave_process_group()
    if scan.skipped:
        print(f"{len(scan.skipped)} of {len(scan.skipped) + len(scan.drawings)} pictures were skipped (named above)")
    if not _bundle_is_current(run, plain, networks):
        _save_bundle(run, plain, networks, scan)
        log_bundle(run, config)
    if not plain["evaluation"]["enabled"]:
        print(f"Trained; the bundle is in {run.bundle}")
        return run.path

    from linecolor.experiment.evaluation import evaluate_run

    report = evaluate_run(run, plain, scan)
    print(f"Done. Open the report: {report}")
    return report


def _leave_process_group() -> None:
    """The evaluation is rank 0's alone: its metrics must not wait for processes that have gone."""
    import torch.distributed

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _bundle_is_current(run: "RunFolder", plain: dict[str, Any], networks: dict[str, "nn.Module"]) -> bool:
    """Whether the bundle holds these stages, to be coloured so; a run may have been killed before, or trained on."""
    from linecolor.experiment.modules import rendering_options
    from linecolor.rendering.options import RenderingOptions
    from linecolor.systems.bundle import read_card

    try:
        card = read_card(run.bundle)
        held = [card["provenance"]["stages"], card.get("precision", "float32"), RenderingOptions.from_mapping(card)]
    except (FileNotFoundError, ValueError, KeyError):
        return False
    precision = "float16" if plain["bundle"]["half"] else "float32"
    return held == [{name: run.facts(name) for name in networks}, precision, rendering_options(plain)]


def _save_bundle(run: "RunFolder", plain: dict[str, Any], networks: dict[str, "nn.Module"], scan: "FolderScan") -> None:
    from datamodules.sources.drawing import of_split
    from linecolor.experiment.data import data_licence
    from linecolor.experiment.modules import rendering_options
    from linecolor.experiment.stage import architecture
    from linecolor.runs.run_folder import commit, versions
    from linecolor.systems.bundle import save_bundle

    architectures = {name: architecture(plain, name) for name in networks}
    provenance = {
        "run": plain["name"],
        "seed": plain["seed"],
        "stages": {name: run.facts(name) for name in networks},
        "data": {
            "training_drawings": len(of_split(scan.drawings, "train")),
            "fingerprint": scan.fingerprint,
            "licence": data_licence(plain["data"]),
        },
        "commit": commit(),
        "versions": versions(),
    }
    save_bundle(
        run.bundle,
        networks,
        architectures,
        rendering_options(plain),
        plain["model"]["hint_spread"],
        provenance,
        plain["bundle"]["half"],
    )
