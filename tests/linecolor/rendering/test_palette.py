import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from linecolor.rendering.palette import dominant_colors


def striped(*areas: tuple[tuple[int, int, int], int]) -> np.ndarray:
    """A picture of 200 px in width, with so many rows of each colour."""
    return np.concatenate([np.full((rows, 200, 3), color, np.uint8) for color, rows in areas])


def nearest(palette, color) -> float:
    return min(float(np.abs(np.subtract(found, color)).max()) for found, _ in palette)


def test_flat_areas_come_back_exactly_the_largest_first():
    red, blue, cream = (220, 40, 30), (20, 60, 200), (250, 240, 220)
    palette = dominant_colors(striped((red, 60), (cream, 120), (blue, 20)))
    assert [color for color, _ in palette] == [cream, red, blue]
    assert [share for _, share in palette] == pytest.approx([0.6, 0.3, 0.1], abs=0.01)


def test_a_small_accent_is_found_beside_many_shades():
    ramp = np.repeat(np.linspace(150, 250, 400).astype(np.uint8)[:, None, None], 200, axis=1).repeat(3, axis=2)
    ramp[100:105, 50:150] = (20, 160, 60)
    assert nearest(dominant_colors(ramp, 3), (20, 160, 60)) <= 12


def test_noise_does_not_split_a_color():
    noisy = striped(((200, 120, 90), 200)).astype(int) + np.random.default_rng(0).integers(-3, 4, (200, 200, 3))
    assert len(dominant_colors(noisy.astype(np.uint8))) == 1


@settings(max_examples=30)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))), st.integers(1, 64))
def test_any_picture_has_a_palette_of_at_most_so_many_colors_and_always_the_same(picture, count):
    palette = dominant_colors(picture, count)
    assert 1 <= len(palette) <= count
    assert palette == dominant_colors(picture, count)
    shares = [share for _, share in palette]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) <= 1 + 1e-6
    assert all(0 <= value <= 255 for color, _ in palette for value in color)


def test_strips_thinner_than_the_sampling_are_seen():
    assert dominant_colors(np.full((1, 900_000, 3), 77, np.uint8)) == [((77, 77, 77), 1.0)]


@pytest.mark.parametrize(
    ("picture", "count", "message"),
    [
        (np.zeros((4, 4), np.uint8), 4, "RGB"),
        (np.zeros((4, 4, 3), np.float32), 4, "uint8"),
        (np.zeros((0, 4, 3), np.uint8), 4, "RGB"),
        (np.zeros((4, 4, 3), np.uint8), 0, "not 0"),
        (np.zeros((4, 4, 3), np.uint8), 65, "not 65"),
    ],
)
def test_what_is_no_reference_is_refused(picture, count, message):
    with pytest.raises(ValueError, match=message):
        dominant_colors(picture, count)
