import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from linecolor.web.strokes import MAX_STROKE_POINTS, MAX_STROKES, Stroke, paint_strokes, read_strokes

RED, BLUE = (255, 0, 0), (0, 0, 255)
sides = st.integers(1, 300)


@given(sides, sides, sides, sides, st.floats(0, 0.999), st.floats(0, 0.999), st.floats(0.1, 40))
@example(1, 1, 1, 1, 0.0, 0.0, 0.1)
def test_a_dot_lands_where_it_was_painted_at_any_size(height, width, h, w, down, across, brush):
    dot = Stroke(RED, brush, ((across * width, down * height),))
    layer = paint_strokes([dot], (height, width), (h, w))
    assert tuple(layer[int(down * h), int(across * w)]) == (*RED, 255)


@given(st.integers(50, 2000), st.integers(20, 60), st.floats(0, 0.999), st.floats(0, 0.999))
def test_a_thin_stroke_is_never_lost(page, layer, here, there):
    thin = Stroke(RED, 0.3, ((here * page, 0.0), (there * page, page - 0.01)))
    painted = paint_strokes([thin], (page, page), (layer, layer))
    assert (painted[..., 3] > 0).any(axis=1).all()


@pytest.mark.parametrize("scale", [0.25, 1, 3])
def test_a_stroke_is_as_wide_as_its_brush_and_has_one_color(scale):
    across = Stroke(RED, 20.0, ((40.0, 100.0), (160.0, 100.0)))
    layer = paint_strokes([across], (200, 200), (round(200 * scale), round(200 * scale)))
    column = layer[:, round(100 * scale), 3]
    assert np.count_nonzero(column) == pytest.approx(20 * scale, abs=2)
    assert np.flatnonzero(column).mean() == pytest.approx(100 * scale - 0.5, abs=1)
    assert {tuple(color) for color in layer[layer[..., 3] > 0]} == {(*RED, 255)}
    assert not layer[layer[..., 3] == 0].any()


def test_later_strokes_cover_earlier_ones_and_the_eraser_takes_both():
    line = ((0.0, 50.0), (100.0, 50.0))
    strokes = [Stroke(RED, 10, line), Stroke(BLUE, 10, line[:1]), Stroke(None, 10, ((90.0, 50.0),))]
    layer = paint_strokes(strokes, (100, 100), (100, 100))
    assert tuple(layer[50, 1]) == (*BLUE, 255)
    assert tuple(layer[50, 50]) == (*RED, 255)
    assert tuple(layer[50, 90]) == (0, 0, 0, 0)


def test_a_stroke_that_leaves_the_page_ends_at_its_rim():
    outside = read_strokes([{"color": "#ff0000", "width": 4, "points": [[50, 50], [9e8, 50]]}], (100, 100))
    layer = paint_strokes(outside, (100, 100), (100, 100))
    assert layer[50, 50:, 3].all()
    assert not layer[50, :47, 3].any()


def test_strokes_are_read_from_json():
    brush = '{"color": "#FF8000", "width": 2.5, "points": [[1, 2], [3.5, 4]]}'
    eraser = '{"color": null, "width": 1, "points": [[0, 0]]}'
    brush, eraser = read_strokes(json.loads(f"[{brush}, {eraser}]"), (10, 10))
    assert brush == Stroke((255, 128, 0), 2.5, ((1.0, 2.0), (3.5, 4.0)))
    assert eraser.color is None


FINE = {"color": "#ff0000", "width": 3, "points": [[1, 1]]}


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({}, "a list"),
        (None, "a list"),
        ([3], "stroke 1"),
        ([FINE, FINE | {"color": "red"}], "stroke 2"),
        ([FINE | {"color": "#ff00000"}], "colour"),
        ([FINE | {"color": ["#ff0000"] * 1000}], "colour"),
        ([FINE | {"width": 0}], "wide"),
        ([FINE | {"width": 1e6}], "wide"),
        ([FINE | {"width": True}], "width"),
        ([FINE | {"width": float("nan")}], "width"),
        ([FINE | {"width": 10**400}], "width"),
        ([FINE | {"points": []}], "points"),
        ([FINE | {"points": [[1, 2, 3]]}], "point"),
        ([FINE | {"points": [[1, "2"]]}], "coordinate"),
        ([FINE | {"points": [[1, float("inf")]]}], "coordinate"),
        ([FINE] * (MAX_STROKES + 1), "strokes; the limit"),
        ([FINE | {"points": [[1, 1]] * MAX_STROKE_POINTS}] * 2, "points; the limit"),
    ],
)
def test_what_is_no_stroke_is_refused_by_name(given_, message):
    with pytest.raises(ValueError, match=message):
        read_strokes(given_, (100, 100))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["color", "width", "points"]), inner),
    max_leaves=20,
)


@given(json_values)
def test_any_json_is_strokes_or_refused(value):
    try:
        strokes = read_strokes(value, (50, 60))
    except ValueError:
        return
    assert paint_strokes(strokes, (50, 60), (50, 60)).shape == (50, 60, 4)
