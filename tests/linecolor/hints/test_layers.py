import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from linecolor.hints import layers, torch_hints

RED, BLUE = (250, 10, 20), (20, 30, 240)


def empty(height: int, width: int) -> np.ndarray:
    return np.zeros((height, width, 4), np.uint8)


def test_painted_places_are_counted_and_what_touches_is_one():
    layer = empty(9, 9)
    assert layers.count_painted(layer) == 0
    layer[1:3, 1:3] = layer[3, 3] = layer[8, 0] = (*RED, 255)
    layer[0, 8, 3] = layers.HINT_ALPHA
    layer[5, 5, 3] = layers.HINT_ALPHA - 1
    assert layers.count_painted(layer) == 3


@given(st.integers(8, 80), st.integers(8, 80), st.integers(2, 8), st.integers(2, 8), st.integers(0, 2**32 - 1))
def test_a_one_pixel_stroke_survives_any_reduction(height, width, new_height, new_width, seed):
    layer = empty(height, width)
    random = np.random.default_rng(seed)
    y, x = int(random.integers(height)), int(random.integers(width))
    layer[y, x] = (*RED, 255)
    grid = layers.reduce_layer(layer, (new_height, new_width))
    assert (grid[..., 3] > 0).sum() == 1
    assert tuple(grid[y * new_height // height, x * new_width // width]) == (*RED, 255)


@pytest.mark.parametrize(
    ("painted", "cell"),
    [
        ([(200, 0, 0, 255), (0, 0, 200, 85)], (150, 0, 50, 255)),
        ([(*RED, 255), (*BLUE, 0)], (*RED, 255)),  # transparent pixels with colour do not bleed in
        ([(200, 0, 0, layers.HINT_ALPHA - 1)], (0, 0, 0, 0)),  # the faint rim of a brush is no hint
    ],
)
def test_colours_of_one_cell_are_weighted_by_their_alpha(painted, cell):
    layer = empty(4, 4)
    layer[0, : len(painted)] = painted
    assert tuple(layers.reduce_layer(layer, (1, 1))[0, 0]) == cell


def test_convention_alpha_is_1_where_there_is_a_hint_and_rgb_0_elsewhere():
    grid = empty(2, 2)
    grid[0, 1] = (255, 0, 127, 255)
    read = layers.to_network(grid)
    assert read.shape == (4, 2, 2)
    np.testing.assert_allclose(read[:, 0, 1], [1, -1, 127 / 127.5 - 1, 1], atol=1e-6)
    assert not read[:, 1].any()
    assert not read[:, 0, 0].any()


def test_the_painted_layer_must_be_rgba():
    with pytest.raises(ValueError, match="RGBA"):
        layers.reduce_layer(np.zeros((4, 4, 3), np.uint8), (2, 2))


# --- hints painted for training -------------------------------------------------------------------------------


def candidates(batch: int, count: int, trail: int = 4, seed: int = 0) -> tuple[torch.Tensor, ...]:
    random = np.random.default_rng(seed)
    start = random.random((batch, count, 1, 2))
    positions = np.clip(start + random.normal(0, 0.02, (batch, count, trail, 2)).cumsum(2), 0, 0.999)
    dabs = random.integers(1, trail + 1, (batch, count))
    sides = random.integers(1, 4, (batch, count))
    return torch.from_numpy(positions).float(), torch.from_numpy(dabs), torch.from_numpy(sides)


def scene(batch: int = 2, side: int = 48) -> tuple[torch.Tensor, torch.Tensor]:
    line = np.full((side, side), 255, np.uint8)
    cv2.circle(line, (side // 2, side // 2), side // 3, 0, 2)
    color = np.full((side, side, 3), BLUE, np.uint8)
    cv2.circle(color, (side // 2, side // 2), side // 3, RED, -1)
    lines = torch.from_numpy(line)[None, None].repeat(batch, 1, 1, 1)
    return lines, torch.from_numpy(color.transpose(2, 0, 1).copy())[None].repeat(batch, 1, 1, 1)


@given(st.integers(0, 2**32 - 1), st.integers(0, 30))
def test_no_hint_lies_on_ink_and_each_has_the_colour_of_its_place(seed, count):
    line, color = scene()
    hint = torch_hints.paint(line, color, *candidates(2, 80, seed=seed), torch.tensor([count, 5]))
    painted = hint[:, 3] > 0
    assert not (painted & (line[:, 0] < 128)).any()
    difference = (hint[:, :3].float() - color.float()).abs().amax(1)
    assert (difference[painted] <= 1).all()
    assert not hint[:, :3].permute(0, 2, 3, 1)[~painted].any()
    assert painted[0].any() == (count > 0)


def test_fewer_hints_are_the_first_of_many():
    line, color = scene(1)
    made = candidates(1, 80)
    few, many = (torch_hints.paint(line, color, *made, torch.tensor([n])) for n in (4, 20))
    assert ((few[:, 3] > 0) <= (many[:, 3] > 0)).all()
    assert (many[:, 3] > 0).sum() > (few[:, 3] > 0).sum()


def test_hints_of_a_sample_do_not_depend_on_its_batch():
    line, color = scene(3)
    made = candidates(3, 60)
    together = torch_hints.paint(line, color, *made, torch.tensor([3, 9, 0]))
    for index in range(3):
        one = slice(index, index + 1)
        alone = torch_hints.paint(line[one], color[one], *(m[one] for m in made), torch.tensor([3, 9, 0])[one])
        assert torch.equal(together[one], alone)


def test_a_page_full_of_ink_gets_no_hints():
    line, color = scene(1)
    assert not torch_hints.paint(torch.zeros_like(line), color, *candidates(1, 40), torch.tensor([9])).any()


def test_both_paths_read_hints_alike():
    line, color = scene(1)
    hint = torch_hints.paint(line, color, *candidates(1, 40), torch.tensor([12]))
    grid = hint[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(torch_hints.to_network(hint)[0].numpy(), layers.to_network(grid), atol=1e-6)


# --- hints given as points ------------------------------------------------------------------------------------


@given(st.integers(10, 300), st.integers(10, 300), st.data())
def test_a_point_lands_in_the_cells_a_painted_box_would(height, width, data):
    grid = (max(1, height // 4), max(1, width // 4))
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    side = max(1, round(3 * min(height, width) / 256))
    layer = empty(height, width)
    top, left = y - side // 2, x - side // 2
    layer[max(0, top) : top + side, max(0, left) : left + side] = (*RED, 255)
    placed = layers.place_points([(x, y, RED)], (height, width), grid)
    np.testing.assert_array_equal(placed, layers.reduce_layer(layer, grid))


def test_a_colour_may_be_written_as_in_html():
    placed = layers.place_points([(5, 5, "#0A64fF")], (10, 10), (10, 10))
    assert placed[5, 5].tolist() == [10, 100, 255, 255]


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ((10, 5, RED), "outside the line of 10 x 20"),
        ((-1, 5, RED), "outside"),
        ((1, 2, (0, 0, 300)), "from 0 to 255"),
        ((1, 2, "red"), "no hint"),
        ((1, 2, (0.5, 0.2, 1.0)), "whole numbers"),
        ((1, 2), "no hint"),
        ((float("nan"), 2, RED), "no hint"),
        ((float("inf"), 2, RED), "no hint"),
        (7, "no hint"),
    ],
)
def test_what_is_no_point_is_named(point, message):
    with pytest.raises(ValueError, match=message):
        layers.place_points([point], (20, 10), (10, 5))


def test_a_layer_is_read_alike_in_bands(monkeypatch):
    random = np.random.default_rng(0)
    layer = random.integers(0, 256, (90, 40, 4)).astype(np.uint8)
    whole = layers.reduce_layer(layer, (17, 9))
    monkeypatch.setattr(layers, "BAND_PIXELS", 100)
    np.testing.assert_array_equal(layers.reduce_layer(layer, (17, 9)), whole)


@pytest.mark.parametrize("shape", [(100, 200), (50, 100), (33, 67), (200, 400), (1, 2)])
def test_a_layer_of_the_pages_shape_fits_at_any_scale(shape):
    layers.check_layer(np.zeros((*shape, 4), np.uint8), (100, 200))


def test_a_layer_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="the hint layer is 100 x 200 and the line 200 x 100"):
        layers.check_layer(np.zeros((200, 100, 4), np.uint8), (100, 200))
