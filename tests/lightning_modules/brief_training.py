"""A few steps of a stage on small drawings, as the tests of all stages take them."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import nn

from datamodules.datamodule import LineArtDataModule
from datamodules.pair_settings import PairSettings
from datamodules.sources.drawing import Drawing
from lightning_modules.callbacks.stage_checkpoint import StageCheckpoint
from lightning_modules.loggers.jsonl import JsonlLogger
from lightning_modules.stages.training_stage import TrainingStage
from linecolor.runs.record import read_record

SIDE = 64
# Nothing is random but the place of the crop, its mirroring and the hints.
PAIRS: dict[str, dict[str, Any]] = {
    "crop": {
        "scale": "whole",
        "full_page_prob": 0.0,
        "collage_prob": 0.0,
        "flip_prob": 0.5,
        "rotate_prob": 0.0,
        "rotation": 0.0,
        "zoom": 0.0,
    },
    "color": {
        "recolor": 0.0,
        "palette_swap": 0.0,
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
    "hints": {"no_hint_prob": 0.5, "count": "alac", "least": 1, "most": 64, "strokes": 0.0, "sides": [2]},
    "artifacts": {"paste": 0.0, "distort": 0.0, "spray": 0.0, "bleed": 0.0},
}


STEPPING = {"optimizer": partial(torch.optim.Adam, lr=1e-3, betas=(0.5, 0.9)), "log_every_n_steps": 1, "steps": 10**6}


def growth_allowed(step: int) -> float:
    """How far a loss of the same training may be off on another processor, or on two devices, relative to it.

    Kernels for other processors add in another order, so last bits differ: 1e-7 of a loss at the first step. That
    grows: of millions of activations some lie so near the kink of a ReLU that they fall on its other side, and Adam
    gives small gradients the step of large ones. Measured on the golden losses of DraftGAN, AVX2 against no vector
    instructions and against SSE4.1, of oneDNN alone or of ATen too, the largest of its reconstruction and adversarial
    terms up to a step: 2e-7 at step 1, 2e-5 at 2, 4e-5 at 4, 4e-4 at 6, 3e-3 at 10, 3e-2 at 20; of its content term
    1e-3 at 6. Stages with fewer terms grow less: the colorizer 2e-4 at 10 and 6e-3 at 20, the baselines 2e-6 at 6,
    those of the comic colorizer 2e-5 at 4. Allowed is three times as much or more, for kernels that were not measured.

    Only the first steps tell whether training computes the same; later ones tell whether it went the same way.
    """
    limits = {1: 1e-5, 2: 2e-4, 6: 2e-3, 10: 3e-2, 20: 1e-1}
    return next(limit for last, limit in limits.items() if step <= last)


def assert_golden(losses: Sequence[float], golden: dict[int, float], name: str) -> None:
    """Compare losses with golden ones of some steps, which are written with five decimals."""
    for step, expected in golden.items():
        told = f"{name} at step {step}"
        np.testing.assert_allclose(losses[step - 1], expected, rtol=growth_allowed(step), atol=6e-6, err_msg=told)


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
