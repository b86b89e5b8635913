"""How many hints a training sample gets: one function a distribution, chosen by its name in `pairs.hints.count`.

Each gives the hints of a sample, 0 for none; `empty` says that the sample is one of those without (`no_hint_prob`).
It must draw the same numbers from `random` either way, for the places of the hints come from the same stream. What is
not 0 is cut to [least, most] afterwards.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

HintCount = Callable[[Generator, str, bool, int, int], int]


def alac(random: Generator, stage: str, empty: bool, least: int, most: int) -> int:
    """AlacGAN's (Ci et al. 2018), mean 65: cells of U >= t on a 128 x 128 grid, t ~ N(1, 0.005) truncated to [0, 1]."""
    count = max(1, random.binomial(128 * 128, min(1.0, abs(random.normal(0, 0.005)))))
    return 0 if empty else count


def authors(random: Generator, stage: str, empty: bool, least: int, most: int) -> int:
    """Of the later public code of Lee & Lee 2020's first author; the colorizer always has U{28..128}.

    16 % one to five, else U{5..32} to U{42..65}; the 24 % of none are `no_hint_prob`.
    """
    if stage == "colorizer":
        return int(random.integers(28, 129))
    few = random.random() < 0.16 / (1 - 0.24)
    count = random.integers(1, 6) if few else random.integers(random.integers(5, 33), random.integers(42, 66))
    return 0 if empty else int(count)


def log_uniform(random: Generator, stage: str, empty: bool, least: int, most: int) -> int:
    """Between `least` and `most`, each doubling as likely as another."""
    count = round(np.exp(random.uniform(np.log(least), np.log(most))))
    return 0 if empty else count


HINT_COUNTS: dict[str, HintCount] = {"alac": alac, "authors": authors, "log_uniform": log_uniform}
