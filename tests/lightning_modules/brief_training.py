"""A few steps of a stage on small drawings, as the tests of all stages take them."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import nn

from datamodules.datamodule import LineArtDataModule
from datamodules.recipe import PairSettings
from datamodules.sources.drawing import Drawing
from lightning_modules.callbacks.stage_checkpoint import StageCheckpoint
from lightning_modules.loggers.jsonl import JsonlLogger
from lightning_modules.stages.training_stage import TrainingStage
from linecolor.runs.record import read_record

SIDE = 64
# Nothing is random but the place of the crop, its mirroring and the hints.
PAIRS: dict[str, dict[str, Any]] = {
    "crop": {"scale": "whole", "uncut": 0.0, "collage": 0.0, "flip": 0.5, "turn": 0.0, "rotation": 0.0, "zoom": 0.0},
    "color": {
        "recolor": 0.0,
        "repaint": 0.0,
        "hue": 0.0,
        "saturation": 0.0,
        "gamma": 0.0,
        "background": 0.0,
        "background_areas": 1,
    },
    "line": {
        "xdog": 1.0,
        "dilate": 1.0,
        "outline": 0.0,
        "grey": 0.0,
        "real": 0.0,
        "sigmas": [0.4],
        "kernels": [4],
        "jitter": [1.0, 1.0],
    },
    "hints": {"empty": 0.5, "count": "alac", "least": 1, "most": 64, "strokes": 0.0, "sides": [2]},
    "artifacts": {"paste": 0.0, "distort": 0.0, "spray": 0.0, "bleed": 0.0},
}


STEPPING = {"optimizer": partial(torch.optim.Adam, lr=1e-3, betas=(0.5, 0.9)), "log_every_n_steps": 1, "steps": 10**6}


def trainer_for(out: Path, callbacks: Sequence[L.Callback], limit_val_batches: float = 0) -> L.Trainer:
    return L.Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=JsonlLogger(out / "metrics.jsonl"),
        callbacks=list(callbacks),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=limit_val_batches,
        val_check_interval=1,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        default_root_dir=str(out),
    )


def train(
    module: TrainingStage,
    drawings: Sequence[Drawing],
    pairs: dict[str, Any],
    stage: str,
    out: Path,
    steps: int,
    callbacks: Sequence[L.Callback] = (),
    consumed: int = 0,
) -> list[dict]:
    """Batches of four; returns the record."""
    data = LineArtDataModule(drawings, PairSettings.from_config(pairs), SIDE, "none", stage, 4, steps, 0, 0, 0)
    data.consumed = consumed
    trainer_for(out, callbacks).fit(module, datamodule=data)
    return read_record(out / "metrics.jsonl")


def weights(module: nn.Module) -> list[torch.Tensor]:
    return [tensor.detach().clone() for tensor in module.state_dict().values()]


def assert_continues(make: Callable[..., TrainingStage], fit: Callable[..., Any], folder: Path, out: Path) -> None:
    """Four steps in a row, and two and two with a checkpoint between, end with the same bits."""

    def checkpoint() -> StageCheckpoint:
        return StageCheckpoint(out / "checkpoints", 100, 0, {"width": 4}, out / "metrics.jsonl")

    straight = make(ema_half_life=50)
    fit(straight, folder, out / "straight", 4)
    fit(make(ema_half_life=50), folder, out / "first", 2, [checkpoint()])
    torch.manual_seed(99)
    second, resume = make(ema_half_life=50), checkpoint()
    torch.rand(17)  # whatever else has drawn meanwhile
    found = resume.find(second)
    resume.restore(second)
    fit(second, folder, out / "second", 4, [resume], consumed=found["images_seen"])
    for one, other in zip(weights(straight), weights(second), strict=True):
        assert torch.equal(one, other)
