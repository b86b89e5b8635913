"""Each doubling of the number of hints is as likely as another."""

import numpy as np
from numpy.random import Generator


def draw(random: Generator, stage: str, empty: bool, least: int, most: int) -> int:
    """Between `least` and `most`."""
    count = round(np.exp(random.uniform(np.log(least), np.log(most))))
    return 0 if empty else count
