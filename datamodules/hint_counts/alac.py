"""AlacGAN's number of hints (Ci et al. 2018): mean 65."""

from numpy.random import Generator


def draw(random: Generator, stage: str, empty: bool, least: int, most: int) -> int:
    """The cells of mask = U >= t on a 128 x 128 grid, t ~ N(1, 0.005) truncated to [0, 1]."""
    count = max(1, random.binomial(128 * 128, min(1.0, abs(random.normal(0, 0.005)))))
    return 0 if empty else count
