"""One training stage from its settings to its weights."""

import copy
import hashlib
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, open_dict

from linecolor.experiment.checks import world_size
from linecolor.experiment.processes import RunStopped, is_first_process
from linecolor.experiment.tracking import finish_loggers, make_loggers
from linecolor.systems.registry import stage_of, system_of

if TYPE_CHECKING:
    import lightning as L
    from torch import nn

    from datamodules.datamodule import LineArtDataModule
    from datamodules.sources.folder import FolderScan
    from lightning_modules.callbacks.stage_checkpoint import StageCheckpoint
    from lightning_modules.stages.training_stage import TrainingStage
    from lightning_modules.stop_signals import StopSignals
    from linecolor.runs.run_folder import RunFolder


def run_stage(
    stage: str,
    config: DictConfig,
    plain: dict[str, Any],
    run: "RunFolder",
    scan: "FolderScan",
    networks: dict[str, "nn.Module"],
) -> "nn.Module":
    """Train a stage, or load what it left if it is complete; returns the network to colour with."""
    from hydra.utils import instantiate
    from safetensors.torch import load_file, save

    from lightning_modules.stop_signals import StageStopped, StopSignals
    from linecolor.images import write_atomically

    weights = run.stage(stage) / "generator.safetensors"
    decisive = decisive_settings(stage, plain, run, scan)
    run.check(stage, decisive)
    if run.is_complete(stage, plain["stage"][stage]["steps"]):
        print(f"  complete since {run.facts(stage)['finished']}; nothing to do")
        network = instantiate(config.model[stage])
        network.load_state_dict(load_file(weights))
        return network

    started = time.perf_counter()
    signals = StopSignals()
    with signals.watching():
        module, trainer = _fit(stage, config, plain, run, scan, networks, decisive, signals)
        network = module.inference_generator.cpu()
        if is_first_process():
            tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
            write_atomically(weights, save(tensors), durable=True)
            seconds = round(time.perf_counter() - started, 1)
            run.complete(stage, {"steps": module.steps, "images_seen": module.images_seen, "seconds": seconds})
        # After its last step nobody asks any more; the next stage must not begin all the same.
        signals.received = trainer.strategy.broadcast(signals.received)
        if signals.received is not None:
            try:
                signals.hand_on()
            except StageStopped as stopped:
                raise RunStopped(
                    f"stopped by {stopped} after stage {stage}, which is complete; start the same command again to "
                    "continue",
                    stopped.signum,
                ) from None
    return network


def architecture(plain: dict[str, Any], stage: str) -> dict[str, Any]:
    """The constructor arguments of a stage's generator."""
    return {key: value for key, value in plain["model"][stage].items() if key != "_target_"}


def decisive_settings(stage: str, plain: dict[str, Any], run: "RunFolder", scan: "FolderScan") -> dict[str, Any]:
    """The settings a stage's weights depend on; for a later stage also which networks of earlier ones it was given.

    Budgets, devices, accumulation, workers, loggers and where the very same drawings lie may change between two starts.
    """
    settings = plain["stage"][stage]
    own = _decisive_of_stage(settings)
    system = system_of(plain["stages"]).names
    later = system[system.index(stage) + 1 :]
    model = {key: value for key, value in plain["model"].items() if key not in later}
    if stage_of(stage).batch_norm:
        # BatchNorm sees the pictures of one device and one micro-batch.
        own["batch_norm_sees"] = settings["batch_size"] // settings["micro_batches"] // world_size(plain["trainer"])
    # Ways to draw a line that came later and are not used: a run begun without them is the same run.
    line = {key: value for key, value in plain["pairs"]["line"].items() if value or key not in ("outline", "grey")}
    decisive = {
        "seed": plain["seed"],
        "data": scan.fingerprint,
        "pairs": {**plain["pairs"], "line": line},
        "model": model,
        "stage": own,
    }
    for name in stage_of(stage).needs:
        weights = run.stage(name) / "generator.safetensors"
        if weights.is_file():
            trained, asked = run.facts(name).get("steps"), plain["stage"][name]["steps"]
            digest = hashlib.sha256(weights.read_bytes()).hexdigest()
            decisive[f"{name}_weights"] = digest if trained == asked else f"those of {asked} steps"
    return decisive


_FREE = ("steps", "micro_batches", "log_every_n_steps", "val_every_n_steps", "validation_drawings", "checkpoint_every")
_OF_MODEL = ("generator", "discriminator", "features", "weights", "penalty_over")
_OURS = ("torch.optim.Adam", *(f"lightning_modules.stages.schedules.{kind}" for kind in ("constant", "step", "cosine")))


def _decisive_of_stage(settings: dict[str, Any]) -> dict[str, Any]:
    """A stage's own part, as builds before `_target_` wrote it: what comes from the model stands there."""
    left_out = (*_FREE, *_OF_MODEL, "checkpoint_minutes", "name", "_target_")
    own = {key: value for key, value in settings.items() if key not in left_out}
    for part in ("optimizer", "schedule"):
        unsaid = ("_partial_", "_target_") if own[part]["_target_"] in _OURS else ("_partial_",)
        own[part] = {key: value for key, value in own[part].items() if key not in unsaid}
    every_kind = {"warmup": 0, "drop_at": 0, "drop_to": 1.0, "cosine_steps": 0, "cosine_to": 1.0}
    own["schedule"] = every_kind | own["schedule"]
    if own["schedule"]["cosine_steps"] == settings["steps"]:
        own["schedule"]["cosine_steps"] = "the whole stage"
    return own


def _fit(
    stage: str,
    config: DictConfig,
    plain: dict[str, Any],
    run: "RunFolder",
    scan: "FolderScan",
    networks: dict[str, "nn.Module"],
    decisive: dict[str, Any],
    signals: "StopSignals",
) -> tuple["TrainingStage", "L.Trainer"]:
    import lightning as L

    from lightning_modules.callbacks.stage_checkpoint import StageCheckpoint
    from linecolor.runs.record import cut_back

    # A number a stage, so that its first weights are not those of another stage, nor of another seed.
    system = system_of(plain["stages"]).names
    L.seed_everything(plain["seed"] * max(2, len(system)) + system.index(stage), verbose=False)
    settings = plain["stage"][stage]
    folder = run.stage(stage)
    record = folder / "metrics.jsonl"
    data = _data(stage, plain, scan)
    module = build_stage(stage, config, plain, networks)
    checkpoint = StageCheckpoint(
        folder / "checkpoints",
        settings["checkpoint_every"],
        settings["checkpoint_minutes"],
        architecture(plain, stage),
        record,
    )
    module.signals = signals
    begun = checkpoint.find(module, put_aside=is_first_process())
    if begun and begun["steps"] > settings["steps"]:
        raise ValueError(
            f"{checkpoint.folder} is at step {begun['steps']} already, beyond stage.{stage}.steps={settings['steps']}: "
            "ask for more, or give the run another name=..."
        )
    if begun:
        checkpoint.restore(module)
        data.consumed = begun["images_seen"]
    trainer = _trainer(stage, config, plain, run, data, checkpoint)
    if is_first_process():
        run.hold(stage, decisive)
        cut_back(record, begun["record_bytes"] if begun else 0)
    with _told_to_people(stage, settings, module, checkpoint), _closing(trainer.loggers):
        if begun and begun["validation_pending"]:
            trainer.validate(module, datamodule=data, verbose=False)
            if is_first_process():
                checkpoint.mark_validated()
        # Else stopped between its last step and its weights' being written: only the writing is left to do.
        if module.steps < settings["steps"]:
            trainer.fit(module, datamodule=data)
    return module, trainer


@contextmanager
def _closing(loggers: list[Any]) -> Iterator[None]:
    try:
        yield
    finally:
        finish_loggers(loggers)


@contextmanager
def _told_to_people(
    stage: str, settings: dict[str, Any], module: "TrainingStage", checkpoint: "StageCheckpoint"
) -> Iterator[None]:
    """What can end a stage, in words: a signal, Ctrl-C, lack of memory, diverged training."""
    from lightning.pytorch.utilities.exceptions import SIGTERMException

    from lightning_modules.stages.training_stage import TrainingDiverged
    from lightning_modules.stop_signals import StageStopped

    try:
        yield
    except (StageStopped, SIGTERMException) as stopped:
        signum = getattr(stopped, "signum", signal.SIGTERM)
        raise RunStopped(
            f"stopped by {signal.Signals(signum).name} at step {module.steps} of stage {stage}, saved in "
            f"{checkpoint.folder}; start the same command again to continue",
            signum,
        ) from None
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
        raise ValueError(
            f"out of memory in stage {stage} with stage.{stage}.batch_size={settings['batch_size']} in "
            f"{settings['micro_batches']} micro-batches: {_less_memory(stage)}lower "
            f"stage.{stage}.batch_size or model.resolution, or use trainer.precision=16-mixed on a GPU"
        ) from None


def _less_memory(stage: str) -> str:
    """What to do first; BatchNorm would see fewer pictures at a time, and learn something else."""
    return "" if stage_of(stage).batch_norm else f"raise stage.{stage}.micro_batches (same result, less memory), or "


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch ran out of memory, on a GPU or on the CPU."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _data(stage: str, plain: dict[str, Any], scan: "FolderScan") -> "LineArtDataModule":
    from datamodules.datamodule import LineArtDataModule
    from datamodules.pair_settings import PairSettings

    settings = plain["stage"][stage]
    return LineArtDataModule(
        scan.drawings,
        PairSettings.from_config(plain["pairs"]),
        resolution=plain["model"]["resolution"],
        hint_spread=plain["model"]["hint_spread"],
        stage=stage,
        batch_size=settings["batch_size"],
        steps=settings["steps"],
        seed=plain["seed"],
        workers=plain["data"]["workers"],
        validation_drawings=settings["validation_drawings"],
    )


def _trainer(
    stage: str,
    config: DictConfig,
    plain: dict[str, Any],
    run: "RunFolder",
    data: "LineArtDataModule",
    checkpoint: "StageCheckpoint",
) -> "L.Trainer":
    import lightning as L
    from hydra.utils import instantiate
    from lightning.fabric.utilities.exceptions import MisconfigurationException
    from lightning.pytorch.callbacks import TQDMProgressBar
    from lightning.pytorch.plugins.environments import SLURMEnvironment

    from lightning_modules.loggers.jsonl import JsonlLogger

    folder = run.stage(stage)
    wanted = {name: callback for name, callback in config.callbacks.items() if callback is not None}
    callbacks = [instantiate(callback) for name, callback in wanted.items() if name != "sample_sheet"]
    if "sample_sheet" in wanted:
        callbacks.append(instantiate(config.callbacks.sample_sheet, folder=str(folder / "samples")))
    own = {name: value for name, value in plain["trainer"].items() if name not in ("compile", "channels_last")}
    if SLURMEnvironment.detect() and int(os.environ["SLURM_NTASKS"]) == world_size(plain["trainer"]):
        # Lightning's own answer to SIGUSR1 is a checkpoint of another kind, in the middle of a step.
        own["plugins"] = [SLURMEnvironment(auto_requeue=False)]
    settings = plain["stage"][stage]
    loggers = [JsonlLogger(checkpoint.record), *make_loggers(config, stage, folder)]
    try:
        return L.Trainer(
            **own,
            max_epochs=1,
            logger=loggers,
            callbacks=[*callbacks, checkpoint, TQDMProgressBar(refresh_rate=5)],
            enable_checkpointing=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            limit_val_batches=1.0 if data.test_drawings and settings["validation_drawings"] else 0,
            val_check_interval=1,  # the stage itself says when: `TrainingStage.validation_is_due`
            log_every_n_steps=1,
            use_distributed_sampler=False,
            default_root_dir=str(run.path),
        )
    except (MisconfigurationException, ValueError, TypeError) as error:
        raise ValueError(f"trainer settings {own} are refused: {error}") from None


def build_stage(
    stage: str, config: DictConfig, plain: dict[str, Any], networks: dict[str, "nn.Module"]
) -> "TrainingStage":
    """The LightningModule of a stage, with its networks in the memory format and compiled as asked for."""
    import torch
    from hydra.utils import instantiate

    make = instantiate(_of_module(config, stage), _partial_=True, _convert_="all")
    earlier = {name: networks[name] for name in stage_of(stage).needs}
    module: TrainingStage = make(**earlier, seed=plain["seed"])
    for network in [*module.trained_networks().values(), *networks.values()]:
        if plain["trainer"]["channels_last"]:
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if plain["trainer"]["compile"] and network not in module.differentiated_twice():
            network.compile()
    return module


def _of_module(config: DictConfig, stage: str) -> DictConfig:
    """A stage's settings without those of its data and its checkpoints."""
    settings = copy.deepcopy(config.stage[stage])
    settings._set_parent(config.stage)
    with open_dict(settings):
        for name in ("batch_size", "validation_drawings", "checkpoint_every", "checkpoint_minutes"):
            settings.pop(name)
    return settings
