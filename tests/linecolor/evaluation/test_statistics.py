"""Intervals: what they hold, when there are none."""

import math

import numpy as np
import pytest

from linecolor.evaluation.statistics import half_width, mean_interval, over_seeds, paired_difference


def test_the_interval_of_a_mean_holds_the_true_mean_as_often_as_it_says():
    random = np.random.default_rng(0)
    held = 0
    for _ in range(60):
        found = mean_interval(random.normal(3.0, 2.0, 25).tolist())
        held += found.low <= 3.0 <= found.high
    assert 0.85 <= held / 60 <= 1.0


def test_an_interval_repeats_to_the_bit():
    values = np.random.default_rng(1).normal(size=20).tolist()
    assert mean_interval(values) == mean_interval(values)


def test_pairs_are_compared_drawing_by_drawing():
    """Drawings differ by 10 dB and more; the systems by 1 on each of them."""
    theirs = {f"d{i}": 10.0 + i for i in range(20)}
    ours = {name: value + 1 + 0.01 * (i % 3) for i, (name, value) in enumerate(theirs.items())}
    ours["only ours"] = 99.0
    found = paired_difference(ours, theirs)
    assert found.n == 20
    assert found.mean == pytest.approx(1.01, abs=0.01)
    assert 0.99 < found.low < found.high < 1.03


def test_without_common_drawings_there_is_no_difference():
    assert paired_difference({"a": 1.0}, {"b": 1.0}) is None


def test_a_single_value_has_a_mean_and_no_interval_and_equal_ones_no_width():
    one, three = mean_interval([2.0]), mean_interval([2.0] * 3)
    assert one.mean == three.low == three.high == 2.0
    assert math.isnan(one.low)


def test_what_is_no_number_is_refused():
    with pytest.raises(ValueError, match="finite values, got 2 of which 1 are"):
        mean_interval([1.0, float("nan")])


def test_a_deviation_over_seeds_needs_three_of_them():
    assert over_seeds([1.0, 3.0]) == (2.0, None)
    assert over_seeds([1.0, 2.0, 3.0]) == (2.0, 1.0)


def test_the_band_around_a_mean_is_students():
    assert half_width([1.0, 2.0, 3.0]) == pytest.approx(4.302653 / math.sqrt(3), rel=1e-5)
    assert math.isnan(half_width([1.0]))
