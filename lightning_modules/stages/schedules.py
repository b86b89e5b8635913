"""The learning rate over a stage: one function a kind, chosen by `conf/schedule`.

Each takes the optimizer first, and the number of its first steps in which the rate rises from 0 as `warmup`.
"""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def constant(optimizer: Optimizer, warmup: int = 0) -> LambdaLR:
    """The same rate at every step."""
    return LambdaLR(optimizer, lambda step: _rise(step, warmup))


def step(optimizer: Optimizer, drop_at: int = 112_000, drop_to: float = 0.1, warmup: int = 0) -> LambdaLR:
    """The rate times `drop_to` from step `drop_at` on; 0 never drops. The defaults are the paper's."""
    return LambdaLR(optimizer, lambda step: _rise(step, warmup) * (drop_to if drop_at and step >= drop_at else 1.0))


def cosine(optimizer: Optimizer, cosine_steps: int, cosine_to: float = 0.02, warmup: int = 0) -> LambdaLR:
    """Half a cosine, at the end of which `cosine_to` of the rate is left; `cosine_steps` of 0 does not decay."""

    def decay(step: int) -> float:
        share = min(1.0, step / cosine_steps)
        return cosine_to + (1 - cosine_to) * 0.5 * (1 + math.cos(math.pi * share))

    return LambdaLR(optimizer, lambda step: _rise(step, warmup) * (decay(step) if cosine_steps else 1.0))


def _rise(step: int, warmup: int) -> float:
    return min(1.0, (step + 1) / warmup) if warmup else 1.0
