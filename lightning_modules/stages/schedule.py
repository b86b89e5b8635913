"""The learning rate over a stage."""

import math
from collections.abc import Callable


def learning_rate_factor(
    warmup: int, drop_at: int, drop_to: float, cosine_steps: int, cosine_to: float
) -> Callable[[int], float]:
    """The factor on the base learning rate after n optimizer steps.

    Args:
        warmup: steps of linear rise from 0; 0 starts at full rate (the paper).
        drop_at: step from which `drop_to` multiplies the rate; 0 never drops. 112,000 in the paper.
        drop_to: 0.1 in the paper.
        cosine_steps: length of a cosine decay; 0 has none (the paper).
        cosine_to: share of the rate that is left at its end.
    """

    def factor(step: int) -> float:
        value = min(1.0, (step + 1) / warmup) if warmup else 1.0
        if drop_at and step >= drop_at:
            value *= drop_to
        if cosine_steps:
            share = min(1.0, step / cosine_steps)
            value *= cosine_to + (1 - cosine_to) * 0.5 * (1 + math.cos(math.pi * share))
        return value

    return factor
