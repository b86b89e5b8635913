"""A few steps of a stage: the Trainer of the tests, and how far losses may be off."""

from collections.abc import Sequence
from pathlib import Path

import lightning as L
import numpy as np

from lightning_modules.loggers.jsonl import JsonlLogger


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
        message = f"{name} at step {step}"
        np.testing.assert_allclose(losses[step - 1], expected, rtol=growth_allowed(step), atol=6e-6, err_msg=message)


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
        num_sanity_val_steps=0,
        default_root_dir=str(out),
    )
