"""The number of hints in the later public code of Lee & Lee 2020's first author."""

from numpy.random import Generator


def draw(random: Generator, stage: str, empty: bool, least: int, most: int) -> int:
    """16 % one to five, else U{5..32} to U{42..65}; the 24 % of none are `no_hint_prob`.

    The colorizer always has U{28..128}.
    """
    if stage == "colorizer":
        return int(random.integers(28, 129))
    few = random.random() < 0.16 / (1 - 0.24)
    count = random.integers(1, 6) if few else random.integers(random.integers(5, 33), random.integers(42, 66))
    return 0 if empty else int(count)
