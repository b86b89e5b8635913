"""Time that a piece of work takes, the first time not counted, and the figures made of it."""

import statistics
from collections.abc import Callable, Mapping

from linecolor.experiment.preflight.meter import now


def seconds_of(work: Callable[[], object], repeats: int, clock: Callable[[], float] = now) -> list[float]:
    """Each of `repeats` times, the work of a GPU included."""
    seconds = []
    for _ in range(repeats):
        began = clock()
        work()
        seconds.append(clock() - began)
    return seconds


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    """The median of `repeats` times, after one to warm up."""
    work()
    return statistics.median(seconds_of(work, repeats))


def show(figures: Mapping[str, float]) -> None:
    """Print a figure a line."""
    for name, figure in figures.items():
        print(f"{name:28}{figure:12.4f}")
