"""One training stage from its settings to its weights, and its loggers: one W&B run a stage, with an id it keeps."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L
import torch
from hydra.utils import instantiate
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.plugins.environments import SLURMEnvironment
from lightning.pytorch.utilities.exceptions import SIGTERMException
from safetensors.torch import load_file, save
from torch import nn

from datamodules.datamodule import LineArtDataModule
from datamodules.sources.folder import FolderScan
from lightning_modules.callbacks.stage_checkpoint import StageCheckpoint
from lightning_modules.loggers.jsonl import JsonlLogger
from lightning_modules.stages.training_stage import TrainingDiverged, TrainingStage
from lightning_modules.stop_signals import StageStopped, StopSignals
from linecolor.experiment.config import RunConfig, StageConfig
from linecolor.experiment.errors import RunStopped, is_first_process
from linecolor.experiment.fingerprint import check_resumable
from linecolor.images import write_atomically
from linecolor.runs.run_folder import RunFolder
from linecolor.systems.registry import stage_of


def run_stage(
    stage: str, config: RunConfig, run: RunFolder, scan: FolderScan, networks: dict[str, nn.Module]
) -> nn.Module:
    """Train a stage with the networks of the stages before it, or load what it left if it is complete.

    Returns:
        The network to colour with.
    """
    fingerprint = check_resumable(stage, config, run, scan)
    settings, folder = config.stages[stage], run.stage(stage)
    weights = folder / "generator.safetensors"
    if run.is_complete(stage, settings.steps):
        print(f"  complete since {run.facts(stage)['finished']}; nothing to do")
        network: nn.Module = instantiate(config.model.settings[stage])
        network.load_state_dict(load_file(weights))
        return network

    started = time.perf_counter()
    signals = StopSignals()
    with signals.watching():
        # A number a stage, so that its first weights are not those of another stage, nor of another seed.
        order = config.system.names
        L.seed_everything(config.seed * max(2, len(order)) + order.index(stage), verbose=False)
        data = LineArtDataModule(scan.drawings, **data_arguments(settings, config))
        module = build_stage(stage, config, networks)
        module.signals = signals
        architecture, record = config.model.architecture(stage), folder / "metrics.jsonl"
        every, minutes = settings.checkpoint_every, settings.checkpoint_minutes
        checkpoint = StageCheckpoint(folder / "checkpoints", every, minutes, architecture, record)
        trainer = _stage_trainer(config, run, settings, data, checkpoint)
        with report_training_errors(settings, module, checkpoint):
            try:
                resumed = checkpoint.resume(module, settings.steps, writes=is_first_process())
                data.consumed = module.images_seen
                if is_first_process():
                    run.save_fingerprint(stage, fingerprint)
                if resumed and resumed["validation_pending"]:
                    trainer.validate(module, datamodule=data, verbose=False)
                    if is_first_process():
                        checkpoint.mark_validated()
                # Else stopped between its last step and its weights' being written: only the writing is left to do.
                if module.steps < settings.steps:
                    trainer.fit(module, datamodule=data)
            finally:
                for logger in trainer.loggers:
                    if hasattr(logger, "close"):  # it would write on in the next stage
                        logger.close()
        network = module.inference_generator.cpu()
        if is_first_process():
            tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
            write_atomically(weights, save(tensors), durable=True)
            seconds = round(time.perf_counter() - started, 1)
            run.complete(stage, {"steps": module.steps, "images_seen": module.images_seen, "seconds": seconds})
        with report_training_errors(settings, module, checkpoint, complete=True):
            # After its last step no stage asks for signals; the next one must not start all the same.
            signals.received = trainer.strategy.broadcast(signals.received)
            if signals.received is not None:
                signals.hand_on()
    return network


@contextmanager
def report_training_errors(
    stage: StageConfig, module: TrainingStage, checkpoint: StageCheckpoint, complete: bool = False
) -> Iterator[None]:
    """What can end a stage, in words: a signal, Ctrl-C, lack of memory, diverged training."""
    try:
        yield
    except (StageStopped, SIGTERMException) as stopped:
        signum = getattr(stopped, "signum", signal.SIGTERM)
        where = f"at step {module.steps} of stage {stage.name}, saved in {checkpoint.folder}"
        where = f"after stage {stage.name}, which is complete" if complete else where
        stopped_by = f"stopped by {signal.Signals(signum).name}"
        raise RunStopped(f"{stopped_by} {where}; start the same command again to continue", signum) from None
    except SystemExit as leaving:
        # Lightning's answer to Ctrl-C, after it has shut down its loaders; a launcher's own exit passes.
        if isinstance(leaving.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    except TrainingDiverged as diverged:
        raise TrainingDiverged(f"{diverged}; {checkpoint.last_good(diverged.began or module.steps)}") from None
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        # BatchNorm would see fewer pictures at a time, and learn something else.
        first = "" if stage_of(stage.name).batch_norm else f"raise {stage.option('micro_batches')} (same result), or "
        raise ValueError(
            f"out of memory in stage {stage.name} with {stage.option('batch_size')}={stage.batch_size} in "
            f"{stage.micro_batches} micro-batches: {first}lower {stage.option('batch_size')} or model.resolution, "
            "or use trainer.precision=16-mixed on a GPU"
        ) from None


def is_out_of_memory(error: Exception) -> bool:
    """Whether torch ran out of memory, on a GPU or on the CPU."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def data_arguments(stage: StageConfig, config: RunConfig) -> dict[str, Any]:
    """What the data module of a stage takes besides the drawings."""
    return {
        "pairs": config.pairs,
        "resolution": config.model.resolution,
        "hint_spread": config.model.hint_spread,
        "stage": stage.name,
        "batch_size": stage.batch_size,
        "steps": stage.steps,
        "seed": config.seed,
        "workers": config.data.workers,
        "validation_drawings": stage.validation_drawings,
    }


def _stage_trainer(
    config: RunConfig, run: RunFolder, stage: StageConfig, data: LineArtDataModule, checkpoint: StageCheckpoint
) -> L.Trainer:
    folder = run.stage(stage.name)
    callbacks = [instantiate(callback) for name, callback in config.callbacks.items() if name != "sample_sheet"]
    if "sample_sheet" in config.callbacks:
        callbacks.append(instantiate(config.callbacks["sample_sheet"], folder=str(folder / "samples")))
    arguments = config.trainer.arguments
    if SLURMEnvironment.detect() and int(os.environ["SLURM_NTASKS"]) == config.trainer.world_size:
        # Lightning's own answer to SIGUSR1 is a checkpoint of another kind, in the middle of a step.
        arguments["plugins"] = [SLURMEnvironment(auto_requeue=False)]
    return make_trainer(
        arguments,
        logger=[JsonlLogger(checkpoint.record), *_make_loggers(config, stage.name, folder)],
        callbacks=[*callbacks, checkpoint, TQDMProgressBar(refresh_rate=5)],
        limit_val_batches=1.0 if data.test_drawings and stage.validation_drawings else 0,
        val_check_interval=1,  # the stage itself says when: `TrainingStage.validation_is_due`
        log_every_n_steps=1,
        default_root_dir=str(run.path),
    )


def _make_loggers(config: RunConfig, stage: str, folder: Path) -> list[Any]:
    """The configured loggers of a stage with this folder; what its W&B run is called is said here, not in conf/."""
    csv = {"save_dir": str(folder.parent), "name": f"csv/{stage}"}
    own = {"wandb": _wandb_identity(config, stage, folder), "csv": csv}
    # As a partial, or Hydra would build what the settings among the arguments describe.
    return [instantiate(logger, _partial_=True)(**own.get(name, {})) for name, logger in config.loggers.items()]


def log_bundle(run: RunFolder, config: RunConfig) -> None:
    """Send the finished bundle as an artifact of the last stage's W&B run, if `logger.wandb.log_bundle` says so."""
    settings = config.loggers.get("wandb")
    if settings is None or not settings["log_bundle"] or not is_first_process():
        return
    stage = list(config.stages)[-1]
    logger = instantiate(settings, _partial_=True)(**_wandb_identity(config, stage, run.stage(stage)))
    logger.send_bundle(run.bundle)


def _wandb_identity(config: RunConfig, stage: str, folder: Path) -> dict[str, Any]:
    return {"name": f"{config.name}-{stage}", "job_type": stage, "folder": folder, "config": dict(config.mapping)}


def make_trainer(arguments: dict[str, Any], **settings: Any) -> L.Trainer:
    """A trainer for one stage from the user's arguments, which Lightning may refuse (ValueError), and our settings."""
    ours: dict[str, Any] = {"max_epochs": 1, "num_sanity_val_steps": 0, "use_distributed_sampler": False}
    try:
        return L.Trainer(**arguments, **ours, **settings, enable_checkpointing=False, enable_model_summary=False)
    except (MisconfigurationException, ValueError, TypeError) as error:
        raise ValueError(f"trainer settings {arguments} are refused: {error}") from None


def build_stage(stage: str, config: RunConfig, networks: dict[str, nn.Module]) -> TrainingStage:
    """The LightningModule of a stage, with its networks in the memory format and compiled as configured."""
    make = instantiate(config.stages[stage].module, _partial_=True, _convert_="all")
    earlier = {name: networks[name] for name in stage_of(stage).needs}
    module: TrainingStage = make(**earlier, seed=config.seed)
    for network in [*module.trained_networks().values(), *networks.values()]:
        if config.trainer.settings["channels_last"]:
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if config.trainer.settings["compile"] and network not in module.differentiated_twice():
            network.compile()
    return module
