"""A few real steps of a stage, timed and weighed: part of the preflight's own process."""

import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import lightning as L
import torch
from hydra.utils import instantiate
from lightning.fabric.plugins.environments import LightningEnvironment
from torch import nn

from datamodules.datamodule import LineArtDataModule
from datamodules.sources.drawing import Drawing
from lightning_modules.stages.training_stage import TrainingStage
from linecolor.evaluation.full_size import FullSizeEvaluation
from linecolor.evaluation.methods import TrainedMethod
from linecolor.experiment.config import RunConfig
from linecolor.experiment.config_sections import StageConfig
from linecolor.experiment.preflight.meter import now, peak_memory
from linecolor.experiment.stage import build_stage, data_arguments, make_trainer
from linecolor.networks.distance_features import make_feature_extractor
from linecolor.samples import FullDrawing, LineArtBatch
from linecolor.systems.line_colorizer import LineColorizer
from linecolor.systems.registry import stage_of

SLOW_STEP_S = 20.0
"""On a CPU a step that takes longer is measured by one of its micro-batches only."""
ENOUGH_S, LONGEST_S = 3.0, 60.0
"""Steps are measured for as long as the first in all, and no further one is started after the second."""
MOST_STEPS = 40
LOADER_S = 3.0
LOADER_BATCH = 4
"""Samples of a batch when the loader is measured: its time is decoding and cropping, sample by sample."""


class PartialBatch(LineArtBatch):
    """A whole batch, of which a step processes the first images only, as if they were one of its micro-batches."""

    take = 1

    def micro_batches(self, count: int) -> list[LineArtBatch]:
        """The first `take` images."""
        return [self[: self.take]]


class ProbeData(LineArtDataModule):
    """The stage's own data, which notes when a batch arrived and can shorten what is done with it."""

    take: int | None = None
    """Images of a batch to process; None for all."""
    arrived = 0.0

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> LineArtBatch | FullDrawing:
        """As in training."""
        self.arrived = now()
        pairs = super().on_after_batch_transfer(batch, dataloader_idx)
        if self.take is None or not isinstance(pairs, LineArtBatch):
            return pairs
        partial = PartialBatch(**{field.name: getattr(pairs, field.name) for field in fields(pairs)})
        partial.take = self.take
        return partial


class StepWatch(L.Callback):
    """Times steps, ends the stage when enough were seen, and then validates on the held-out drawing, if there is one.

    Steps with the content loss and without are measured in turns.
    """

    def __init__(self, stage: StageConfig, data: ProbeData, drawing: FullDrawing | None, config: RunConfig) -> None:
        self.stage, self.data, self.drawing, self.config = stage, data, drawing, config
        self.interval = stage.content_loss_interval
        self.seconds: dict[bool, list[float]] = {True: [], False: []}
        self.training_peak = self.validation_peak = 0
        self.validation_seconds = 0.0
        self.shortened = False
        self._content = True
        # One image first, twice, to see how long a step will be; not on a GPU, which would tune itself for that one.
        in_parts = stage.micro_batches > 1 and not config.trainer.on_gpu
        self._preparing = ["start", "feel", "warm"] if in_parts else ["warm"]
        self.data.take = 1 if in_parts else None
        self._started_at = time.perf_counter()

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """Put the stage before a step with the content loss, or before one without."""
        if self.interval > 1:
            pl_module.steps = 0 if self._content else 1  # type: ignore[assignment]
        if self.shortened:
            # A micro-batch but the first finds the gradients of those before it in memory.
            for optimizer in trainer.optimizers:
                for parameter in (p for group in optimizer.param_groups for p in group["params"]):
                    parameter.grad = torch.zeros_like(parameter)
        self._synthesized = now() - self.data.arrived
        self._started = now()

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """Note the time, and decide how to go on."""
        share = 1 if self.data.take is None else self.data.batch_size / self.data.take
        seconds = self._synthesized + (now() - self._started) * share
        if self._preparing:
            self._prepare(self._preparing.pop(0), seconds)
            return
        self.seconds[self._content].append(seconds)
        self._content = self.interval == 1 or not self._content
        elapsed = time.perf_counter() - self._started_at
        counts = [len(kind) for kind in self.seconds.values()][: 1 if self.interval == 1 else 2]
        enough = sum(counts) >= MOST_STEPS or (elapsed > ENOUGH_S and min(counts) >= 2)
        trainer.should_stop = enough or (elapsed > LONGEST_S and min(counts) >= 1)

    def _prepare(self, done: str, seconds: float) -> None:
        """After one image: warm up by a whole step, or where that is too slow measure one micro-batch of it."""
        if done == "start":
            return
        self.data.take = None
        if done == "feel" and seconds > SLOW_STEP_S:
            self._preparing.clear()
            self.shortened = True
            parts = self.stage.micro_batches
            self.data.take = self.data.batch_size // parts
            print(f"  {self.stage.name}: a step takes long; measuring one of its {parts} micro-batches", flush=True)
        self._started_at = time.perf_counter()

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Validate on a held-out drawing, while everything training needs is still in memory."""
        assert isinstance(pl_module, TrainingStage)
        self.training_peak = peak_memory(pl_module.device)
        if self.drawing is not None:
            print(f"  {self.stage.name}: validating on a held-out drawing", flush=True)
            metrics = self.config.callbacks.get("full_resolution_metrics", {})
            evaluation = FullSizeEvaluation(metrics.get("hints", [0]), extractor(self.config))
            chain = line_colorizer(self.config, pl_module.inference_networks, pl_module.device)
            started = now()
            evaluation.to(pl_module.device).add(TrainedMethod(chain), self.drawing)
            self.validation_seconds = now() - started
        self.validation_peak = peak_memory(pl_module.device)


def measure_stage(
    stage: StageConfig,
    config: RunConfig,
    drawings: list[Drawing],
    drawing: FullDrawing | None,
    networks: dict[str, nn.Module],
    folder: Path,
) -> dict[str, Any]:
    """Real steps of a stage, validation on a held-out drawing if there is one, then the loader alone.

    Args:
        networks: of the stages before this one; gets this one's. Missing ones are built, untrained.
        folder: for what Lightning might write.

    Returns:
        Bytes: `training_peak`; `peak` with the validation. Seconds without loading of the steps `with_content`
        loss and `without`; `loading` of a batch; `validation` of a drawing. `shortened`: whether only one
        micro-batch of a step was measured. `steps`: how many were. `threads`: cores a step keeps busy.
    """
    for earlier in stage_of(stage.name).needs:
        if earlier not in networks:
            networks[earlier] = instantiate(config.model.settings[earlier])
    module = build_stage(stage.name, config, networks)
    # On a CPU loader processes that fill their queues would be timed as well; they are measured by themselves below.
    data = _data(stage, config, drawings, config.data.workers if config.trainer.on_gpu else 0)
    watch = StepWatch(stage, data, drawing, config)
    names = ("accelerator", "precision", "deterministic", "benchmark")
    arguments = {name: value for name, value in config.trainer.arguments.items() if name in names}
    print(f"  {stage.name}: steps", flush=True)
    trainer = make_trainer(
        arguments,
        devices=1,
        plugins=[LightningEnvironment()],  # whatever torchrun or SLURM say: this is one process
        logger=False,
        callbacks=[watch],
        enable_progress_bar=False,
        limit_val_batches=0,
        default_root_dir=str(folder),
    )
    trainer.fit(module, datamodule=data)
    networks[stage.name] = module.inference_generator.cpu()
    print(f"  {stage.name}: loading pictures", flush=True)
    few = stage.changed(batch_size=min(LOADER_BATCH, stage.batch_size), micro_batches=1)
    loading = seconds_a_sample(_data(few, config, drawings, config.data.workers))
    return {
        "training_peak": watch.training_peak,
        "peak": watch.validation_peak,
        "with_content": watch.seconds[True],
        "without": watch.seconds[False],
        "loading": loading * stage.batch_size,
        "validation": watch.validation_seconds,
        "shortened": watch.shortened,
        "steps": sum(map(len, watch.seconds.values())),
        "threads": 1 if config.trainer.on_gpu else torch.get_num_threads(),
    }


def seconds_a_sample(data: LineArtDataModule) -> float:
    """Seconds a sample of the loader alone, with its processes at full work.

    The first batch of each process is not counted: it holds their start.
    """
    group = max(1, data.workers)
    batches = iter(data.train_dataloader())
    for _ in range(group):
        next(batches)
    started, samples = time.perf_counter(), 0
    while time.perf_counter() - started < LOADER_S:
        for _ in range(group):
            next(batches)
        samples += group * data.batch_size
    return (time.perf_counter() - started) / samples


def line_colorizer(config: RunConfig, networks: dict[str, nn.Module], device: torch.device) -> LineColorizer:
    """The whole chain around these networks, as the configuration asks."""
    return LineColorizer(networks, config.model.hint_spread, config.evaluation.rendering, device)


def extractor(config: RunConfig) -> nn.Module:
    """The feature network of FID and KID that the configuration names."""
    return make_feature_extractor(config.evaluation.features)  # type: ignore[arg-type]


def _data(stage: StageConfig, config: RunConfig, drawings: list[Drawing], workers: int) -> ProbeData:
    endless = stage.changed(steps=1_000_000, validation_drawings=0)
    return ProbeData(drawings, **{**data_arguments(endless, config), "workers": workers})
