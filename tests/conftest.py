"""One thread a process: on two busy cores, threads that wait for each other cost more than they compute."""

import fcntl
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("WANDB_MODE", "offline")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
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


def run_rank(rank: int, measure: Callable[[int], Any], store: Path, queue: Any) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    queue.put((rank, measure(rank)))
    torch.distributed.destroy_process_group()


@pytest.fixture
def on_two_ranks(tmp_path) -> Callable[[Callable[[int], Any]], list[Any]]:
    """Calls a function of the rank in two processes of one group; what the ranks returned, in order."""

    def run(measure: Callable[[int], Any]) -> list[Any]:
        context = torch.multiprocessing.get_context("fork")
        queue = context.SimpleQueue()
        arguments = [(rank, measure, tmp_path / "store", queue) for rank in (0, 1)]
        processes = [context.Process(target=run_rank, args=args) for args in arguments]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)
            assert process.exitcode == 0
        by_rank = dict(queue.get() for _ in processes)
        return [by_rank[0], by_rank[1]]

    return run


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    """The checkpoints of an empty torch hub cache."""
    (tmp_path / "checkpoints").mkdir()
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    return tmp_path / "checkpoints"
