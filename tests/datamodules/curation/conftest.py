import zlib
from collections.abc import Callable

import numpy as np
import pytest

from tests.datamodules.curation.faulty_pictures import MAKERS, broken, encoded
from tests.datamodules.curation.illustrations import Random, good


@pytest.fixture(scope="session")
def faults() -> dict[str, Callable[[int], tuple[bytes, str]]]:
    """Kind -> number -> a file's bytes and suffix; "good", the reasons, and as much variety as numbers."""

    def seeded(kind: str, number: int) -> Random:
        return np.random.default_rng([number, zlib.crc32(kind.encode())])

    def of(kind: str, make: Callable[[Random, int], np.ndarray]) -> Callable[[int], tuple[bytes, str]]:
        return lambda number: encoded(seeded(kind, number), make(seeded(kind, number), number))

    makers = {kind: of(kind, make) for kind, make in MAKERS.items()}
    makers["good"] = of("good", lambda random, number: good(number))
    makers["unreadable"] = lambda number: broken(seeded("unreadable", number), number)
    return makers
