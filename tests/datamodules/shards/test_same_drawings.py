"""The promise: shards give the very same batches and drawings as the folder that they were made from."""

import pickle

import numpy as np
import pytest
import torch

from datamodules.datamodule import LineArtDataModule
from datamodules.held_out import FullDrawings, readable
from datamodules.illustrations import read_page
from datamodules.shards.drawings import load_shards
from datamodules.sources.drawing import ids_of, of_split
from tests.datamodules.shards.small_sets import LICENCE, scan

pytestmark = pytest.mark.slow


def batches(drawings, workers: int, consumed: int = 0) -> list[dict]:
    data = LineArtDataModule(drawings, "rich", 64, "none", "draft", 3, 8, 5, workers, validation_drawings=0)
    data.consumed = consumed
    return list(data.train_dataloader())


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("consumed", [0, 12])
def test_folder_and_shards_give_identical_batches_also_after_a_resume(mixed_folder, place, workers, consumed):
    # Header only, so that the broken picture is met in training and another takes its place: the same one.
    loose = scan(mixed_folder, "header")
    folder = batches(loose, 0, consumed)
    drawings = load_shards(place).drawings
    read_page(drawings[0])  # the parent has files and connections open when its workers are forked
    sharded = batches(drawings, workers, consumed)
    assert len(folder) == len(sharded) == 8 - consumed // 3
    assert 12 % len(of_split(loose, "train")) != 0, "the resume must fall into the middle of an epoch"
    for one, other in zip(folder, sharded):
        assert one.pop("sample_id") == other.pop("sample_id")
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_folder_and_shards_give_identical_held_out_drawings(mixed_folder, place):
    loose = FullDrawings(readable(of_split(scan(mixed_folder), "test"), 10))
    sharded = FullDrawings(readable(of_split(load_shards(place).drawings, "test"), 10))
    assert len(loose) == len(sharded) > 0
    for one, other in zip(loose, sharded):
        assert one.name == other.name
        for field in ("line", "color", "foreground"):
            assert np.array_equal(getattr(one, field), getattr(other, field))


def test_shards_remember_split_base_and_licence(mixed_folder, shards):
    loose = scan(mixed_folder, "header")
    found = load_shards(str(shards))
    assert [(d.id, d.split, d.base, d.line is None) for d in found.drawings] == [
        (d.id, d.split, d.base, d.line is None) for d in loose
    ]
    assert found.licence == LICENCE


def test_a_table_of_drawings_is_the_same_in_parts(shards):
    drawings = load_shards(str(shards)).drawings
    listed = list(drawings)
    for split in ("train", "test"):
        part = of_split(drawings, split)
        assert ids_of(part) == ids_of(of_split(listed, split))
        assert [d.id for d in part] == ids_of(part)
    assert [d.id for d in drawings[1:4]] == [d.id for d in listed[1:4]]
    assert drawings[-1].id == listed[-1].id
    with pytest.raises(IndexError):
        drawings[len(listed)]


def test_drawings_travel_to_spawned_workers(place):
    drawings = load_shards(place).drawings
    page = read_page(drawings[0])
    there = pickle.loads(pickle.dumps(drawings))
    assert np.array_equal(read_page(there[0]).color, page.color)
