import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linecolor.hints import watershed
from linecolor.hints.watershed import flood, flood_in_python


@st.composite
def drawings(draw):
    """Ink in few levels, many or two, for ties are what an order shows in; and some markers."""
    height, width = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    levels = draw(st.sampled_from([2, 4, 256]))
    ink = (random.integers(0, levels, (height, width)) * (255 // (levels - 1))).astype(np.uint8)
    markers = np.zeros((height, width), np.int32)
    for mark in range(1, draw(st.integers(1, 12)) + 1):
        markers[random.integers(height), random.integers(width)] = mark
    return ink, markers


@settings(max_examples=200)
@given(drawings())
def test_without_scikit_image_the_same_flood(drawing):
    ink, markers = drawing
    basins, level = flood(ink, markers, with_level=True)
    own_basins, own_level = flood_in_python(watershed._relief(ink, markers), markers)
    np.testing.assert_array_equal(basins, own_basins)
    np.testing.assert_array_equal(level, own_level)


def test_it_floods_without_scikit_image(monkeypatch):
    monkeypatch.setattr(watershed, "watershed", None)
    markers = np.zeros((3, 5), np.int32)
    markers[1, 0], markers[1, 4] = 1, 2
    ink = np.zeros((3, 5), np.uint8)
    ink[:, 2] = 200
    basins, level = flood(ink, markers, with_level=True)
    assert (basins[:, :2] == 1).all()
    assert (basins[:, 3:] == 2).all()
    assert (level == ink).all()


GAP = np.zeros((5, 5), np.uint8)
GAP[:4, 2] = 255  # a line that the water goes around


@pytest.mark.parametrize(
    ("ink", "levels"), [(np.array([[0, 100, 0, 250, 0]], np.uint8), [0, 100, 100, 250, 250]), (GAP, [0, 0, 255, 0, 0])]
)
def test_the_level_is_the_most_ink_on_the_most_open_way(ink, levels):
    markers = np.zeros(ink.shape, np.int32)
    markers[0, 0] = 1
    _, level = flood(ink, markers, with_level=True)
    assert level is not None
    assert level[0].tolist() == levels
