import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linecolor.html import Curve, Report, render_report

ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True)


def plot_of(curve: Curve) -> str:
    html = render_report(Report("run", curves=[curve]))
    return html[html.index('<figure class="curve">') : html.index("</figure>")]


def coordinates(plot: str) -> list[float]:
    paths = re.findall(r' d="([^"]*)"', plot)
    placed = re.findall(r' (?:x|y|cx|cy|width)="([^"]*)"', plot)
    return [float(n) for text in paths + placed for n in re.findall(r"-?[\d.]+|nan|inf", text)]


def test_non_finite_points_are_skipped_and_counted() -> None:
    curve = Curve("C", "step", "loss", {"s": ([1, 2, 3, 4, 5], [1.0, math.nan, math.inf, 2.0, -math.inf])})
    plot = plot_of(curve)
    assert plot.count("<circle") == 2
    assert "3 points are not drawn: not finite." in plot
    assert all(math.isfinite(n) for n in coordinates(plot))


def test_one_point_is_a_dot_and_no_point_a_sentence() -> None:
    dot = plot_of(Curve("C", "step", "FID", {"fid": ([3], [47.8])}))
    assert dot.count("<circle") == 1
    for series in ({}, {"fid": ([], [])}, {"fid": ([1.0], [math.nan])}):
        empty = plot_of(Curve("C", "step", "FID", series))
        assert "No data" in empty
        assert 'class="plot"' not in empty


def test_a_long_noisy_series_is_thinned_with_its_spike_and_smoothed_but_a_schedule_with_steps_is_not() -> None:
    x = np.arange(20_000.0)
    y = np.random.default_rng(0).normal(1, 0.1, len(x))
    y[7_777] = 50.0
    plot = plot_of(Curve("C", "step", "loss", {"s": (x, y)}))
    raw, smooth = re.findall(r'class="line s0( raw)?" d="(M[^"]{200,})"', plot)
    highest = [min(float(p.split()[1]) for p in path[1:].split("L")) for _, path in (raw, smooth)]
    assert (raw[0], smooth[0]) == (" raw", "")
    assert highest[0] < 40 < highest[1]
    assert len(plot) < 60_000
    x = np.arange(1_000.0)
    plot = plot_of(Curve("C", "step", "lr", {"lr": (x, np.where(x < 500, 1e-4, 1e-5))}))
    assert " raw" not in plot
    assert "1e−4" in plot


HINTS = [0, 1, 2, 4, 8, 16, 32, 64, 128]


def ticks_of(plot: str) -> list[tuple[float, str]]:
    found = re.findall(r'class="tick" d="M([\d.]+)[^>]*>\s*<text[^>]*>([^<]*)</text>', plot)
    return [(float(x), label) for x, label in found]


def places(path: str) -> list[tuple[float, float]]:
    numbers = [float(n) for n in re.findall(r"[\d.]+", path)]
    return list(zip(numbers[::2], numbers[1::2]))


def test_numbers_of_hints_stand_at_log2_of_1_plus_x_with_a_tick_and_a_dot_each() -> None:
    plot = plot_of(Curve("C", "hints", "dB", {"s": (HINTS, [float(h) for h in HINTS])}, log1_x=True, x_ticks=HINTS))
    drawn_at, labels = zip(*ticks_of(plot))
    assert list(labels) == [str(h) for h in HINTS]
    expected = np.interp(np.log2(np.add(HINTS, 1)), [0, math.log2(129)], [drawn_at[0], drawn_at[-1]])
    assert drawn_at == pytest.approx(expected, abs=0.06)
    assert [float(x) for x in re.findall(r'<circle[^>]* cx="([\d.]+)"', plot)] == list(drawn_at)


def test_ticks_asked_for_are_all_there_and_an_axis_from_0_finds_its_own_and_leaves_out_what_lies_below() -> None:
    plot = plot_of(Curve("C", "x", "y", {"s": ([1, 2], [1, 2])}, x_ticks=[0.25, 1, 2.5, 12_800]))
    assert [label for _, label in ticks_of(plot)] == ["0.25", "1.00", "2.50", "12.8k"]
    assert all(50 <= x <= 390 for x, _ in ticks_of(plot))
    plot = plot_of(Curve("C", "hints", "dB", {"s": ([-1, 0, 16, 128], [1, 2, 3, 4])}, log1_x=True))
    labels = [label for _, label in ticks_of(plot)]
    assert [*labels[:2], labels[-1]] == ["0", "1", "128"]
    assert "1 point is not drawn: not finite, or below 0" in plot


def test_an_error_is_a_band_as_high_as_it_says_and_a_whisker_between_points_without() -> None:
    plot = plot_of(Curve("C", "x", "y", {"s": ([0, 1, 2], [10.0, 20.0, 30.0])}, errors={"s": [5.0, 1.0, 2.5]}))
    (band,) = re.findall(r'class="band s0" d="([^"]*)"', plot)
    points = places(band)
    dots = [(float(x), float(y)) for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', plot)]
    unit = (dots[0][1] - dots[2][1]) / 20
    for (x, y), top, bottom, error in zip(dots, points[:3], points[:2:-1], (5.0, 1.0, 2.5)):
        assert top == pytest.approx((x, y - error * unit), abs=0.15)
        assert bottom == pytest.approx((x, y + error * unit), abs=0.15)
    assert "s: 20 ± 1" in plot
    errors = {"s": [math.nan, 0.5, math.nan]}
    plot = plot_of(Curve("C", "x", "y", {"s": ([0, 1, 2], [1.0, 2.0, 3.0])}, errors=errors))
    assert 'class="band' not in plot
    assert plot.count('class="whisker s0"') == 1


POINTS = st.tuples(ANY_FLOAT, ANY_FLOAT, st.floats(min_value=0) | st.just(math.nan))


@settings(max_examples=100, deadline=None)
@given(st.lists(POINTS, max_size=40), st.lists(POINTS, max_size=3), st.booleans())
def test_any_numbers_at_all_give_a_finite_plot_in_its_frame(first: list, second: list, log1_x: bool) -> None:
    given = {"a": first, "b": second}
    series = {name: ([p[0] for p in points], [p[1] for p in points]) for name, points in given.items()}
    errors = {name: [p[2] for p in points] for name, points in given.items()}
    plot = plot_of(Curve("C", "x", "y", series, log1_x=log1_x, errors=errors))
    assert all(math.isfinite(n) and -1 <= n <= 401 for n in coordinates(plot))
    assert plot.count('class="gridline"') <= 15
