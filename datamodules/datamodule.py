"""LineArtDataModule: training crops with recipes, pairs made after the transfer, held-out drawings whole."""

import atexit
import os
import signal
from collections.abc import Sequence
from functools import partial
from multiprocessing.sharedctypes import RawValue
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch.utils.data import DataLoader, Subset, get_worker_info

from datamodules.held_out import full_drawings, readable
from datamodules.illustrations import Illustrations, KeyedBatches
from datamodules.pair_settings import PairSettings
from datamodules.pairs import PairSynthesizer
from datamodules.shards.drawings import is_sharded, load_shards
from datamodules.sources.drawing import Drawing, ids_of, of_split
from datamodules.sources.folder import scan_folder
from linecolor.samples import FullDrawing, LineArtBatch


class LineArtDataModule(L.LightningDataModule):
    """The data of one training stage.

    A training batch leaves the loader as uint8 crops and recipes and becomes a `LineArtBatch` on the device; a
    validation batch is one `FullDrawing`.

    Args:
        drawings: the drawings of the data set, both splits; or where they are, a folder or shards.
        pairs: how a picture becomes a pair; or the name of a file of conf/pairs.
        resolution: side S of a training crop in pixels; the draft sees S / 2.
        hint_spread: one of `propagation.EXTRA_CHANNELS`.
        stage: name of the training stage; two stages see different crops of the same pictures.
        batch_size: samples of a training step, all devices and micro-batches together.
        steps: training steps of the whole stage.
        seed: of the run.
        workers: loader processes.
        validation_drawings: how many held-out drawings a validation measures.

    Raises:
        ValueError: no training drawings, or none at all; unknown pairs.
    """

    def __init__(
        self,
        drawings: Sequence[Drawing] | str | Path,
        pairs: PairSettings | str = "rich",
        resolution: int = 256,
        hint_spread: str = "none",
        stage: str = "draft",
        batch_size: int = 8,
        steps: int = 1000,
        seed: int = 0,
        workers: int = 0,
        validation_drawings: int = 8,
    ) -> None:
        super().__init__()
        if isinstance(drawings, str | Path):
            root = str(drawings)
            drawings = load_shards(root).drawings if is_sharded(root) else scan_folder(root, progress=False).drawings
        pairs = PairSettings.named(pairs) if isinstance(pairs, str) else pairs
        self.training_drawings = of_split(drawings, "train")
        self.test_drawings = of_split(drawings, "test")
        if not self.training_drawings:
            raise ValueError("the data set has no training drawings: every picture went to the test split")
        self.pairs = pairs
        self.resolution = resolution
        self.stage = stage
        self.batch_size = batch_size
        self.steps = steps
        self.seed = seed
        self.workers = workers
        self.validation_drawings = validation_drawings
        self.consumed = 0
        self.synthesizer = PairSynthesizer(pairs, hint_spread)

    def train_dataloader(self) -> DataLoader:
        """Batches of crops and recipes, from the sample where an interrupted run stopped."""
        rank, world_size = self._place()
        dataset = Illustrations(self.training_drawings, self.pairs, self.resolution, self.seed, self.stage)
        names = ids_of(self.training_drawings)
        order = KeyedBatches(names, self.batch_size, self.steps, self.seed, self.stage, self.consumed, rank, world_size)
        return DataLoader(
            dataset,
            batch_sampler=order,
            num_workers=self.workers,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=False,
            prefetch_factor=4 if self.workers else None,
            worker_init_fn=partial(_prepare_worker, _ending),
        )

    def val_dataloader(self) -> DataLoader | list[DataLoader]:
        """Held-out drawings one by one, shared out over the devices without padding: no picture counts twice."""
        if not self.validation_drawings:
            return []
        rank, world_size = self._place()
        drawings = readable(self.test_drawings, self.validation_drawings)
        if len(drawings) < world_size:
            raise ValueError(
                f"{len(drawings)} held-out drawings cannot be shared by {world_size} devices: raise "
                "stage.*.validation_drawings or data.test_share, or set stage.*.validation_drawings=0"
            )
        mine = Subset(full_drawings(drawings, self.pairs.line), range(rank, len(drawings), world_size))
        return DataLoader(mine, batch_size=None, num_workers=0, collate_fn=None)

    def sample_drawings(self, count: int) -> list[FullDrawing]:
        """The first held-out drawings, the same ones through the whole run."""
        return list(full_drawings(readable(self.test_drawings, count), self.pairs.line))

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> LineArtBatch | FullDrawing:
        """Crops and recipes -> pairs, on the device; whole drawings pass."""
        return self.synthesizer(batch) if isinstance(batch, dict) else batch

    def _place(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)


LINGER = 600
"""Seconds a loader process goes on idly after a SIGTERM."""

# Shared with the loader processes: whether this one is about to end, and a SIGTERM is its own.
_ending = RawValue("b", 0)
atexit.register(setattr, _ending, "value", 1)


def _prepare_worker(ending: Any, worker: int) -> None:
    """One thread a worker, and what is sent to the whole group of processes is for training to answer.

    OpenCV and torch would each start as many threads as there are cores, in every worker. Ctrl-C in a terminal, and
    what a cluster sends, reach every process; a worker that died of it would take the step that is under way with it.
    It ends when training does, or when nothing was read for a while since.
    """
    import cv2

    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    info = get_worker_info()
    assert info is not None, "only loader processes are prepared"
    dataset: Any = info.dataset
    read = -1

    def linger(number: int, frame: object) -> None:
        nonlocal read
        if ending.value or (number == signal.SIGALRM and dataset.read == read):
            os._exit(0)
        read = dataset.read
        signal.alarm(LINGER)

    for number in (signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, linger)
