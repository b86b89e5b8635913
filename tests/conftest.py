"""One thread a process: on two busy cores, threads that wait for each other cost more than they compute."""

import fcntl
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("WANDB_MODE", "offline")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")
cv2.setNumThreads(1)


def make_drawing(seed: int, side: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """A small cartoon: RGBA colour (side, side, 4) and its line (side, side), both uint8."""
    random = np.random.default_rng(seed)
    color = np.zeros((side, side, 4), np.uint8)
    line = np.full((side, side), 255, np.uint8)
    for _ in range(3):
        centre = tuple(int(v) for v in random.integers(side // 4, 3 * side // 4, 2))
        radius = int(random.integers(side // 8, side // 4))
        paint = tuple(int(v) for v in random.integers(90, 256, 3))
        cv2.circle(color, centre, radius, (*paint, 255), -1)
        cv2.circle(color, centre, radius, (0, 0, 0, 255), 3)
        cv2.circle(line, centre, radius, 255, -1)
        cv2.circle(line, centre, radius, 0, 3)
    return color, line


@pytest.fixture(scope="session")
def made_once(tmp_path_factory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Folders by name, each filled by whichever of the suite's processes needs it first; nobody else writes there."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def folder(name: str, fill: Callable[[Path], object]) -> Path:
        whole = base / f"{name}.whole"
        with (base / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not whole.exists():
                (base / name).mkdir(exist_ok=True)
                fill(base / name)
                whole.touch()
        return base / name

    return folder


@pytest.fixture(scope="session")
def picture_folder(made_once) -> Path:
    """Ten small drawings with transparent paper, and their real lines in a parallel folder beside them."""
    from linecolor.images import write_png

    def draw(root: Path) -> None:
        for index in range(10):
            color, line = make_drawing(index)
            write_png(root / "color" / f"drawing{index}.png", color)
            write_png(root / "line" / f"drawing{index}.png", line)

    return made_once("pictures", draw)
