"""The bundled weights on pages as people bring them: any shape, with tone, on any paper, with small areas."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from benchmarks.figure import AREAS, PAPERS, color_at, hint_points, line, on_paper, toned
from linecolor import LineColorizer
from linecolor.lineart.page import PagePreparation

pytestmark = pytest.mark.slow

TONES = ["hatching 30", "hatching 16", "cross-hatching", "dots 10 24.6", "dots 8 11", "dots 6 12", "dither", "flat 225"]


@pytest.fixture(scope="module")
def colorizer() -> LineColorizer:
    return LineColorizer.load()


def difference(picture: np.ndarray, area: str) -> float:
    return float(np.abs(color_at(picture, area) - AREAS[area][2]).max())


def borders(colorizer, width: int, height: int) -> list[int]:
    """How far the sky is off its colour at the right, left, lower and upper border."""
    page = colorizer.colorize(line(width, height), hint_points(width, height)).astype(int)
    long = slice(height // 4, height // 2)
    edges = page[long, -3:], page[long, :3], page[-3:, : width // 30], page[:3, width // 4 : width // 2]
    return [int(np.abs(edge - AREAS["sky"][2]).max()) for edge in edges]


@pytest.mark.parametrize("size", [(2480, 3508), (3508, 2480), (1200, 1600), (900, 2000), (1920, 1080)])
def test_no_border_of_a_page_of_any_shape_has_a_band(colorizer, size):
    """The networks halve a page several times; a square one fits without padding."""
    square = borders(colorizer, 1000, 1000)
    assert all(off <= most + 6 for off, most in zip(borders(colorizer, *size), square))


@pytest.mark.parametrize("size", [(2480, 3508), (1200, 1600)])
@pytest.mark.parametrize("tone", TONES)
def test_tone_lies_over_the_colour_of_its_area_and_changes_none(colorizer, size, tone):
    page = line(*size)
    plain = colorizer.colorize(page, hint_points(*size))
    result = colorizer.colorize_with_steps(toned(page, tone), hint_points(*size))
    assert result.notes == ("tone kept out of the lines",)
    expected = color_at(plain, "shirt") * (225 / 255 if tone == "flat 225" else 1)
    assert np.abs(color_at(result.full, "shirt") - expected).max() <= 4
    for area in AREAS:
        if area != "shirt":
            assert np.abs(color_at(result.full, area) - color_at(plain, area)).max() <= 4
    ink = toned(page, tone) < 20
    assert result.full[ink].max() <= 20, "the tone itself is there"


@pytest.mark.parametrize("paper", PAPERS)
def test_paper_that_is_not_white_changes_no_colour(colorizer, paper):
    size = (1240, 1754)
    plain = colorizer.colorize(line(*size), hint_points(*size))
    result = colorizer.colorize_with_steps(on_paper(line(*size), **PAPERS[paper]), hint_points(*size))
    assert "paper made white" in result.notes
    for area in AREAS:
        assert np.abs(color_at(result.full, area) - color_at(plain, area)).max() <= 4


def test_paper_is_kept_on_request(colorizer):
    size, paper = (800, 1000), (214, 190, 150)
    keeping = colorizer.with_options()
    keeping.preparation = PagePreparation(paper="keep")
    kept = keeping.colorize(on_paper(line(*size), paper), hint_points(*size))
    plain = colorizer.colorize(line(*size), hint_points(*size))
    for area in AREAS:
        assert np.abs(color_at(kept, area) - color_at(plain, area) * np.array(paper) / 255).max() <= 5


@pytest.mark.parametrize("kind", ["white on black", "white on transparency"])
def test_a_page_drawn_in_white_is_coloured_as_one_drawn_in_black(colorizer, kind):
    page = line(600, 800)
    negative = 255 - page
    if kind == "white on transparency":
        negative = np.dstack([np.full((*page.shape, 3), 255, np.uint8), 255 - page])
    result = colorizer.colorize_with_steps(negative, hint_points(600, 800))
    assert result.notes == ("inverted: light ink on dark paper",)
    assert np.abs(result.full.astype(int) - colorizer.colorize(page, hint_points(600, 800))).max() <= 1


@pytest.mark.parametrize("as_layer", [False, True])
@pytest.mark.parametrize("radius", [8, 12, 22, 35])
def test_a_small_closed_area_has_the_colour_of_its_hint_and_no_other_has_it(colorizer, radius, as_layer):
    width, height = 2480, 3508
    picture = Image.fromarray(line(width, height))
    x, y, blue = 1240, 2200, (32, 48, 192)
    outer = radius + 4
    ImageDraw.Draw(picture).ellipse([x - outer, y - outer, x + outer, y + outer], outline=0, width=5)
    hints = [*(point for point in hint_points(width, height) if point[2] != AREAS["shirt"][2])]
    hints += [(1000, 2700, AREAS["shirt"][2]), (x, y, blue)]
    if as_layer:
        layer = np.zeros((height, width, 4), np.uint8)
        for column, row, color in hints:
            side = radius // 2 if color == blue else 40
            layer[int(row) - side : int(row) + side, int(column) - side : int(column) + side] = (*color, 255)
        hints = layer
    page = colorizer.colorize(np.asarray(picture), hints).astype(int)
    inner = int(0.6 * radius)
    assert np.abs(page[y - inner : y + inner + 1, x - inner : x + inner + 1] - blue).max() <= 10
    around = np.concatenate([page[y - outer - 40 : y - outer - 6, x], page[y + outer + 6 : y + outer + 40, x]])
    assert np.abs(np.median(around, axis=0) - AREAS["shirt"][2]).max() <= 40
