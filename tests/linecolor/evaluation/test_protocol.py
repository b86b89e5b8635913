import zlib

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from skimage.measure import label

from linecolor.evaluation.fills import bare_line, mean_color_fill, voronoi_fill, watershed_fill
from linecolor.evaluation.protocol import Hint, paint_hints, protocol_hints
from linecolor.lineart.foreground import foreground

RED, GREEN, BLUE = (250, 20, 30), (10, 200, 40), (30, 40, 220)


@st.composite
def drawings(draw):
    """A small line with sparse ink and a colour picture of any values."""
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    line = rng.choice(np.array([127, 128, 249, 250, 255], np.uint8), (height, width))
    line[rng.random((height, width)) < draw(st.sampled_from([0, 0.02, 0.3]))] = 0
    line[rng.random((height, width)) < draw(st.sampled_from([0.5, 0.99]))] = 255
    color = rng.choice(np.array([0, 249, 250, 255], np.uint8), (height, width, 3))
    color[rng.random((height, width)) < 0.6] = 255
    return line, color


def box(x, color):
    """A 4 px hint in the middle of the height of a 64 px page."""
    return Hint(32, 36, x, x + 4, 34, x + 2, color)


def hints_by_the_book(line, color, file_name, count, seed):
    """PROTOCOL's wording, drawn one by one: the first of many are those of few."""
    h, w = line.shape
    side = max(1, round(3 * min(h, w) / 256))
    rng = np.random.default_rng([seed, zlib.crc32(file_name.encode())])
    hints = []
    while len(hints) < count:
        y = rng.integers(h)
        x = rng.integers(w)
        y0, x0 = max(0, y - side // 2), max(0, x - side // 2)
        if not (line[y0 : y0 + side, x0 : x0 + side] < 128).any():
            hints.append(Hint(y0, min(h, y0 + side), x0, min(w, x0 + side), y, x, tuple(color[y, x].tolist())))
    return hints


@settings(max_examples=40, deadline=None)
@given(drawings(), st.integers(0, 12), st.integers(0, 3))
def test_hints_are_those_of_the_written_protocol(drawing, count, seed):
    line, color = drawing
    assume((line >= 128).any())
    assert protocol_hints(line, color, "a.b", count, seed) == hints_by_the_book(line, color, "a.b.png", count, seed)


def test_hints_of_a_full_size_page_are_those_of_the_written_protocol():
    line = np.full((900, 700), 255, np.uint8)
    for radius in range(20, 340, 40):
        cv2.circle(line, (350, 450), radius, 0, 6)
    color = np.random.default_rng(0).integers(0, 256, (900, 700, 3), dtype=np.uint8)
    hints = protocol_hints(line, color, "page", 100)
    assert hints == hints_by_the_book(line, color, "page.png", 100, 0)
    assert all((line[hint.y0 : hint.y1, hint.x0 : hint.x1] >= 128).all() for hint in hints)
    assert {hint.y1 - hint.y0 for hint in hints} == {8}


def test_the_published_draws_never_change():
    white = np.full((512, 384), 255, np.uint8)
    hints = protocol_hints(white, bare_line(white), "1F35B", 3)
    assert [(hint.y0, hint.y1, hint.x0, hint.x1, hint.y, hint.x) for hint in hints] == [
        (69, 73, 11, 15, 71, 13),
        (256, 260, 28, 32, 258, 30),
        (155, 159, 44, 48, 157, 46),
    ]
    assert hints == protocol_hints(white, bare_line(white), "1F35B.png", 3)


def test_a_page_of_ink_is_an_error_and_not_an_endless_search():
    ink = np.zeros((600, 600), np.uint8)
    with pytest.raises(ValueError, match=r"x: the ink .* leaves 0\.0000% .* is the line inverted"):
        protocol_hints(ink, bare_line(ink), "x", 1)
    ink[300:307, 300:307] = 255
    with pytest.raises(ValueError, match="not enough"):
        protocol_hints(ink, bare_line(ink), "x", 1)


def test_pictures_that_do_not_fit_are_refused():
    line = np.full((8, 9), 255, np.uint8)
    with pytest.raises(ValueError, match=r"expected \(8, 9, 3\) uint8 RGB for this line, got \(9, 8, 3\) uint8"):
        protocol_hints(line, np.zeros((9, 8, 3), np.uint8), "x", 1)
    with pytest.raises(ValueError, match=r"a line is \(H, W\) uint8"):
        bare_line(line / 255)
    with pytest.raises(ValueError, match="count=-1"):
        protocol_hints(line, bare_line(line), "x", -1)
    with pytest.raises(ValueError, match=r"foreground should be \(8, 9\) bool"):
        mean_color_fill(line, bare_line(line), line, ink=False)
    with pytest.raises(ValueError, match=r"alpha is \(2, 2\)"):
        foreground(line, bare_line(line), np.zeros((2, 2), np.uint8))


def test_painted_hints_are_opaque_on_an_empty_layer():
    layer = paint_hints([box(16, RED), box(48, BLUE), box(32, GREEN)], (64, 64))
    assert (layer[32:36, 16:20] == (*RED, 255)).all()
    assert (layer[32:36, 32:36] == (*GREEN, 255)).all()
    assert (layer[..., 3] > 0).sum() == 48
    assert not layer[layer[..., 3] == 0].any()


def test_later_hints_cover_earlier_ones():
    hints = [box(32, RED), box(32, BLUE)]
    assert (paint_hints(hints, (64, 64))[34, 34] == (*BLUE, 255)).all()
    white = np.full((64, 64), 255, np.uint8)
    for fill in (voronoi_fill, watershed_fill):
        assert (fill(white, hints) == BLUE).all()


@settings(max_examples=60, deadline=None)
@given(drawings())
def test_foreground_is_what_paper_cannot_reach_from_the_border(drawing):
    line, color = drawing
    # A rim of paper around the page joins all parts that reach its border.
    paper = np.pad((line >= 250) & (color.min(axis=2) >= 250), 1, constant_values=True)
    parts = label(paper, connectivity=1)
    assert np.array_equal(foreground(line, color), (parts != parts[0, 0])[1:-1, 1:-1])


def test_alpha_decides_the_foreground_where_there_is_one():
    line = np.full((4, 4), 255, np.uint8)
    alpha = np.zeros((4, 4), np.uint8)
    alpha[1, 2] = 1
    assert np.argwhere(foreground(line, bare_line(line), alpha)).tolist() == [[1, 2]]


def test_fills_are_multiplied_by_the_line_and_rounded():
    line = np.arange(256, dtype=np.uint8).reshape(16, 16)
    hint = [Hint(15, 16, 15, 16, 15, 15, RED)]
    expected = np.rint(np.multiply.outer(line.astype(float), RED) / 255)
    assert np.array_equal(voronoi_fill(line, hint), expected)
    assert np.array_equal(watershed_fill(line, hint), expected)


def test_mean_fill_has_one_color_and_keeps_the_paper_white():
    line = np.full((20, 20), 255, np.uint8)
    line[5] = 0
    color = np.full((20, 20, 3), 255, np.uint8)
    color[5:15, :10], color[5:15, 10:] = (100, 0, 0), (200, 50, 1)
    color[5] = 0
    region = np.zeros((20, 20), bool)
    region[5:15] = True
    filled = mean_color_fill(line, color, region, ink=False)
    assert (filled[6:15] == np.rint((150, 25, 0.5))).all()
    assert not filled[5].any()
    assert (filled[15:] == 255).all()
    assert np.array_equal(mean_color_fill(line, color, np.zeros_like(region), ink=False), bare_line(line))
