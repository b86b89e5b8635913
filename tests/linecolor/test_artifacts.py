from dataclasses import fields, replace

import pytest
import torch

from linecolor import artifacts
from linecolor.artifacts import ArtifactRecipe

SIDE = 48


def recipe(batch: int = 1) -> ArtifactRecipe:
    """Everything switched off, with harmless parameters."""
    off = torch.zeros(batch, dtype=torch.bool)
    return ArtifactRecipe(
        paste=torch.tensor([0.25, 0.25, 0.1, 0.75, 0.75, 0.1, 0.0, 0.0]).repeat(batch, 2, 1),
        paste_on=torch.zeros(batch, 2, dtype=torch.bool),
        affine=torch.zeros(batch, 2, 3),
        elastic=torch.zeros(batch, 2, 6, 6),
        distort_on=off,
        spray=torch.tensor([0.5, 0.1, 0.5, 0.9, 2.0]).repeat(batch, 1),
        spray_from=torch.rand(batch, 16, 2, generator=torch.Generator().manual_seed(0)),
        spray_on=off,
        bleed_mask=torch.ones(batch, 1, 6, 6),
        bleed_sigma=torch.full((batch,), 0.03),
        bleed_on=off,
    )


def quarters() -> torch.Tensor:
    """Red upper left, green upper right, blue lower left, white lower right: (1, 3, 48, 48) in [-1, 1]."""
    page = torch.ones(1, 3, SIDE, SIDE)
    half = SIDE // 2
    page[:, 1:, :half, :half] = -1
    page[:, ::2, :half, half:] = -1
    page[:, :2, half:, :half] = -1
    return page


ON = torch.tensor([True])


def test_a_pasted_patch_brings_the_source_colour_to_its_place_only():
    made = replace(recipe(), paste_on=torch.tensor([[True, False]]))
    faulty = artifacts.simulate(quarters(), made)
    changed = (faulty != quarters()).any(1)[0]
    assert torch.equal(faulty[0, :, 36, 36], torch.tensor([1.0, -1.0, -1.0]))
    ys, xs = changed.nonzero().T
    assert 30 <= min(ys.min(), xs.min()) <= max(ys.max(), xs.max()) <= 41


def test_spray_is_strongest_on_its_segment_and_fades():
    made = replace(recipe(), spray_on=ON)
    draft = torch.zeros(1, 3, SIDE, SIDE)
    draft[:, :, :, :4] = torch.tensor([1.0, -1, -1]).view(1, 3, 1, 1)
    draft = artifacts.spray(draft, made.spray, torch.tensor([[[0.9, 0.01]]]), ON)
    red = draft[0, 0, :, SIDE // 2]
    assert red[SIDE // 2] > 0.5
    assert (red[SIDE // 2 :].diff() <= 0).all()
    assert red[-1] < 0.05


def test_spray_takes_the_most_saturated_of_its_places():
    made = recipe()
    places = torch.tensor([[[0.9, 0.9], [0.1, 0.1]]])  # white, red
    sprayed = artifacts.spray(quarters(), made.spray, places, ON)
    assert sprayed[0, 1, SIDE // 2, 30] < 0.1  # green fades where red was sprayed on white


def test_bleeding_softens_borders_and_leaves_the_middle_of_regions():
    bled = artifacts.bleed(quarters(), torch.ones(1, 1, 6, 6), torch.tensor([0.03]), ON)
    assert -0.9 < bled[0, 1, 10, SIDE // 2 - 1] < 0.9
    assert torch.allclose(bled[0, :, 4, 4], quarters()[0, :, 4, 4], atol=0.05)


def test_distortion_moves_but_invents_no_colours():
    moved = artifacts.distort(quarters(), torch.tensor([[[-0.1, 0.1, 0.1], [0.05, -0.1, 0.0]]]), recipe().elastic, ON)
    assert (moved != quarters()).any()
    assert -1 <= moved.min() <= moved.max() <= 1


@pytest.mark.parametrize("switch", ["paste_on", "distort_on", "spray_on", "bleed_on"])
def test_a_sample_does_not_depend_on_its_batch(switch):
    draft = torch.cat([quarters(), quarters().flip(-1), quarters().flip(-2)])
    made = recipe(3)
    made.affine += torch.rand(3, 2, 3, generator=torch.Generator().manual_seed(1)) * 0.1
    chosen = torch.tensor([True, False, True])
    made = replace(made, **{switch: chosen[:, None].expand(3, 2) if switch == "paste_on" else chosen})
    together = artifacts.simulate(draft, made)
    for index in range(3):
        one = slice(index, index + 1)
        alone = artifacts.simulate(
            draft[one], ArtifactRecipe(**{f.name: getattr(made, f.name)[one] for f in fields(made)})
        )
        assert torch.allclose(together[one], alone, atol=1e-6)
    assert torch.equal(together[1], draft[1])
    assert not torch.equal(together[0], draft[0])
