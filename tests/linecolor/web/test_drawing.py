import io
import zipfile

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from linecolor.images import UnreadableImage, write_png
from linecolor.web.drawing import CACHED_RESULTS, VIEW_SIDE, Drawing, colorizers_by_resolution
from linecolor.web.strokes import Stroke, paint_strokes

RED, BLUE = (255, 0, 0), (0, 0, 255)


def rooms(height: int, width: int) -> np.ndarray:
    """Two rooms, left and right of a wall."""
    line = np.full((height, width), 255, np.uint8)
    wall = max(2, width // 40)
    line[:, width // 2 - wall : width // 2 + wall] = 0
    return line


def decoded(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


@pytest.fixture
def opened(tmp_path, painter):
    """Opens a picture as a drawing, with the system that colours it."""

    def open_(line: np.ndarray, max_pixels: int = 10**8) -> Drawing:
        write_png(tmp_path / "page.png", line)
        return Drawing(tmp_path / "page.png", colorizers_by_resolution(painter()), max_pixels)

    return open_


@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from([64, 96, 128]))
def test_what_is_downloaded_is_what_the_colorizer_makes_of_the_page(opened, painter, height, width, resolution):
    line = rooms(height, width)
    drawing = opened(line)
    strokes = (Stroke(RED, 5, ((width * 0.2, height * 0.5),)), Stroke(BLUE, 5, ((width * 0.8, height * 0.5),)))
    full = decoded(drawing.full_png(drawing.color(strokes, resolution), strokes, "clean"))
    expected = painter(resolution).colorize(line, paint_strokes(strokes, (height, width), (height, width)))
    np.testing.assert_array_equal(full, expected)


def test_the_networks_see_the_page_and_not_its_view(opened, painter):
    line = np.full((700, 3300), 255, np.uint8)
    line[:, 1650:1653] = 0
    drawing, expected = opened(line), painter(64)
    drawing.color((), 64)
    expected.colorize(line)
    np.testing.assert_array_equal(drawing.colorizers[64].seen, expected.seen)


@pytest.mark.slow
def test_hints_painted_on_the_view_land_right_on_a_larger_page_in_the_colors_of_the_download(opened):
    drawing = opened(rooms(2000, 3200))
    assert max(drawing.view.shape) == VIEW_SIDE
    strokes = (Stroke(RED, 60, ((300.0, 200.0),)), Stroke(BLUE, 60, ((3000.0, 1800.0),)))
    colored = drawing.color(strokes, 64)
    full, view = decoded(drawing.full_png(colored, (), "clean")), decoded(drawing.view_png(colored, (), "clean"))
    assert full.shape == (2000, 3200, 3)
    assert view.shape == (1000, 1600, 3)
    for picture, scale in ((full, 1), (view, 2)):
        left, right = (picture[1000 // scale, x // scale].astype(int) for x in (300, 3000))
        assert left[0] > left[2] + 150
        assert right[2] > right[0] + 150
    reduced = cv2.resize(full, view.shape[1::-1], interpolation=cv2.INTER_AREA).astype(int)
    away = np.abs(np.arange(view.shape[1]) - view.shape[1] // 2) > 40
    assert np.abs(reduced - view)[:, away].max() <= 2


def test_a_drawing_comes_without_hints_too_and_the_networks_run_once_for_a_set_of_hints(opened):
    drawing = opened(rooms(90, 120))
    assert decoded(drawing.view_png(drawing.color((), 64), (), "none")).shape == (90, 120, 3)
    networks = drawing.colorizers[64]
    strokes = (Stroke(RED, 5, ((20.0, 20.0),)),)
    for _ in range(2):
        drawing.color(strokes, 64)
        drawing.color((), 64)
    assert networks.runs == 2
    for x in range(CACHED_RESULTS):
        drawing.color((Stroke(RED, 5, ((float(x), 1.0),)),), 64)
    drawing.color(strokes, 64)
    assert networks.runs == 3 + CACHED_RESULTS


def test_layers_have_the_page_s_size_and_leave_no_file(opened, tmp_path):
    drawing = opened(rooms(300, 200))
    strokes = (Stroke(RED, 9, ((40.0, 50.0),)),)
    data = drawing.layers(drawing.color(strokes, 64), strokes, tmp_path / "scratch")
    assert not (tmp_path / "scratch").exists()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.read("mimetype") == b"image/openraster"
        stack = archive.read("stack.xml").decode()
        assert [name in stack for name in ('"hints"', '"line"', '"color"')] == [True] * 3
        hints = decoded(archive.read("data/layer0.png"))
        assert decoded(archive.read("data/layer1.png")).shape == (300, 200)
        assert decoded(archive.read("data/layer2.png")).shape == (300, 200, 3)
    assert hints.shape == (300, 200, 4)
    assert tuple(hints[50, 40]) == (*RED, 255)
    assert np.count_nonzero(hints[..., 3]) < 200


def test_colored_strokes_keep_their_color_in_view_and_download(opened):
    line = np.full((2000, 1000, 3), 255, np.uint8)
    line[:, 480:520] = (0, 0, 200)
    drawing = opened(line)
    colored = drawing.color((), 64)
    for picture in (decoded(drawing.full_png(colored, (), "clean")), decoded(drawing.view_png(colored, (), "clean"))):
        red, _, blue = (int(value) for value in picture[len(picture) // 2, picture.shape[1] // 2])
        assert blue > red + 20


def test_thin_lines_of_a_large_page_stay_visible_and_a_webtoon_strip_wide_enough_to_paint_on(opened):
    line = np.full((900, 9600), 255, np.uint8)
    line[:, 4801:4803] = 0
    assert opened(line).view.min() < 128
    assert opened(np.full((6400, 800), 255, np.uint8)).view.shape == (3200, 400)


def test_the_page_s_resolution_is_kept(opened, tmp_path):
    drawing = opened(rooms(60, 60))
    Image.fromarray(rooms(60, 60)).save(tmp_path / "page.png", dpi=(600, 600))
    full = Image.open(io.BytesIO(drawing.full_png(drawing.color((), 64), (), "clean")))
    assert full.info["dpi"] == pytest.approx((600, 600), abs=0.1)


def test_a_page_above_the_limit_is_refused(opened):
    with pytest.raises(UnreadableImage, match="120 x 90"):
        opened(rooms(90, 120), max_pixels=10_000)


def test_details_share_the_networks_and_are_even(painter):
    colorizer = painter(67)
    found = colorizers_by_resolution(colorizer)
    assert all(resolution % 2 == 0 and found[resolution].options.resolution == resolution for resolution in found)
    assert len(found) == 3
    assert colorizer.options.resolution == 67
