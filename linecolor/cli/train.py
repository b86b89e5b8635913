"""linecolor-train: both stages in sequence, then the evaluation, the bundle and the report."""

import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from omegaconf import DictConfig, OmegaConf

from linecolor.cli.configuration import configuration_folder, register_resolvers, run_command

if TYPE_CHECKING:
    from torch import nn

    from datamodules.sources.folder import FolderScan
    from lightning_modules.stage import TrainingStage
    from linecolor.run_folder import RunFolder

log = logging.getLogger("linecolor")

STAGES = ("draft", "colorizer")


def main() -> None:
    """The console script."""
    register_resolvers()
    _hydra_main()


@hydra.main(version_base="1.3", config_path=configuration_folder(), config_name="train")
def _hydra_main(config: DictConfig) -> None:
    run_command(lambda: train(config))


def train(config: DictConfig) -> Path:
    """Run what the configuration asks for; what is complete is not run again.

    Returns:
        The report, or the run's folder if no evaluation was asked for.
    """
    import torch

    from linecolor.cli.sources import load_drawings
    from linecolor.run_folder import RunFolder

    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    _check(plain)
    _check_machine(plain["trainer"])
    scan = load_drawings(plain["data"])
    run = RunFolder.create(plain["runs_dir"], plain["name"])
    run.record(plain, sys.argv)
    torch.set_float32_matmul_precision("high")

    networks: dict[str, nn.Module] = {}
    for number, stage in enumerate(plain["stages"], start=1):
        print(f"Stage {number} of {len(plain['stages'])}: {stage}", flush=True)
        networks[stage] = _run_stage(stage, config, plain, run, scan, networks)
    if scan.skipped:
        print(f"{len(scan.skipped)} of {len(scan.skipped) + len(scan.drawings)} pictures were skipped (named above)")
    _save_bundle(run, plain, networks, scan)
    if not plain["evaluation"]["enabled"]:
        print(f"Trained; the bundle is in {run.bundle}")
        return run.path

    from linecolor.cli.evaluate import evaluate_run

    report = evaluate_run(run, plain, scan)
    print(f"Done. Open the report: {report}")
    return report


def _check(plain: dict[str, Any]) -> None:
    stages = plain["stages"]
    if not stages or any(stage not in STAGES for stage in stages) or list(stages) != list(STAGES[: len(stages)]):
        raise ValueError(f"stages={stages} cannot be run: use [draft, colorizer] or [draft]")
    if plain["resume"] not in ("auto", "must", "never"):
        raise ValueError(f"resume={plain['resume']} is unknown: use auto, must or never")
    for stage in stages:
        settings = plain["stage"][stage]
        size, parts, steps = settings["batch_size"], settings["accumulate"], settings["steps"]
        if size < 1 or steps < 1:
            raise ValueError(f"stage.{stage}.batch_size={size} and steps={steps} must both be at least 1")
        if parts < 1 or size % parts:
            raise ValueError(
                f"stage.{stage}.accumulate={parts} does not divide stage.{stage}.batch_size={size} into equal parts"
            )
    multiple = 2 ** (1 + max(plain["model"]["draft"]["levels"], plain["model"]["colorizer"]["levels"]))
    if plain["model"]["resolution"] % multiple:
        raise ValueError(
            f"model.resolution={plain['model']['resolution']} cannot be halved as often as the networks need: "
            f"use a multiple of {multiple}"
        )


def _check_machine(trainer: dict[str, Any]) -> None:
    """Refuse what this machine cannot do before anything is read or written."""
    import torch

    if trainer["accelerator"] in ("gpu", "cuda") and not torch.cuda.is_available():
        raise ValueError(
            "trainer.accelerator=gpu, but torch sees no GPU here: use trainer=cpu, or install a CUDA torch"
        )
    on_gpu = trainer["accelerator"] != "cpu" and torch.cuda.is_available()
    # The usual probe says yes on cards that only emulate bf16 and have no convolutions for it (a 2080 Ti).
    if on_gpu and "bf16" in str(trainer["precision"]) and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise ValueError(
            f"trainer.precision={trainer['precision']}: {torch.cuda.get_device_name()} has no bf16; "
            "use trainer.precision=16-mixed"
        )


def _run_stage(
    stage: str,
    config: DictConfig,
    plain: dict[str, Any],
    run: "RunFolder",
    scan: "FolderScan",
    networks: dict[str, "nn.Module"],
) -> "nn.Module":
    """Train a stage, or load what it left if it is complete; returns the network to colour with."""
    from hydra.utils import instantiate
    from safetensors.torch import load_file, save_file

    run.hold(stage, _decisive(stage, plain))
    weights = run.stage(stage) / "generator.safetensors"
    if run.is_complete(stage):
        if plain["resume"] == "never":
            raise ValueError(f"{run.stage(stage)} is complete and resume=never: give the run another name=...")
        print(f"  complete since {run.facts(stage)['finished']}; nothing to do")
        network = instantiate(config.model[stage])
        network.load_state_dict(load_file(weights))
        return network

    started = time.perf_counter()
    module = _fit(stage, config, plain, run, scan, networks)
    network = module.inference_generator.cpu()
    partial = weights.with_suffix(".tmp")
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, partial)
    partial.replace(weights)
    seconds = time.perf_counter() - started
    run.complete(stage, {"steps": module.steps, "images_seen": module.images_seen, "seconds": round(seconds, 1)})
    return network


def _fit(
    stage: str,
    config: DictConfig,
    plain: dict[str, Any],
    run: "RunFolder",
    scan: "FolderScan",
    networks: dict[str, "nn.Module"],
) -> "TrainingStage":
    import lightning as L
    from hydra.utils import instantiate
    from lightning.pytorch.callbacks import TQDMProgressBar

    from datamodules.line_art import LineArtDataModule
    from datamodules.recipe import PairSettings
    from lightning_modules.callbacks.stage_checkpoint import StageCheckpoint
    from lightning_modules.jsonl_logger import JsonlLogger
    from linecolor.training_record import cut_back

    L.seed_everything(_stage_seed(plain["seed"], stage), verbose=False)
    settings, model = plain["stage"][stage], plain["model"]
    data = LineArtDataModule(
        scan.drawings,
        PairSettings.from_config(plain["pairs"]),
        resolution=model["resolution"],
        hint_spread=model["hint_spread"],
        stage=stage,
        batch_size=settings["batch_size"],
        steps=settings["steps"],
        seed=plain["seed"],
        workers=plain["data"]["workers"],
        validation_drawings=settings["validation_drawings"],
    )
    module = _build(stage, config, plain, networks)
    folder = run.stage(stage)
    architecture = {key: value for key, value in model[stage].items() if key != "_target_"}
    checkpoint = StageCheckpoint(folder / "checkpoints", settings["checkpoint_every"], architecture)
    seen = checkpoint.find() if plain["resume"] != "never" else None
    if plain["resume"] == "must" and seen is None:
        raise ValueError(f"resume=must, but there is no checkpoint in {checkpoint.folder}")
    data.consumed = seen or 0
    record = folder / "metrics.jsonl"
    cut_back(record, data.consumed)

    callbacks = [instantiate(callback) for name, callback in config.callbacks.items() if name != "sample_sheet"]
    if "sample_sheet" in config.callbacks:
        callbacks.append(instantiate(config.callbacks.sample_sheet, folder=str(folder / "samples")))
    trainer_settings = {k: v for k, v in plain["trainer"].items() if k not in ("compile", "channels_last")}
    remaining = settings["steps"] - data.consumed // settings["batch_size"]
    trainer = L.Trainer(
        **trainer_settings,
        max_epochs=1,
        logger=[JsonlLogger(record), *_loggers(config, stage)],
        callbacks=[*callbacks, checkpoint, TQDMProgressBar(refresh_rate=5)],
        enable_checkpointing=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=1.0 if data.test_drawings and settings["validation_drawings"] else 0,
        val_check_interval=min(settings["validate_every"], max(1, remaining)),
        use_distributed_sampler=False,
        default_root_dir=str(run.path),
    )
    if remaining > 0:
        trainer.fit(module, datamodule=data)
        if trainer.interrupted:
            raise KeyboardInterrupt
    return module


def _build(stage: str, config: DictConfig, plain: dict[str, Any], networks: dict[str, "nn.Module"]) -> "TrainingStage":
    import torch
    from hydra.utils import instantiate

    from lightning_modules.colorizer import Colorizer
    from lightning_modules.draft_gan import DraftGAN
    from lightning_modules.stage import StageSettings

    settings = plain["stage"][stage]
    names = ("optimizer", "schedule", "ema_images", "clip", "accumulate", "record_every")
    stepping = StageSettings(**{name: settings[name] for name in names})
    module: TrainingStage
    if stage == "draft":
        module = DraftGAN(
            instantiate(config.model.draft),
            instantiate(config.model.discriminator),
            instantiate(config.model.features),
            plain["model"]["weights"],
            settings["content_every"],
            stepping,
        )
        trained = [module.generator, module.discriminator]
    else:
        module = Colorizer(instantiate(config.model.colorizer), networks["draft"], stepping)
        trained = [module.generator, networks["draft"]]
    for network in trained:
        if plain["trainer"]["channels_last"]:
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if plain["trainer"]["compile"]:
            network.compile()
    return module


def _save_bundle(run: "RunFolder", plain: dict[str, Any], networks: dict[str, "nn.Module"], scan: "FolderScan") -> None:
    from datamodules.sources.folder import read_licence
    from linecolor.line_colorizer import save_bundle
    from linecolor.run_folder import commit, versions

    architectures = {
        name: {key: value for key, value in plain["model"][name].items() if key != "_target_"} for name in networks
    }
    provenance = {
        "run": plain["name"],
        "seed": plain["seed"],
        "stages": {name: run.facts(name) for name in networks},
        "data": {
            "training_drawings": sum(drawing.split == "train" for drawing in scan.drawings),
            "licence": read_licence(Path(plain["data"]["root"])),
        },
        "commit": commit(),
        "versions": versions(),
    }
    save_bundle(
        run.bundle,
        networks,
        architectures,
        plain["model"]["resolution"],
        plain["model"]["hint_spread"],
        provenance,
    )


def _loggers(config: DictConfig, stage: str) -> list[Any]:
    """The configured loggers; two stages of one run are two W&B runs of one group."""
    from hydra.utils import instantiate

    found = []
    for name, logger in config.logger.items():
        extra = {"name": f"{config.name}-{stage}", "job_type": stage} if name == "wandb" else {}
        found.append(instantiate(logger, **extra))
    return found


def _decisive(stage: str, plain: dict[str, Any]) -> dict[str, Any]:
    """The settings a stage's weights depend on."""
    idle = ("record_every", "validate_every", "validation_drawings", "checkpoint_every")
    own = {key: value for key, value in plain["stage"][stage].items() if key not in idle}
    data = {key: value for key, value in plain["data"].items() if key not in ("workers", "verify")}
    model = {key: value for key, value in plain["model"].items() if stage == "colorizer" or key != "colorizer"}
    return {"seed": plain["seed"], "data": data, "pairs": plain["pairs"], "model": model, "stage": own}


def _stage_seed(seed: int, stage: str) -> int:
    """Different initial weights and dropout in each stage of one run."""
    return seed * len(STAGES) + STAGES.index(stage)


if __name__ == "__main__":
    main()
