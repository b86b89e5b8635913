import numpy as np
import pytest

from linecolor.lineart.layer import LineLayer


def strokes(color: tuple[int, int, int]) -> np.ndarray:
    line = np.full((20, 30, 3), 255, np.uint8)
    line[8:12] = color
    return line


def test_black_strokes_in_rgb_are_grey_line_art():
    layer = LineLayer(strokes((0, 0, 0)))
    assert layer.ink.ndim == 2
    assert layer.grey[10, 0] == 0
    assert layer.grey[0, 0] == 255


def test_coloured_strokes_keep_their_colour():
    layer = LineLayer(strokes((120, 40, 30)))
    assert layer.ink[10, 5].tolist() == [120, 40, 30]
    assert layer.grey[10, 5] == 63  # the luma


def test_the_faint_tint_of_a_jpeg_is_no_colour():
    assert LineLayer(strokes((40, 44, 46))).ink.ndim == 2


def test_ink_on_a_transparent_layer_lies_on_white_paper():
    line = np.zeros((300, 4, 4), np.uint8)  # more rows than are done at once
    line[290, :, 3] = 255
    line[10, :, 3] = 51
    layer = LineLayer(line)
    assert layer.grey[290, 0] == 0
    assert layer.grey[10, 0] == 204
    assert layer.grey[0, 0] == 255


@pytest.mark.parametrize("shape", [(6, 7), (6, 7, 1), (6, 7, 2), (6, 7, 3), (6, 7, 4), (1, 1), (1, 500, 3)])
def test_any_mode_is_read(shape):
    layer = LineLayer(np.full(shape, 255, np.uint8))
    assert layer.grey.shape == shape[:2]
    assert (layer.grey == 255).all()


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((4, 4, 5), np.uint8), np.zeros((0, 4), np.uint8), np.zeros(4, np.uint8), np.zeros((4, 4)), "page.png"],
)
def test_what_is_no_line_is_named(wrong):
    with pytest.raises(ValueError, match="a line is"):
        LineLayer(wrong)
