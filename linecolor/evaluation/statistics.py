"""What a mean is worth: spread over training seeds, bootstrap intervals over drawings, paired differences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95
LEAST_SEEDS = 3
"""Training seeds below which no standard deviation over them is given (Lee & Lee 2020, Table 2, gives one)."""


@dataclass(frozen=True)
class Interval:
    """The mean of n values and the 95 % bootstrap interval around it, NaN of fewer than two values."""

    mean: float
    low: float
    high: float
    n: int


def mean_interval(values: Sequence[float], seed: int = 0) -> Interval:
    """The mean of values, one a drawing, with its bootstrap interval (bias-corrected and accelerated).

    The seed is that of the resampling, so that a figure repeats. ValueError for no values, or one that is not finite.
    """
    from scipy.stats import bootstrap

    data = np.asarray(values, np.float64)
    if not data.size or not np.isfinite(data).all():
        raise ValueError(f"an interval needs finite values, got {data.size} of which {np.isfinite(data).sum()} are")
    mean = float(data.mean())
    if data.size < 2:
        return Interval(mean, float("nan"), float("nan"), data.size)
    if np.ptp(data) == 0:
        return Interval(mean, mean, mean, data.size)  # nothing to resample
    interval = bootstrap(
        (data,), np.mean, n_resamples=RESAMPLES, confidence_level=LEVEL, rng=np.random.default_rng(seed)
    ).confidence_interval
    return Interval(mean, float(interval.low), float(interval.high), data.size)


def paired_differences(ours: Mapping[str, float], theirs: Mapping[str, float]) -> list[float]:
    """By how much one method's figure, by drawing, is better than another's on each drawing that both have."""
    return [ours[name] - theirs[name] for name in ours if name in theirs]


def paired_difference(ours: Mapping[str, float], theirs: Mapping[str, float], seed: int = 0) -> Interval | None:
    """The mean of `paired_differences` with its bootstrap interval; None without common drawings."""
    differences = paired_differences(ours, theirs)
    return mean_interval(differences, seed) if differences else None


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """The mean of values and its standard error, NaN of a single value."""
    data = np.asarray(values, np.float64)
    error = data.std(ddof=1) / np.sqrt(data.size) if data.size > 1 else float("nan")
    return float(data.mean()), float(error)


def half_width(values: Sequence[float]) -> float:
    """Half of the 95 % interval of a mean by Student's t, for a band around a curve; NaN of fewer than two values."""
    from scipy.stats import t

    data = np.asarray(values, np.float64)
    return float(t.ppf(0.5 + LEVEL / 2, data.size - 1) * mean_and_error(values)[1]) if data.size > 1 else float("nan")


def over_seeds(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and sample standard deviation over training seeds; None in its place for fewer than three."""
    data = np.asarray(values, np.float64)
    return float(data.mean()), float(data.std(ddof=1)) if data.size >= LEAST_SEEDS else None
