from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    """The checkpoints of an empty torch hub cache."""
    (tmp_path / "checkpoints").mkdir()
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    return tmp_path / "checkpoints"


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
