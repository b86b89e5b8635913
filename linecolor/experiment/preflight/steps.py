"""A few real steps of a stage, timed and weighed: part of the preflight's own process."""

import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import lightning as L
import torch
from hydra.utils import instantiate
from lightning.fabric.plugins.environments import LightningEnvironment
from lightning.fabric.utilities.exceptions import MisconfigurationException
from omegaconf import OmegaConf
from torch import nn

from datamodules.datamodule import LineArtDataModule
from datamodules.pair_settings import PairSettings
from datamodules.sources.drawing import Drawing
from lightning_modules.stages.training_stage import TrainingStage
from linecolor.evaluation.full_size import FullSizeEvaluation
from linecolor.evaluation.methods import TrainedMethod
from linecolor.experiment.modules import rendering_options
from linecolor.experiment.preflight.meter import now, on_gpu, peak_memory
from linecolor.experiment.stage import build_stage
from linecolor.networks.distance_features import make_feature_extractor
from linecolor.samples import FullDrawing, LineArtBatch
from linecolor.systems.line_colorizer import LineColorizer
from linecolor.systems.registry import stage_of

SLOW_STEP_S = 20.0
"""On a CPU a step that takes longer is measured by one of its parts only."""
ENOUGH_S, LONGEST_S = 3.0, 60.0
"""Steps are measured for as long as the first in all, and no further one is begun after the second."""
MOST_STEPS = 40
LOADER_S = 3.0
LOADER_BATCH = 4
"""Samples of a batch when the loader is measured: its time is decoding and cropping, sample by sample."""


class PartialBatch(LineArtBatch):
    """A whole batch, of which a step processes the first images only, as if they were one of its parts."""

    take = 1

    def micro_batches(self, count: int) -> list[LineArtBatch]:
        """The first `take` images."""
        return [self[: self.take]]


class ProbeData(LineArtDataModule):
    """The stage's own data, which notes when a batch arrived and can shorten what is done with it.

    Attributes:
        take: images of a batch to process; None for all.
        arrived: when the last batch came from the loader.
    """

    take: int | None = None
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
    """Times steps, ends the stage when enough were seen, and then looks at a held-out drawing as a validation does.

    Args:
        stage: its name, for the progress.
        data: of the stage.
        content_loss_interval: steps between two with the content loss; these and the others are measured in turns.
        parts: in which a batch is processed.
        drawing: a held-out drawing; None leaves the look at it out.
        plain: the whole configuration.
    """

    def __init__(
        self,
        stage: str,
        data: ProbeData,
        content_loss_interval: int,
        parts: int,
        drawing: FullDrawing | None,
        plain: dict[str, Any],
    ) -> None:
        self.stage, self.data, self.content_loss_interval, self.parts = stage, data, content_loss_interval, parts
        self.drawing, self.plain = drawing, plain
        self.seconds: dict[bool, list[float]] = {True: [], False: []}
        self.training_peak = self.validation_peak = 0
        self.validation_seconds = 0.0
        self.shortened = False
        self._content = True
        # One image first, twice, to see how long a step will be; not on a GPU, which would tune itself for that one.
        self._preparing = ["start", "feel", "warm"] if parts > 1 and not on_gpu(plain) else ["warm"]
        self.data.take = None if self._preparing == ["warm"] else 1
        self._began = time.perf_counter()

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """Put the stage before a step with the content loss, or before one without."""
        if self.content_loss_interval > 1:
            pl_module.steps = 0 if self._content else 1  # type: ignore[assignment]
        if self.shortened:
            # A part but the first finds the gradients of those before it in memory.
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
        self._content = self.content_loss_interval == 1 or not self._content
        elapsed = time.perf_counter() - self._began
        counts = [len(kind) for kind in self.seconds.values()][: 1 if self.content_loss_interval == 1 else 2]
        enough = sum(counts) >= MOST_STEPS or (elapsed > ENOUGH_S and min(counts) >= 2)
        trainer.should_stop = enough or (elapsed > LONGEST_S and min(counts) >= 1)

    def _prepare(self, done: str, seconds: float) -> None:
        """After one image: warm up by a whole step, or where that is too slow measure one part of it at once."""
        if done == "start":
            return
        self.data.take = None
        if done == "feel" and seconds > SLOW_STEP_S:
            self._preparing.clear()
            self.shortened = True
            self.data.take = self.data.batch_size // self.parts
            print(f"  {self.stage}: a step takes long; measuring one of its {self.parts} parts", flush=True)
        self._began = time.perf_counter()

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """A look at a held-out drawing, while everything training needs is still in memory."""
        assert isinstance(pl_module, TrainingStage)
        self.training_peak = peak_memory(pl_module.device)
        if self.drawing is not None:
            print(f"  {self.stage}: looking at a held-out drawing", flush=True)
            metrics = self.plain["callbacks"].get("full_resolution_metrics") or {}
            evaluation = FullSizeEvaluation(metrics.get("hints", [0]), extractor(self.plain))
            chain = line_colorizer(self.plain, pl_module.inference_networks, pl_module.device)
            started = now()
            evaluation.to(pl_module.device).add(TrainedMethod(chain), self.drawing)
            self.validation_seconds = now() - started
        self.validation_peak = peak_memory(pl_module.device)


def measure_stage(
    stage: str,
    plain: dict[str, Any],
    drawings: list[Drawing],
    drawing: FullDrawing | None,
    networks: dict[str, nn.Module],
    folder: Path,
) -> dict[str, Any]:
    """Real steps of a stage, one look at a held-out drawing, then the loader alone.

    Args:
        stage: its name.
        plain: the whole configuration.
        drawings: to train on.
        drawing: a held-out one; None leaves the look at it out.
        networks: of the stages before this one; gets this one's. What is missing of them is made, untrained.
        folder: for what Lightning might write.

    Returns:
        Bytes: `training_peak`; `peak` with the look at the drawing. Seconds without loading of the steps `with_content`
        loss and `without`; `loading` of a batch; `validation` of a drawing. `shortened`: whether only one part of a
        step was measured. `steps`: how many were. `threads`: cores a step keeps busy.
    """
    config = OmegaConf.create(plain)
    settings = plain["stage"][stage]
    for earlier in stage_of(stage).needs:
        if earlier not in networks:
            networks[earlier] = instantiate(config.model[earlier])
    module = build_stage(stage, config, plain, networks)
    # On a CPU loader processes that fill their queues would be timed as well; they are measured by themselves below.
    workers = plain["data"]["workers"] if on_gpu(plain) else 0
    data = _data(stage, plain, drawings, settings["batch_size"], workers)
    every = settings.get("content_loss_interval", 1)
    watch = StepWatch(stage, data, every, settings["micro_batches"], drawing, plain)
    names = ("accelerator", "precision", "deterministic", "benchmark")
    own = {name: plain["trainer"][name] for name in names if name in plain["trainer"]}
    print(f"  {stage}: steps", flush=True)
    try:
        trainer = L.Trainer(
            **own,
            devices=1,
            plugins=[LightningEnvironment()],  # whatever torchrun or SLURM say: this is one process
            max_epochs=1,
            logger=False,
            callbacks=[watch],
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
            num_sanity_val_steps=0,
            limit_val_batches=0,
            use_distributed_sampler=False,
            default_root_dir=str(folder),
        )
    except (MisconfigurationException, ValueError, TypeError) as error:
        raise ValueError(f"trainer settings {own} are refused: {error}") from None
    trainer.fit(module, datamodule=data)
    networks[stage] = module.inference_generator.cpu()
    print(f"  {stage}: loading pictures", flush=True)
    batch = min(LOADER_BATCH, settings["batch_size"])
    loading = seconds_a_sample(_data(stage, plain, drawings, batch, plain["data"]["workers"]))
    return {
        "training_peak": watch.training_peak,
        "peak": watch.validation_peak,
        "with_content": watch.seconds[True],
        "without": watch.seconds[False],
        "loading": loading * settings["batch_size"],
        "validation": watch.validation_seconds,
        "shortened": watch.shortened,
        "steps": sum(map(len, watch.seconds.values())),
        "threads": 1 if on_gpu(plain) else torch.get_num_threads(),
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


def line_colorizer(plain: dict[str, Any], networks: dict[str, nn.Module], device: torch.device) -> LineColorizer:
    """The whole chain around these networks, as the configuration asks."""
    return LineColorizer(networks, plain["model"]["hint_spread"], rendering_options(plain), device)


def extractor(plain: dict[str, Any]) -> nn.Module:
    """The feature network of FID and KID that the configuration names."""
    return make_feature_extractor(plain["evaluation"]["features"])


def _data(stage: str, plain: dict[str, Any], drawings: list[Drawing], batch_size: int, workers: int) -> ProbeData:
    return ProbeData(
        drawings,
        PairSettings.from_config(plain["pairs"]),
        resolution=plain["model"]["resolution"],
        hint_spread=plain["model"]["hint_spread"],
        stage=stage,
        batch_size=batch_size,
        steps=1_000_000,
        seed=plain["seed"],
        workers=workers,
        validation_drawings=0,
    )
