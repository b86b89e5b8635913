import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linecolor.hints import propagation
from linecolor.rendering.hint_enforcement import enforce_hints

GREY, RED, BLUE = (128, 128, 128), (220, 30, 40), (20, 60, 230)


def rooms(side: int = 64) -> np.ndarray:
    """Two rooms with a wall between them, as the networks see a page."""
    line = np.full((side, side), 255, np.uint8)
    line[:, side // 2 - 2 : side // 2 + 2] = 0
    return line


def painted(line: np.ndarray, color=GREY) -> np.ndarray:
    """What a network paints that knows one colour only."""
    return (np.array(color) * (line[..., None] / 255)).round().astype(np.uint8)


def hinted(line: np.ndarray, *dabs: tuple[int, int, tuple[int, int, int]]) -> np.ndarray:
    grid = np.zeros((line.shape[0] // 2, line.shape[1] // 2, 4), np.uint8)
    for y, x, color in dabs:
        grid[y : y + 2, x : x + 2] = (*color, 255)
    return grid


def enforced(line: np.ndarray, colorized: np.ndarray, grid: np.ndarray) -> np.ndarray:
    regions = propagation.segment(grid, line[::2, ::2])
    assert regions is not None
    return enforce_hints(colorized, line, grid, regions)


def test_nothing_comes_through_a_line_and_ink_stays_black():
    line = rooms()
    before = painted(line)
    result = enforced(line, before, hinted(line, (10, 12, RED)))
    assert (result[20, 26] != before[20, 26]).any()
    np.testing.assert_array_equal(result[:, 34:], before[:, 34:])
    assert result[:, 30:34].max() == 0


@pytest.mark.parametrize("side", [256, 512, 1024])
def test_nothing_comes_through_a_thin_line(side):
    line = np.full((side, side), 255, np.uint8)
    wall = side // 2
    line[:, wall : wall + 2] = 0
    before = painted(line)
    result = enforced(line, before, hinted(line, (side // 4, side // 4 - 6, RED)))
    assert (result[side // 2, wall - 6] != before[side // 2, wall - 6]).any()
    assert np.abs(result[:, wall + 2 :].astype(int) - before[:, wall + 2 :]).max() <= 2


def test_a_room_with_a_far_hint_gets_nothing_of_it_beside_the_wall():
    """A hint of another room is near there, behind the wall: how near must not count."""
    line = rooms(256)
    before = painted(line)
    result = enforced(line, before, hinted(line, (64, 58, BLUE), (64, 120, RED)))
    np.testing.assert_array_equal(result[128, 134:150], before[128, 134:150])


@pytest.mark.parametrize(("paper", "apart"), [(255, 12), (235, 14), (200, 14)])
def test_a_disbelieved_hint_has_its_colour_on_grey_paper_too(paper, apart):
    line = np.minimum(rooms(), paper).astype(np.uint8)
    result = enforced(line, painted(line), hinted(line, (10, 6, RED)))
    wanted = np.array(RED) * paper / 255
    assert np.abs(result[21:23, 13:15].astype(int) - wanted).max() <= apart


def test_two_hints_on_open_paper_both_have_their_colours():
    line = np.full((64, 64), 255, np.uint8)
    result = enforced(line, painted(line), hinted(line, (10, 8, RED), (10, 22, BLUE)))
    assert result[22, 18].argmax() == 0
    assert result[22, 46].argmax() == 2


def test_far_from_hints_the_networks_have_their_way():
    line = np.full((128, 128), 255, np.uint8)
    before = painted(line)
    result = enforced(line, before, hinted(line, (10, 10, RED)))
    np.testing.assert_array_equal(result[64:], before[64:])


@settings(deadline=None, max_examples=30)
@given(
    color=st.tuples(*[st.integers(0, 255)] * 3),
    places=st.lists(st.tuples(st.integers(0, 29), st.integers(0, 12)), min_size=1, max_size=6),
)
def test_a_followed_hint_changes_nothing(color, places):
    line = rooms()
    before = painted(line, color)
    result = enforced(line, before, hinted(line, *((y, x, color) for y, x in places)))
    assert np.abs(result.astype(int) - before).max() <= 1


@pytest.mark.parametrize("level", [0, 255])
def test_a_page_of_one_level_is_no_error(level):
    line = np.full((32, 32), level, np.uint8)
    result = enforced(line, painted(line), hinted(line, (3, 3, RED)))
    assert result.shape == (32, 32, 3)
