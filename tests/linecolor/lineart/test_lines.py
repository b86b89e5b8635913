import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from linecolor.lineart import lines, torch_lines
from linecolor.lineart.methods import METHODS

SIGMAS = (0.3, 0.4, 0.5)


@pytest.fixture(scope="module")
def drawing() -> np.ndarray:
    """A drawing with flat fills, ink outlines, a soft shadow and some grain: (192, 160, 3) RGB."""
    rng = np.random.default_rng(0)
    page = np.full((192, 160, 3), 255, np.uint8)
    cv2.circle(page, (80, 96), 60, (240, 190, 150), -1, cv2.LINE_AA)
    cv2.circle(page, (80, 96), 60, (20, 10, 30), 2, cv2.LINE_AA)
    cv2.rectangle(page, (50, 20), (110, 60), (60, 90, 200), -1)
    cv2.line(page, (0, 0), (159, 191), (0, 0, 0), 1, cv2.LINE_AA)
    shadow = cv2.GaussianBlur(page, (0, 0), 6)
    page[100:150] = shadow[100:150]
    grain = rng.normal(0, 2, page.shape)
    return np.clip(page + grain, 0, 255).astype(np.uint8)


def as_batch(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]


@pytest.mark.parametrize("sigma", SIGMAS)
def test_xdog_difference_agrees_between_opencv_and_torch(drawing, sigma):
    one = lines.xdog_difference(drawing, sigma)
    batch = torch_lines.xdog_difference(as_batch(drawing), sigma)[0, 0].numpy()
    assert np.abs(one - batch).max() < 1e-5


CASES = [("grey",), *(("xdog", sigma) for sigma in SIGMAS), *(("dilate", kernel) for kernel in range(2, 7))]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_opencv_and_torch_draw_alike_but_for_a_ten_thousandth_of_xdogs_pixels(drawing, case):
    name, *parameters = case
    one = METHODS[name].draw(drawing, *parameters)
    batch = METHODS[name].draw_batch(as_batch(drawing), *parameters)[0, 0].numpy()
    assert (one != batch).mean() <= (1e-4 if name == "xdog" else 0)


def test_xdog_matches_a_direct_computation_in_float64():
    grey = np.full((15, 15), 1.0)
    grey[:, 7] = 0.0
    color = np.repeat((grey * 255).astype(np.uint8)[..., None], 3, axis=2)

    def column_after_blur(sigma: float) -> float:
        radius = int(np.ceil(4 * sigma))
        offsets = np.arange(-radius, radius + 1)
        kernel = np.exp(-(offsets**2) / (2 * sigma**2))
        return 1 - kernel[radius] / kernel.sum()

    expected = column_after_blur(0.4) - 0.95 * column_after_blur(1.8)
    assert lines.xdog_difference(color, 0.4)[7, 7] == pytest.approx(expected, abs=1e-5)


def test_xdog_inks_the_line_and_leaves_paper_and_flat_colour(drawing):
    line = lines.xdog(drawing, 0.4)
    assert set(np.unique(line)) <= {0, 255}
    assert line[96, 20] == 0  # on the circle's outline
    assert line[40, 80] == 255  # inside the flat blue
    assert 0.02 < (line == 0).mean() < 0.3


def test_dilate_abs_sub_follows_algorithm_1_on_known_pixels():
    color = np.full((9, 9, 3), 200, np.uint8)
    color[4, 4] = 50
    line = lines.dilate_abs_sub(color, 5)
    assert line[4, 4] == 255 - 150
    assert (np.delete(line.ravel(), 4 * 9 + 4) == 255).all()


@pytest.mark.parametrize("size", [512, 256])
@pytest.mark.parametrize("position", [5000, 5003, 5009, 5019])
def test_a_2_px_line_on_a_10000_px_page_stays_dark(size, position):
    strip = np.full((100, 10_000), 255, np.uint8)
    strip[:, position : position + 2] = 0
    reduced = lines.reduce(strip, (100 * size // 10_000, size))
    assert (reduced.min(axis=1) < 128).all()


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**32 - 1))
def test_reduce_keeps_size_range_white_paper_and_a_line_of_that_size(height, width, new_height, new_width, seed):
    line = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    reduced = lines.reduce(line, (new_height, new_width))
    assert reduced.shape == (new_height, new_width)
    assert reduced.min() >= line.min()
    assert reduced.max() <= line.max()
    np.testing.assert_array_equal(lines.reduce(line, (height, width)), line)
    white = np.full_like(line, 255)
    assert (lines.reduce(white, (new_height, new_width)) == 255).all()


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_reduce_looks_for_the_darkest_pixel_in_every_cell(height, width, data):
    new_height, new_width = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    line = np.random.default_rng(height * width).integers(0, 256, (height, width), dtype=np.uint8)
    mean = cv2.resize(line, (new_width, new_height), interpolation=cv2.INTER_AREA).astype(np.float32)
    pull = np.float32(lines.reduce_pull(float(np.sqrt(height / new_height * width / new_width))))
    expected = np.empty((new_height, new_width), np.uint8)
    for y, x in np.ndindex(expected.shape):
        rows = slice(y * height // new_height, -(-(y + 1) * height // new_height))
        columns = slice(x * width // new_width, -(-(x + 1) * width // new_width))
        expected[y, x] = np.rint(mean[y, x] + pull * (line[rows, columns].min() - mean[y, x]))
    np.testing.assert_array_equal(lines.reduce(line, (new_height, new_width)), expected)


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_reduce_agrees_between_opencv_and_torch(factor):
    line = np.random.default_rng(3).integers(0, 256, (64, 48), dtype=np.uint8)
    one = lines.reduce(line, (64 // factor, 48 // factor))
    batch = torch_lines.reduce(torch.from_numpy(line)[None, None], factor)[0, 0].numpy()
    assert np.abs(one.astype(int) - batch.astype(int)).max() <= 1


def test_reduce_refuses_what_is_no_line():
    with pytest.raises(ValueError, match="uint8"):
        lines.reduce(np.zeros((4, 4, 3), np.uint8), (2, 2))
