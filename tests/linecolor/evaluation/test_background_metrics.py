"""One colour for one background, in figures."""

import math
from dataclasses import replace

import numpy as np
import pytest

from linecolor.evaluation.background_metrics import (
    color_variance,
    intersection_over_union,
    measure_background,
    summarise_backgrounds,
)
from linecolor.rendering.result import ColorizationResult
from linecolor.samples import FullDrawing
from linecolor.systems.comic import WITHOUT_BACKGROUND

NOTHING_FOUND = np.zeros((4, 8), np.uint8)


def drawing(true: bool = True) -> FullDrawing:
    """A white figure in the right half of a red page, a line of ink between."""
    color = np.full((8, 16, 3), 255, np.uint8)
    color[:, :8] = (200, 0, 0)
    color[:, 8] = 0
    line = np.full((8, 16), 255, np.uint8)
    line[:, 8] = 0
    foreground = np.zeros((8, 16), bool)
    foreground[:, 8:] = True
    return FullDrawing("panel", line, color, foreground, true)


def coloring(full: np.ndarray, plain: np.ndarray | None = None) -> ColorizationResult:
    nothing = np.zeros((4, 8, 4), np.uint8)
    beside = {} if plain is None else {WITHOUT_BACKGROUND: plain}
    return ColorizationResult(full, full, None, full[..., 0], nothing, full[..., 0], beside)


def test_an_even_area_has_no_variance_and_two_colours_have_theirs():
    picture = np.zeros((2, 2, 3), np.uint8)
    assert color_variance(picture, np.ones((2, 2), bool)) == 0
    picture[0, :, 0] = 30
    assert color_variance(picture, np.ones((2, 2), bool)) == pytest.approx(15**2 / 3)
    assert math.isnan(color_variance(picture, np.zeros((2, 2), bool)))


def test_areas_that_agree_by_a_third():
    one, other = np.array([[True, True, False]]), np.array([[False, True, True]])
    assert intersection_over_union(one, other) == pytest.approx(1 / 3)


def test_ink_in_the_background_is_no_variance_also_where_it_is_told_beside_a_grey_page():
    page = drawing()
    page.color[2, 3] = page.line[2, 3] = 0
    grey = replace(page, ink=page.line, line=np.full_like(page.line, 90))
    for shown in (page, grey):
        row = measure_background(shown, coloring(page.color), NOTHING_FOUND)
        assert row is not None
        assert row["variance"] == row["variance_of_truth"] == 0


def test_the_figures_of_a_panel():
    page = drawing()
    noisy = page.color.copy()
    noisy[::2, :8] = (160, 40, 0)
    found = NOTHING_FOUND.copy()
    found[:, :2] = 255  # half of the background
    row = measure_background(page, coloring(page.color, noisy), found)
    assert row is not None
    assert (row["iou"], row["iou_of_everything"], row["share"]) == (0.5, 0.5, 0.25)
    assert row["variance"] == 0
    assert row["variance_without"] == pytest.approx(2 * 20**2 / 3)
    assert row["foreground_psnr"] == row["foreground_psnr_without"] == 100
    assert row["psnr"] > row["psnr_without"]
    figures = summarise_backgrounds([{"name": "a", **row}, {"name": "b", **row, "share": 0.75}])
    assert figures is not None
    assert (figures["share"], figures["least_share"], figures["most_share"], figures["n"]) == (0.5, 0.25, 0.75, 2)


def test_where_nobody_knows_the_background_nothing_is_claimed():
    assert measure_background(drawing(true=False), coloring(drawing().color), NOTHING_FOUND) is None
    assert summarise_backgrounds([]) is None
