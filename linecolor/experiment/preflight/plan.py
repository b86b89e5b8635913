"""From what a few steps took to what a run will take: memory, micro-batches, time. Pure arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

FITS_SHARE = 0.95
"""Share of a card's memory that a run may take: of an 11 GB card 10.75 GB are torch's to give."""


@dataclass(frozen=True)
class MemoryRule:
    """Peak memory in bytes as a function of the samples that are processed at a time: fixed + per_sample x samples.

    Weights, optimizer states, libraries and the whole batch of pairs are fixed; activations grow with the micro-batch.
    """

    fixed: float
    per_sample: float

    @classmethod
    def through(cls, samples: int, peak: float, other_samples: int, other_peak: float) -> "MemoryRule":
        """The line through two measurements of different sizes; where noise makes it fall, the larger peak holds.

        Raises:
            ValueError: if both were measured with the same number of samples.
        """
        if samples == other_samples:
            raise ValueError(f"two measurements with {samples} samples each say nothing about other numbers")
        slope = (peak - other_peak) / (samples - other_samples)
        if slope <= 0:
            return cls(max(peak, other_peak), 0.0)
        fixed = peak - slope * samples
        # Without a sample memory cannot be below zero: then activations are all there is.
        return cls(fixed, slope) if fixed >= 0 else cls(0.0, max(peak / samples, other_peak / other_samples))

    def peak(self, samples: int) -> float:
        """Bytes with this many samples at a time."""
        return self.fixed + self.per_sample * samples


def micro_batch_counts(batch: int) -> list[int]:
    """Every number of equal parts a batch can be processed in, rising: its divisors."""
    return [parts for parts in range(1, batch + 1) if batch % parts == 0]


def next_micro_batches(batch: int, now: int) -> int | None:
    """The next larger number of equal parts, None if samples are processed one by one already."""
    return next((parts for parts in micro_batch_counts(batch) if parts > now), None)


def fewest_micro_batches(batch: int, rule: MemoryRule, limit: float, above: int = 0) -> int | None:
    """The fewest parts, more than `above`, with which a batch stays within `limit` bytes; None if none do."""
    return next((p for p in micro_batch_counts(batch) if p > above and rule.peak(batch // p) <= limit), None)


def mean_step(with_content: Sequence[float], without: Sequence[float], every: int) -> float:
    """Mean seconds of a step over a cycle in which every n-th step has the content loss."""
    if every == 1 or not without:
        return fmean(with_content)
    return (fmean(with_content) + (every - 1) * fmean(without)) / every


def step_seconds(work: float, loading: float, workers: int, threads: int, cores: int) -> float:
    """Seconds a step takes with its loader.

    Args:
        work: seconds of the step alone, pairs and both passes.
        loading: seconds the loader alone takes for a batch, all its processes together.
        workers: loader processes; with none of them loading and training take turns.
        threads: cores the step keeps busy: of a CPU all its threads, with a GPU one.
        cores: of the machine.
    """
    if not workers:
        return work + loading
    loader_cores = min(workers, cores)
    shared = (work * min(threads, cores) + loading * loader_cores) / cores
    return max(work, loading, shared)


def validations(steps: int, every: int) -> int:
    """How often a stage validates: every so many steps and after the last one."""
    return steps // every + bool(steps % every)


def in_words(seconds: float) -> str:
    """A duration as people say it: `4.2 s`, `12 min`, `3 h 20 min`, `12 d 4 h`."""
    if seconds < 10:
        return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds:.2g} s"
    for size, unit, small, small_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if seconds >= size - small / 2:
            large, rest = divmod(round(seconds / small), size // small)
            return f"{large} {unit}" + (f" {rest} {small_unit}" if rest else "")
    return f"{round(seconds / 60)} min" if seconds >= 89.5 else f"{seconds:.0f} s"
