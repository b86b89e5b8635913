"""The training data set: decode a page, cut the crop, draw the recipe."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import InitVar, dataclass, field
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset, Sampler

from datamodules.crops import PageCrop
from datamodules.pair_settings import PairSettings
from datamodules.recipe import SampleKey, draw, draw_crop, keyed_generator, sample_collage_partners
from datamodules.sources.drawing import Drawing, ids_of
from linecolor import images
from linecolor.arrays import Picture
from linecolor.lineart import foreground, lines

log = logging.getLogger("linecolor")


@dataclass(frozen=True)
class Page:
    """One drawing, decoded at its own size: colour (H, W, 3), line (H, W) or None, foreground alpha (H, W)."""

    drawing: Drawing
    color: Picture
    line: Picture | None
    alpha: Picture


def read_page(drawing: Drawing, flood: bool = True) -> Page:
    """Decode a drawing; what has no alpha channel gets its foreground by flooding the white paper.

    It is blind to the drawing's true background, which must never train. Without `flood`, which takes a third of the
    time, all is foreground.

    Raises:
        images.UnreadableImage: naming the file and why.
    """
    color, alpha = images.read_color(drawing.color)
    line = images.read_line(drawing.line) if drawing.line else None
    if drawing.line and line is not None:
        refuse_other_size(drawing.line, line, color)
    if alpha is None:
        alpha = np.full(color.shape[:2], 255, np.uint8)
        if flood:
            alpha = foreground.foreground(alpha if line is None else line, color).astype(np.uint8) * 255
    return Page(drawing, color, line, alpha)


def refuse_other_size(path: images.PictureSource, grey: Picture, color: Picture) -> None:
    """UnreadableImage if a line or mask (H, W) has another size than its colour picture (H, W, ...)."""
    if grey.shape != color.shape[:2]:
        height, width = grey.shape
        raise images.UnreadableImage(path, f"is {width} x {height} px, its colour picture is another size")


def collage(pages: Sequence[Page], cell: int) -> Page:
    """Four pages, each brought to a square of `cell` pixels with white round it, as one of twice that side.

    It has a line only if all of them do, and the name of the first.
    """
    color = np.full((2 * cell, 2 * cell, 3), 255, np.uint8)
    alpha = np.zeros((2 * cell, 2 * cell), np.uint8)
    line = np.full((2 * cell, 2 * cell), 255, np.uint8)
    for place, page in enumerate(pages):
        scale = cell / max(page.alpha.shape)
        height, width = (max(1, round(side * scale)) for side in page.alpha.shape)
        top, left = (cell * (place // 2) + (cell - height) // 2, cell * (place % 2) + (cell - width) // 2)
        spot = (slice(top, top + height), slice(left, left + width))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        color[spot] = cv2.resize(page.color, (width, height), interpolation=how)
        alpha[spot] = cv2.resize(page.alpha, (width, height), interpolation=how)
        if page.line is not None:
            line[spot] = lines.reduce(page.line, (height, width))
    drawn = all(page.line is not None for page in pages)
    return Page(pages[0].drawing, color, line if drawn else None, alpha)


@dataclass(eq=False)
class Illustrations(Dataset[dict[str, Any]]):
    """Crops and recipes of training drawings, by (epoch, index)."""

    drawings: Sequence[Drawing]  # the training drawings; their ids must differ, for a sample's randomness hangs on them
    pairs: PairSettings  # how crops are cut and recipes drawn
    side: int  # pixels of a crop
    seed: int  # of the run
    stage: str  # name of the training stage; two stages see different crops of the same pictures
    read: int = field(default=0, init=False)  # samples made so far, in this process
    _broken: set[int] = field(default_factory=set, init=False)

    def __len__(self) -> int:
        return len(self.drawings)

    def __getitem__(self, position: tuple[int, int]) -> dict[str, Any]:
        """One sample.

        Returns:
            color (3, S, S) uint8 RGB; alpha (1, S, S) uint8, 255 = drawing, 0 = paper (looked for only where the
            recipes change palette or paper); line (1, S, S) uint8, the
            real line or white; has_line, whether it is real; sample_id; the recipe's arrays as tensors.
        """
        self.read += 1
        epoch, index = position
        page = self._read(epoch, index)
        key = SampleKey(self.seed, self.stage, epoch, page.drawing.id)
        partners = sample_collage_partners(self.pairs.crop, key)
        if partners is not None:
            others = (self._by_name[int(share * len(self._by_name))] for share in partners)
            page = collage([page, *(self._read(epoch, other) for other in others)], self.side)
        crop = PageCrop(*draw_crop(self.pairs.crop, key, page.color.shape[:2], self.side), side=self.side)
        color = crop.picture(page.color)
        white = np.full((self.side, self.side), 255, np.uint8)
        line = white if page.line is None else crop.line(page.line)
        return {
            "color": torch.from_numpy(np.ascontiguousarray(color.transpose(2, 0, 1))),
            "alpha": torch.from_numpy(crop.picture(page.alpha))[None],
            "line": torch.from_numpy(line)[None],
            "has_line": torch.tensor(page.line is not None),
            "sample_id": page.drawing.id,
            "recipe": {name: torch.as_tensor(value) for name, value in draw(self.pairs, key).items()},
        }

    @cached_property
    def _by_name(self) -> list[int]:
        ids = ids_of(self.drawings)
        return sorted(range(len(ids)), key=ids.__getitem__)

    def _read(self, epoch: int, index: int) -> Page:
        """The page, or another in its place: a file that breaks under way must not end a run of days."""
        changes_paper = bool(self.pairs.color.background or self.pairs.color.palette_swap)
        for attempt in range(20):
            if index not in self._broken:
                try:
                    return read_page(self.drawings[index], changes_paper)
                except images.UnreadableImage as unreadable:
                    self._broken.add(index)
                    log.warning("skipped in training: %s", unreadable)
            stream = keyed_generator(self.seed, epoch, self.drawings[index].id, "substitute", attempt)
            index = int(stream.integers(len(self.drawings)))
        complaint = "and 19 others drawn in its place cannot be read: is the folder still there?"
        raise images.UnreadableImage(self.drawings[index].color, complaint)


@dataclass(eq=False)
class KeyedBatches(Sampler[list[tuple[int, int]]]):
    """The order of a training stage: a permutation per epoch that depends on (seed, stage, epoch) alone.

    It has no state but the number of samples consumed, so a run resumes in the middle of an epoch and any number
    of devices goes through the same samples: rank r of w takes every w-th of each global batch.
    """

    names: InitVar[Sequence[str]]  # ids of the drawings
    batch_size: int  # samples of a global batch, all devices together
    batches: int  # number of global batches in the whole stage
    seed: int  # of the run
    stage: str  # name of the training stage
    consumed: int = 0  # samples that an interrupted run has already trained on
    rank: int = 0  # of this process
    world_size: int = 1  # number of processes; must divide the batch

    def __post_init__(self, names: Sequence[str]) -> None:
        if self.batch_size % self.world_size:
            raise ValueError(
                f"batch_size {self.batch_size} cannot be shared by {self.world_size} devices: "
                f"choose a multiple of {self.world_size}"
            )
        # By name, not by place: a folder read in another order gives the same run.
        self._by_name = np.array(sorted(range(len(names)), key=names.__getitem__), np.int64)

    def __len__(self) -> int:
        return max(0, self.batches - self.consumed // self.batch_size)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        epoch = -1
        order = np.empty(0, np.int64)
        first = self.consumed // self.batch_size
        for batch in range(first, self.batches):
            positions = []
            for sample in range(batch * self.batch_size + self.rank, (batch + 1) * self.batch_size, self.world_size):
                wanted, place = divmod(sample, len(self._by_name))
                if wanted != epoch:
                    epoch = wanted
                    order = keyed_generator(self.seed, self.stage, epoch, "order").permutation(self._by_name)
                positions.append((epoch, int(order[place])))
            yield positions
