import numpy as np
import pytest

from linecolor.hints import propagation
from tests.linecolor.hints.test_layers import BLUE, RED, empty


def test_propagation_fills_each_side_of_a_line_with_its_own_hint_and_tells_one_without():
    line = np.full((20, 20), 255, np.uint8)
    line[:, 10] = 0
    grid = empty(20, 20)
    grid[5, 2] = (*RED, 255)
    openness = propagation.propagate_hints(grid, line, "reach")[3]
    assert (openness[:, :10] == 1).all()
    assert (openness[:, 10:] == 0).all()
    grid[12, 17] = (*BLUE, 255)
    fill = ((propagation.propagate_hints(grid, line, "watershed") + 1) * 127.5).round().astype(int)
    assert (fill[:, :, :10].transpose(1, 2, 0) == RED).all()
    assert (fill[:, :, 11:].transpose(1, 2, 0) == BLUE).all()


def test_propagation_without_hints_is_neutral():
    assert not propagation.propagate_hints(empty(8, 8), np.full((8, 8), 255, np.uint8), "reach").any()


def test_the_draft_reads_as_many_channels_as_its_propagation_has():
    assert [propagation.draft_channels(kind) for kind in ("none", "watershed", "reach")] == [5, 8, 9]
    with pytest.raises(ValueError, match="'magic'"):
        propagation.draft_channels("magic")
