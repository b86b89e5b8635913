"""Promises of Kang et al.'s outlines: OpenCV's edges, and whatever is dark anyway."""

import re

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linecolor.lineart.lines import grey_uint8
from linecolor.lineart.outlines import outline


@pytest.mark.parametrize("threads", [1, 2])
def test_the_edges_are_opencvs_own_with_any_number_of_threads(threads):
    random = np.random.default_rng(0)
    page = np.full((160, 160, 3), 255, np.uint8)
    for _ in range(6):
        centre, radius = random.integers(0, 160, 2).tolist(), int(random.integers(13, 53))
        cv2.circle(page, centre, radius, random.integers(60, 256, 3).tolist(), -1, cv2.LINE_AA)
        cv2.circle(page, centre, radius, random.integers(0, 90, 3).tolist(), int(random.integers(1, 4)), cv2.LINE_AA)
    try:
        cv2.setNumThreads(threads)
        edges = cv2.Canny(grey_uint8(page), 100, 180) > 0
        assert np.array_equal(outline(page) == 0, edges | (grey_uint8(page) < 80))
    finally:
        cv2.setNumThreads(1)


@given(size=st.tuples(st.integers(1, 40), st.integers(1, 40)), level=st.integers(80, 255))
def test_white_paper_and_flat_colour_stay_white(size, level):
    assert (outline(np.full((*size, 3), level, np.uint8)) == 255).all()


def test_a_step_has_one_line_on_the_side_that_opencv_gives_it():
    color = np.full((20, 20, 3), 255, np.uint8)
    color[:, 10:] = 150
    line = outline(color)
    # Both columns beside the step have the same gradient; the left one wins.
    assert (line[:, 9] == 0).all()
    assert (np.delete(line, 9, axis=1) == 255).all()
    assert np.array_equal(outline(color.transpose(1, 0, 2).copy()), line.T)


def test_dark_paint_is_ink_throughout_and_the_threshold_itself_is_not():
    color = np.full((12, 12, 3), 80, np.uint8)
    assert (outline(color) == 255).all()
    color[3:9, 3:9] = 79
    line = outline(color)
    assert (line[3:9, 3:9] == 0).all()
    assert (line == 0).sum() == 36


def test_a_weak_edge_is_kept_where_a_strong_one_leads_into_it():
    color = np.full((9, 400, 3), 255, np.uint8)
    color[5:] = 225  # 4 * 30 = 120, above 100 and below 180
    assert (outline(color) == 255).all()
    color[5:, :3] = 195
    assert (outline(color)[4, 4:] == 0).all()


def test_edges_meet_by_corners():
    color = np.full((60, 60, 3), 255, np.uint8)
    for row in range(60):
        color[row, 59 - row :] = 215
    assert (outline(color) == 0).sum() > 40


@pytest.mark.parametrize("shape", [(4, 4), (0, 4, 3)])
def test_a_grey_picture_is_no_colour_picture(shape):
    with pytest.raises(ValueError, match=re.escape(f"got {shape} uint8")):
        outline(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(("low", "high"), [(180, 100), (-1, 10)])
def test_thresholds_the_wrong_way_round_are_refused(low, high):
    with pytest.raises(ValueError, match=f"low={low} and high={high}"):
        outline(np.zeros((4, 4, 3), np.uint8), low, high)
