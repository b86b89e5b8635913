from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linecolor.evaluation.fills import bare_line, voronoi_fill
from linecolor.evaluation.hint_adherence import hint_adherence, permuted
from linecolor.evaluation.protocol import Hint

RED, GREEN, BLUE = (250, 20, 30), (10, 200, 40), (30, 40, 220)


def boxes(*colors, size=64):
    """One 4 px hint of each colour, in a row."""
    step = size // len(colors)
    return [
        Hint(size // 2, size // 2 + 4, at := index * step + step // 2, at + 4, size // 2 + 2, at + 2, color)
        for index, color in enumerate(colors)
    ]


PALETTE = st.sampled_from([RED, GREEN, BLUE, (255, 255, 255), (250, 250, 250), (0, 0, 0), (30, 30, 30)])


@settings(max_examples=60, deadline=None)
@given(st.lists(PALETTE, max_size=12), st.integers(0, 2**32))
def test_permuted_hints_change_as_many_colors_as_the_palette_allows(palette, seed):
    hints = boxes(*palette, size=200) if palette else []
    changed = permuted(hints, np.random.default_rng(seed))
    assert [replace(hint, color=RED) for hint in changed] == [replace(hint, color=RED) for hint in hints]
    assert Counter(hint.color for hint in changed) == Counter(palette)
    # The two whites are nearly one colour. Colours can all change unless one of them has the majority.
    names = Counter((255, 255, 255) if color == (250, 250, 250) else color for color in palette)
    kept = sum(
        np.subtract(old.color, new.color).astype(int) @ np.subtract(old.color, new.color) < 400
        for old, new in zip(hints, changed)
    )
    assert kept == max([0, *(2 * count - len(palette) for count in names.values())])


def test_permutations_follow_the_generator():
    hints = boxes(RED, GREEN, BLUE, (0, 0, 0), (255, 255, 255), (255, 255, 0))
    draws = {tuple(hint.color for hint in permuted(hints, np.random.default_rng(seed))) for seed in range(20)}
    assert len(draws) > 5
    assert permuted(hints, np.random.default_rng(1)) == permuted(hints, np.random.default_rng(1))


@pytest.fixture
def exchange():
    """A white page, four hints, and the same with their colours exchanged."""
    line = np.full((64, 64), 255, np.uint8)
    hints = boxes(RED, GREEN, BLUE, (255, 255, 255))
    return line, hints, permuted(hints, np.random.default_rng(0))


def test_a_fill_made_of_the_hints_follows_all_of_them(exchange):
    line, hints, changed = exchange
    measured = hint_adherence(voronoi_fill(line, hints), voronoi_fill(line, changed), hints, changed, line, scale=1)
    assert measured.followed.tolist() == [True] * 4
    assert measured.counted.all()
    assert measured.share == 1


def test_a_program_that_ignores_or_mistakes_its_hints_follows_none(exchange):
    line, hints, changed = exchange
    before, after = voronoi_fill(line, hints), voronoi_fill(line, changed)
    assert hint_adherence(before, before, hints, changed, line, scale=1).share == 0
    assert hint_adherence(after, before, hints, changed, line, scale=1).share == 0
    # Painting hints under 5 % opacity is not following them either.
    faint = np.rint(before + 0.03 * (after.astype(float) - before)).astype(np.uint8)
    assert hint_adherence(before, faint, hints, changed, line, scale=1).share == 0


def test_adherence_looks_near_the_hint_and_off_the_ink_only():
    line = np.full((64, 64), 255, np.uint8)
    line[:, 36:] = 0
    hints, changed = boxes(RED), boxes(BLUE)
    before = np.full((64, 64, 3), RED, np.uint8)
    near, far = before.copy(), before.copy()
    ys, xs = np.mgrid[:64, :64]
    distance = np.hypot(np.maximum(32 - ys, ys - 35).clip(0), np.maximum(32 - xs, xs - 35).clip(0))
    inside = (distance <= 10) & (xs < 36)
    near[inside], far[~inside] = BLUE, BLUE
    assert hint_adherence(before, near, hints, changed, line, scale=2).followed.all()
    assert not hint_adherence(before, far, hints, changed, line, scale=2).followed.any()
    assert hint_adherence(before, far, hints, changed, line, scale=6).followed.all()


@pytest.mark.parametrize("step", [(-1, 0), (1, 0), (0, -1), (0, 1)])
@pytest.mark.parametrize(("distance", "counted"), [(10, True), (11, False)])
def test_the_radius_is_the_same_on_all_sides(step, distance, counted):
    line = np.zeros((64, 64), np.uint8)
    hint = Hint(30, 34, 30, 34, 32, 32, RED)
    edge = [33 if direction > 0 else 30 for direction in step]
    line[edge[0] + distance * step[0], edge[1] + distance * step[1]] = 128
    page = bare_line(line)
    measured = hint_adherence(page, page, [hint], [replace(hint, color=BLUE)], line, scale=2)
    assert measured.counted.tolist() == [counted]


def test_hints_that_tell_nothing_do_not_count():
    line = np.full((64, 64), 255, np.uint8)
    line[:, 48:] = 0
    hints = boxes((100, 100, 100), RED, BLUE, GREEN)
    changed = [replace(hint, color=color) for hint, color in zip(hints, ((110, 110, 110), BLUE, RED, (0, 0, 0)))]
    before, after = voronoi_fill(line, hints), voronoi_fill(line, changed)
    measured = hint_adherence(before, after, hints, changed, line, scale=0.5)
    assert measured.counted.tolist() == measured.followed.tolist() == [False, True, True, False]
    assert measured.share == 1
    assert np.isnan(hint_adherence(before, after, [], [], line, scale=1).share)


def test_adherence_refuses_hints_that_moved(exchange):
    line, hints, changed = exchange
    page = bare_line(line)
    with pytest.raises(ValueError, match="same boxes in the same order"):
        hint_adherence(page, page, hints, changed[::-1], line, scale=1)
    with pytest.raises(ValueError, match="scale=0 should be positive"):
        hint_adherence(page, page, hints, changed, line, scale=0)
