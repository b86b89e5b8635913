"""Which area a hint belongs to, at the page's own size."""

import numpy as np
import pytest

from linecolor.hints.layers import reduce_layer
from linecolor.rendering.blending import BlendGuide, blend, color_layer
from linecolor.rendering.small_areas import small_areas

BLUE, RED = (20, 40, 200), (200, 30, 40)
SIZE, CELL = 512, 4.0


def page(*boxes: tuple[int, int, int]) -> np.ndarray:
    """Closed boxes of (top, left, side) with walls of three pixels."""
    line = np.full((SIZE, SIZE), 255, np.uint8)
    for top, left, side in boxes:
        line[top - 3 : top + side + 3, left - 3 : left + side + 3] = 0
        line[top : top + side, left : left + side] = 255
    return line


def painted(*dabs: tuple[int, int, int, int, tuple]) -> np.ndarray:
    layer = np.zeros((SIZE, SIZE, 4), np.uint8)
    for top, left, height, width, color in dabs:
        layer[top : top + height, left : left + width] = (*color, 255)
    return layer


def areas(line, hints):
    return small_areas(line, hints, reduce_layer(hints, (64, 64)), CELL)


def test_a_small_closed_area_is_filled_to_its_walls_in_any_blend_band_and_layer():
    line = page((200, 200, 12))
    patches, shown = areas(line, painted((204, 204, 4, 4, BLUE)))
    assert not shown[..., 3].any(), "the networks would see it on both sides of the wall"
    (patch,) = patches
    assert patch.mask.sum() >= 12 * 12
    guide, color = BlendGuide(None, patches), np.full((128, 128, 3), 90, np.uint8)
    for rows in (1, 7, 512):
        full = blend(line, color, "clean", guide, band_rows=rows)
        assert (full[200:212, 200:212] == BLUE).all()
        assert (full[190:196, 190:220] == 90).all()
    assert (color_layer(line, color, guide)[200:212, 200:212] == BLUE).all()
    assert (blend(line, color, "none", guide)[200:212, 200:212] == BLUE).all()


def test_a_larger_or_open_area_is_left_to_the_networks():
    line = page((200, 200, 12), (300, 300, 100))
    line[200:212, 212:220] = 255  # a gap
    hints = painted((204, 204, 4, 4, BLUE), (340, 340, 8, 8, RED))
    patches, shown = areas(line, hints)
    assert patches == []
    assert np.array_equal(shown, reduce_layer(hints, (64, 64)))


def test_several_colours_in_one_area_are_left_to_the_networks():
    hints = painted((202, 202, 4, 4, BLUE), (216, 216, 4, 4, RED))
    patches, shown = areas(page((200, 200, 24)), hints)
    assert patches == []
    assert shown[..., 3].any()


@pytest.mark.parametrize("stray", [5, 9])
def test_a_stroke_that_runs_over_a_wall_a_little_does_not_colour_the_other_side(stray):
    line = np.full((SIZE, SIZE), 255, np.uint8)
    line[:, 254:258] = 0
    hints = painted((200, 210, 12, 48 + stray, RED))
    _, shown = areas(line, hints)
    assert shown[:, :31, 3].any()
    assert not shown[:, 33:, 3].any()
    crossing = painted((200, 218, 12, 80, RED))
    _, shown = areas(line, crossing)
    assert shown[:, 33:, 3].any(), "who paints over many strands means them all"


def test_points_belong_to_the_area_under_their_centre():
    line = page((200, 200, 12))
    grid = reduce_layer(painted((197, 197, 18, 18, BLUE)), (64, 64))
    patches, shown = small_areas(line, [(206.0, 206.0, "#1428c8")], grid, CELL)
    assert [patch.color for patch in patches] == [BLUE]
    assert not shown[..., 3].any()
