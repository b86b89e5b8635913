import math
import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from linecolor.report import Curve, Report, render_report

ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True)


def plot_of(curve: Curve) -> str:
    html = render_report(Report("run", curves=[curve]))
    return html[html.index('<figure class="curve">') : html.index("</figure>")]


def coordinates(plot: str) -> list[float]:
    paths = re.findall(r' d="([^"]*)"', plot)
    placed = re.findall(r' (?:x|y|cx|cy|width)="([^"]*)"', plot)
    return [float(n) for text in paths + placed for n in re.findall(r"-?[\d.]+|nan|inf", text)]


def test_non_finite_points_are_skipped_and_counted() -> None:
    curve = Curve("C", "step", "loss", {"s": ([1, 2, 3, 4, 5], [1.0, math.nan, math.inf, 2.0, -1.0])}, log_y=True)
    plot = plot_of(curve)
    assert plot.count("<circle") == 2
    assert "3 points are not drawn: not finite, or not positive on a log axis" in plot
    assert all(math.isfinite(n) for n in coordinates(plot))


def test_one_point_is_a_dot_and_no_point_a_sentence() -> None:
    dot = plot_of(Curve("C", "step", "FID", {"fid": ([3], [47.8])}))
    assert dot.count("<circle") == 1
    nothing: list[dict[str, tuple[list[float], list[float]]]]
    nothing = [{}, {"fid": ([], [])}, {"fid": ([1.0], [math.nan])}]
    for series in nothing:
        empty = plot_of(Curve("C", "step", "FID", series))
        assert "No data" in empty
        assert 'class="plot"' not in empty


def test_a_long_noisy_series_is_thinned_with_its_spike_and_smoothed_over_it() -> None:
    x = np.arange(20_000.0)
    y = np.random.default_rng(0).normal(1, 0.1, len(x))
    y[7_777] = 50.0
    plot = plot_of(Curve("C", "step", "loss", {"s": (x, y)}))
    raw, smooth = re.findall(r'class="line s0( raw)?" d="(M[^"]{200,})"', plot)
    highest = [min(float(p.split()[1]) for p in path[1:].split("L")) for _, path in (raw, smooth)]
    assert (raw[0], smooth[0]) == (" raw", "")
    assert highest[0] < 40 < highest[1]
    assert len(plot) < 60_000


def test_a_schedule_with_steps_is_not_rounded_off() -> None:
    x = np.arange(1_000.0)
    plot = plot_of(Curve("C", "step", "lr", {"lr": (x, np.where(x < 500, 1e-4, 1e-5))}, log_y=True))
    assert " raw" not in plot
    assert "1e−4" in plot


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(ANY_FLOAT, ANY_FLOAT), max_size=40),
    st.lists(st.tuples(ANY_FLOAT, ANY_FLOAT), max_size=3),
    st.booleans(),
    st.booleans(),
)
def test_any_numbers_at_all_give_a_finite_plot_in_its_frame(
    first: list[tuple[float, float]], second: list[tuple[float, float]], log_x: bool, log_y: bool
) -> None:
    series = {n: ([p[0] for p in s], [p[1] for p in s]) for n, s in (("a", first), ("b", second))}
    plot = plot_of(Curve("C", "x", "y", series, log_x, log_y))
    assert all(math.isfinite(n) and -1 <= n <= 401 for n in coordinates(plot))
    assert plot.count('class="gridline"') <= 15
