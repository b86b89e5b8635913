import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, default_collate

from datamodules.datamodule import LineArtDataModule
from datamodules.illustrations import Illustrations, KeyedBatches, read_page
from datamodules.pair_settings import PairSettings
from datamodules.pairs import PairSynthesizer
from datamodules.sources.drawing import Drawing
from datamodules.sources.folder import scan_folder
from linecolor.images import write_png
from linecolor.lineart import lines, outlines, torch_lines
from linecolor.lineart.lines import grey_uint8
from linecolor.lineart.methods import METHODS, REAL_CODE

SIDE = 64
XDOG, DILATE, OUTLINE, GREY = (METHODS[name].code for name in ("xdog", "dilate", "outline", "grey"))


@pytest.fixture(scope="module")
def drawings(picture_folder):
    return scan_folder(picture_folder / "color", picture_folder / "line", test_share=0.0, progress=False).drawings


def illustrations(drawings, name="rich"):
    return Illustrations(drawings, PairSettings.named(name), SIDE, 0, "draft")


def samples(drawings, workers: int, batch_size: int) -> dict:
    """Synthesized samples of one epoch and a half by (epoch, id)."""
    dataset = illustrations(drawings)
    order = KeyedBatches([d.id for d in drawings], batch_size, 16 // batch_size, 0, "draft")
    loader = DataLoader(dataset, batch_sampler=order, num_workers=workers)
    synthesizer = PairSynthesizer(dataset.pairs, "watershed")
    found: dict = {}
    for batch in loader:
        made = synthesizer(batch)
        for index, name in enumerate(made.sample_id):
            number = sum(1 for known in found if known[0] == name)
            fields = ("line", "color", "draft_line", "draft_color", "hint", "propagated_hints")
            found[name, number] = [getattr(made, field)[index] for field in fields] + [made.artifacts.paste[index]]
    return found


def levels_of(pictures: torch.Tensor) -> torch.Tensor:
    return ((pictures + 1) * 127.5).round().to(torch.uint8)


def equal(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(
        all(torch.equal(a, b) for a, b in zip(one[k], other[k], strict=True)) for k in one
    )


def test_samples_are_the_same_bit_for_bit_with_any_workers_and_batch(drawings):
    reference = samples(drawings, workers=0, batch_size=8)
    assert len(reference) == 16
    assert equal(reference, samples(drawings, workers=2, batch_size=8))
    assert equal(reference, samples(drawings, workers=0, batch_size=1))


@pytest.mark.parametrize("collage_prob", [0.0, 1.0])
def test_a_sample_hangs_on_its_name_and_not_on_its_place(drawings, collage_prob):
    forward, backward = illustrations(drawings), illustrations(drawings[::-1])
    forward.pairs = backward.pairs = replace(forward.pairs, crop=replace(forward.pairs.crop, collage_prob=collage_prob))
    one, other = forward[3, 2], backward[3, len(drawings) - 3]
    assert one["sample_id"] == other["sample_id"]
    assert torch.equal(one["color"], other["color"])
    assert all(torch.equal(one["recipe"][name], other["recipe"][name]) for name in one["recipe"])
    forward.stage = "colorizer"  # each stage sees samples of its own
    assert not torch.equal(forward[3, 2]["recipe"]["hint_positions"], one["recipe"]["hint_positions"])


def batch_of(drawings, name="rich", **recipe):
    dataset = illustrations(drawings, name)
    batch = default_collate([dataset[0, index] for index in range(len(drawings))])
    for field, value in recipe.items():
        batch["recipe"][field] = torch.full_like(batch["recipe"][field], value)
    return batch, PairSynthesizer(dataset.pairs, "none")


def test_shapes_and_ranges(drawings):
    batch, synthesizer = batch_of(drawings)
    made = synthesizer(batch)
    n = len(drawings)
    assert made.line.shape == (n, 1, SIDE, SIDE)
    assert made.color.shape == (n, 3, SIDE, SIDE)
    assert made.draft_line.shape == (n, 1, SIDE // 2, SIDE // 2)
    assert made.hint.shape == (n, 4, SIDE // 2, SIDE // 2)
    assert made.propagated_hints.shape == (n, 0, SIDE // 2, SIDE // 2)
    for tensor in (made.line, made.color, made.draft_line, made.draft_color, made.hint):
        assert -1 <= tensor.min() <= tensor.max() <= 1
    assert set(made.hint[:, 3].unique().tolist()) <= {0.0, 1.0}


def test_the_papers_pairs_are_plain_crops_of_the_picture(drawings):
    batch, synthesizer = batch_of(drawings, "paper")
    made = synthesizer(batch)
    assert torch.equal(levels_of(made.color), batch["color"])
    page = batch["color"][0].permute(1, 2, 0).numpy()
    recipe = batch["recipe"]
    method, sigma, kernel = (int(recipe[name][0]) for name in ("line_method", "line_sigmas", "line_kernels"))
    expected = lines.dilate_abs_sub(page, [4, 5][kernel]) if method else lines.xdog(page, [0.3, 0.4, 0.5][sigma])
    np.testing.assert_array_equal(levels_of(made.line[0, 0]).numpy(), expected)


def test_a_real_line_is_used_where_there_is_one_and_the_fallback_drawn_elsewhere(drawings):
    batch, synthesizer = batch_of(drawings, "paper", line_method=REAL_CODE, line_fallback=DILATE, line_kernels=0)
    assert batch["has_line"].all()
    assert torch.equal(levels_of(synthesizer(batch).line), batch["line"])
    batch["has_line"] = torch.zeros_like(batch["has_line"])
    assert torch.equal(levels_of(synthesizer(batch).line), torch_lines.dilate_abs_sub(batch["color"], 4))


def test_an_outline_is_taken_from_the_colour(drawings):
    batch, synthesizer = batch_of(drawings, "paper", line_method=OUTLINE)
    expected = [outlines.outline(color.permute(1, 2, 0).numpy()) for color in batch["color"]]
    np.testing.assert_array_equal(levels_of(synthesizer(batch).line)[:, 0].numpy(), np.stack(expected))


def test_comic_pairs_are_real_lines_or_outlines_in_the_colours_of_the_page(drawings):
    dataset = illustrations(drawings, "comic")
    batch = default_collate([dataset[epoch, 0] for epoch in range(16)])
    synthesizer = PairSynthesizer(dataset.pairs, "none")
    made = synthesizer(batch)
    batch["color"][batch["recipe"]["flip"]] = batch["color"][batch["recipe"]["flip"]].flip(-1)
    assert torch.equal(levels_of(made.color), batch["color"])
    assert set(batch["recipe"]["line_method"].tolist()) == {OUTLINE, REAL_CODE}
    assert not made.hint.any()
    batch["has_line"].zero_()
    assert set(levels_of(synthesizer(batch).line).unique().tolist()) == {0, 255}


def test_a_grey_picture_has_the_luma_of_the_colour_it_comes_with(drawings):
    """Under another paper and in spite of jitter too: what is learned is chroma for a given luma."""
    changes = {"line_method": GREY, "jitter": 0.7, "background_on": True, "background": 40.0, "hue": 0.2}
    batch, synthesizer = batch_of(drawings, "paper", **changes)
    made = synthesizer(batch)
    expected = [grey_uint8(color.permute(1, 2, 0).numpy()) for color in levels_of(made.color)]
    np.testing.assert_array_equal(levels_of(made.line)[:, 0].numpy(), np.stack(expected))


def test_grey_pictures_leave_the_other_samples_of_a_batch_alone(drawings):
    batch, synthesizer = batch_of(drawings, "paper", line_method=XDOG, jitter=0.7)
    alone = synthesizer(batch).line
    batch["recipe"]["line_method"][::2] = GREY
    together = synthesizer(batch).line
    assert torch.equal(together[1::2], alone[1::2])
    assert not torch.equal(together[::2], alone[::2])


def test_geometry_moves_colour_and_line_together(drawings):
    batch, synthesizer = batch_of(drawings, "rich", line_method=REAL_CODE, jitter=1, background_on=False, hue=0)
    batch["recipe"]["saturation"].fill_(1)
    batch["recipe"]["gamma"].fill_(1)
    made = synthesizer(batch)
    # The drawings' outlines are black in the colour picture: ink in the line must be dark there.
    ink = (made.line < -0.9).expand(-1, 3, -1, -1)
    assert made.color[ink].mean() < -0.8
    assert (made.color.amax(1, keepdim=True) < -0.9)[made.line > 0.9].float().mean() < 0.01


def test_the_background_changes_paper_and_nothing_else(drawings):
    batch, synthesizer = batch_of(drawings, "paper", background_on=True, background=40.0)
    made = synthesizer(batch)
    alpha = batch["alpha"].float() / 255
    paper, drawing = (alpha == 0).expand(-1, 3, -1, -1), (alpha == 1).expand(-1, 3, -1, -1)
    assert levels_of(made.color[paper]).unique().tolist() == [40]
    truth = batch["color"].float() / 127.5 - 1
    assert torch.allclose(made.color[drawing], truth[drawing], atol=1e-6)


def test_a_background_of_several_areas_has_the_colour_of_the_nearest_centre(drawings):
    batch, synthesizer = batch_of(drawings, "paper", background_on=True, background=40.0, background_areas=2)
    recipe = batch["recipe"]
    recipe["background_centres"][:, :2] = torch.tensor([[0.5, 0.25], [0.5, 0.75]])  # (y, x): left and right
    recipe["background_others"][:, 1] = 90.0
    made = synthesizer(batch)
    paper = (batch["alpha"] == 0).expand(-1, 3, -1, -1)
    half = paper.shape[-1] // 2
    levels = levels_of(made.color)
    assert levels[..., :half][paper[..., :half]].unique().tolist() == [40]
    assert levels[..., half:][paper[..., half:]].unique().tolist() == [90]


def test_jitter_leaves_paper_white_and_lightens_ink(drawings):
    batch, synthesizer = batch_of(drawings, "paper", jitter=0.7, line_method=XDOG)
    made = synthesizer(batch)
    assert made.line.max() == 1
    assert made.line.min().item() == pytest.approx(-0.4, abs=1e-6)


def test_recolouring_keeps_black_and_white(drawings):
    batch, synthesizer = batch_of(drawings, "paper", hue=0.3, saturation=1.3, gamma=1.2)
    made = synthesizer(batch)
    before = batch["color"].float() / 127.5 - 1
    for extreme in (-1.0, 1.0):
        pure = (before == extreme).all(1, keepdim=True).expand(-1, 3, -1, -1)
        assert torch.allclose(made.color[pure], before[pure], atol=0.01)
    assert (made.color - before).abs().max() > 0.3


def test_a_data_module_needs_nothing_but_a_folder(picture_folder):
    data = LineArtDataModule(picture_folder / "color", resolution=SIDE, steps=2, validation_drawings=0)
    batches = list(data.train_dataloader())
    assert [len(batch["sample_id"]) for batch in batches] == [8, 8]
    assert data.on_after_batch_transfer(batches[0], 0).line.shape == (8, 1, SIDE, SIDE)
    assert data.val_dataloader() == []


def test_the_order_is_a_permutation_every_epoch_whatever_the_world_size_that_can_share_a_batch():
    names = [f"n{i}" for i in range(12)]
    alone = [p for batch in KeyedBatches(names, 4, 6, 7, "draft") for p in batch]
    assert sorted(alone[:12]) == [(0, i) for i in range(12)]
    assert sorted(alone[12:]) == [(1, i) for i in range(12)]
    assert [i for _, i in alone[:12]] != [i for _, i in alone[12:]]
    for world in (2, 4):
        ranks = [list(KeyedBatches(names, 4, 6, 7, "draft", rank=r, world_size=world)) for r in range(world)]
        for step in range(6):
            together = {position for rank in ranks for position in rank[step]}
            assert together == set(alone[step * 4 : step * 4 + 4])
    with pytest.raises(ValueError, match="batch_size 3 cannot be shared by 2 devices"):
        KeyedBatches(names, 3, 1, 0, "draft", world_size=2)


def test_the_order_continues_where_it_stopped_whatever_the_kind_of_its_names():
    names = [f"n{i}" for i in reversed(range(7))]
    whole = list(KeyedBatches(tuple(names), 3, 10, 0, "draft"))
    assert list(KeyedBatches(names, 3, 10, 0, "draft")) == whole
    rest = KeyedBatches(names, 3, 10, 0, "draft", consumed=12)
    assert list(rest) == whole[4:]
    assert len(rest) == 6


def test_a_picture_that_breaks_under_way_is_named_and_replaced(tmp_path, picture_folder, caplog):
    root = tmp_path / "copy"
    shutil.copytree(picture_folder / "color", root)
    drawings = scan_folder(root, test_share=0.0, progress=False).drawings
    drawings[4].color.write_bytes(b"\x89PNG broken")
    dataset = illustrations(drawings)
    first, second = dataset[0, 4], dataset[0, 4]
    assert first["sample_id"] != drawings[4].id
    assert first["sample_id"] == second["sample_id"]
    assert sum(drawings[4].color.name in message for message in caplog.messages) == 1


def test_opaque_pictures_get_their_foreground_from_white_paper(tmp_path):
    page = np.full((40, 40, 3), 255, np.uint8)
    cv2.circle(page, (20, 20), 10, (200, 30, 30), -1)
    write_png(tmp_path / "a.png", page)
    alpha = read_page(Drawing("a", tmp_path / "a.png", None, "train", "a")).alpha
    assert alpha[20, 20] == 255
    assert alpha[0, 0] == 0
