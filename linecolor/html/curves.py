"""Curves as SVG: thinned without losing a spike, smoothed where they are noisy, with bands for their errors."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from linecolor.html.axes import LINEAR, LOG1, Axis, Scale

Numbers = Sequence[float] | np.ndarray

PLOT = {"width": 400, "height": 250, "left": 50, "right": 10, "top": 18, "bottom": 34}
"""The drawing's size and margins, in the units of its view box."""

_PALETTE_SIZE = 8
_BUCKETS = 300


@dataclass(frozen=True)
class Curve:
    """A diagram; series maps a name to (x values, y values). Non-finite points are left out and counted.

    Attributes:
        errors: by the name of a series, the ± of each of its points in the units of y, drawn as a light band (as a
            whisker where a point stands alone); nothing is drawn where it is not finite.
        x_ticks: ticks at exactly these x, which the axis then spans; round numbers where there are none.
        log1_x: the x axis is log2(1 + x), for numbers that double and begin with 0; x below 0 is left out.
    """

    title: str
    x_label: str
    y_label: str
    series: Mapping[str, tuple[Numbers, Numbers]]
    errors: Mapping[str, Numbers] = field(default_factory=dict)
    x_ticks: Sequence[float] = ()
    log1_x: bool = False

    @property
    def x_scale(self) -> Scale:
        """Of the x axis."""
        return LOG1 if self.log1_x else LINEAR


@dataclass(frozen=True)
class _Series:
    """The points of a series that can be drawn, sorted by x.

    Attributes:
        x: (N,) in transformed units.
        y: (N,).
        low, high: (N,) the ends of the error, NaN where there is none.
        error: (N,) ± in the units of y, NaN where there is none.
        skipped: the number of points that cannot be drawn.
    """

    x: np.ndarray
    y: np.ndarray
    low: np.ndarray
    high: np.ndarray
    error: np.ndarray
    skipped: int

    def text(self, at: int) -> str:
        """A value as people read it, with its ± where there is one."""
        error = f" ± {self.error[at]:,.2g}" if math.isfinite(self.error[at]) else ""
        return f"{self.y[at]:,.4g}{error}".replace("e-0", "e-").replace("-", "−")


def draw_curve(curve: Curve) -> dict[str, Any]:
    """A diagram for the template: paths and dots in the units of PLOT, ticks, and the values to hover over.

    Raises:
        ValueError: a series with unequal numbers of x and y values or errors, a negative error, errors of no series,
            or a tick that has no place on the axis.
    """
    ticks = _check(curve)
    cleaned = {name: _clean(curve, name) for name in curve.series}
    drawn = {name: series for name, series in cleaned.items() if len(series.x)}
    shown: dict[str, Any] = {"curve": curve, "series": [], "skipped": sum(s.skipped for s in cleaned.values())}
    if not drawn:
        return shown
    right, bottom = PLOT["width"] - PLOT["right"], PLOT["height"] - PLOT["bottom"]
    all_x = np.concatenate([ticks, *(series.x for series in drawn.values())])
    all_y = np.concatenate([values for series in drawn.values() for values in (series.y, series.low, series.high)])
    all_y = all_y[np.isfinite(all_y)]
    low_y, high_y = _span(all_y, 0.05)
    if all_y.min() >= 0 > low_y:
        low_y = 0.0
    x_axis = Axis(*_span(all_x, 0.0), PLOT["left"], right, curve.x_scale, tuple(curve.x_ticks))
    y_axis = Axis(low_y, high_y, bottom, PLOT["top"])
    for number, (name, series) in enumerate(drawn.items()):
        px, py = x_axis.place(series.x), y_axis.place(series.y)
        raw_x, raw_y, band_x = px, py, px
        low, high = y_axis.place(series.low), y_axis.place(series.high)
        bucket = ((px - PLOT["left"]) / (right - PLOT["left"]) * _BUCKETS).astype(int)
        if len(px) > 2 * _BUCKETS:
            # Lowest and highest of a bucket keep the spikes that a plain thinning would hide.
            edges = np.flatnonzero(np.diff(bucket, prepend=-1))
            raw_x = np.repeat(px[edges], 2)
            raw_y = np.stack([np.minimum.reduceat(py, edges), np.maximum.reduceat(py, edges)], axis=1).ravel()
            # On the page y grows downwards: the low end of an error is the larger number.
            band_x, low, high = px[edges], np.fmax.reduceat(low, edges), np.fmin.reduceat(high, edges)
        smooth = _path(*_smooth(px, py, bucket)) if len(px) > 24 and _is_noisy(py) else ""
        bands, whiskers = _error_paths(band_x, low, high)
        shown["series"].append(
            {
                "name": name,
                "style": f"s{number % _PALETTE_SIZE}{' dashed' if number >= _PALETTE_SIZE else ''}",
                "raw": _path(raw_x, raw_y),
                "smooth": smooth,
                "bands": bands,
                "whiskers": whiskers,
                "dots": [(float(a), float(b)) for a, b in zip(px, py)] if len(px) <= 24 else [],
                "last": series.text(-1),
            }
        )
    shown |= {"x_ticks": x_axis.ticks(), "y_ticks": y_axis.ticks(), "hovers": _hovers(curve, drawn, x_axis)}
    return shown


def _check(curve: Curve) -> np.ndarray:
    """The places of the ticks asked for, in transformed units."""
    where = f"curve {curve.title!r}"
    unknown = [name for name in curve.errors if name not in curve.series]
    if unknown:
        raise ValueError(f"{where}: errors of {unknown[0]!r}, which is no series of it")
    ticks = curve.x_scale.transform(np.asarray(list(curve.x_ticks), dtype=np.float64))
    if np.isnan(ticks).any():
        wrong = curve.x_ticks[int(np.argmax(np.isnan(ticks)))]
        raise ValueError(f"{where}: an x tick at {wrong} has no place on its axis; log1_x begins with 0")
    return ticks


def _span(values: np.ndarray, margin: float) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    if high - low <= max(1e-9 * max(abs(low), abs(high)), 1e-300):
        half = max(abs(low) * 0.1, 0.5)
        return low - half, high + half
    pad = (high - low) * margin
    return low - pad, high + pad


def _clean(curve: Curve, name: str) -> _Series:
    where = f"curve {curve.title!r}, series {name!r}"
    xs, ys = (np.asarray(list(values), dtype=np.float64) for values in curve.series[name])
    if len(xs) != len(ys):
        raise ValueError(f"{where}: {len(xs)} x values for {len(ys)} y values")
    errors = np.asarray(list(curve.errors.get(name, [math.nan] * len(ys))), dtype=np.float64)
    if len(errors) != len(ys):
        raise ValueError(f"{where}: {len(errors)} errors for {len(ys)} y values")
    if (errors < 0).any():
        raise ValueError(f"{where}: an error of {errors.min()}; what follows ± must not be negative")
    tx, ty = curve.x_scale.transform(xs), LINEAR.transform(ys)
    with np.errstate(all="ignore"):
        low, high = LINEAR.transform(ys - errors), LINEAR.transform(ys + errors)
    given = np.isfinite(low) & np.isfinite(high)
    low, high, errors = (np.where(given, values, np.nan) for values in (low, high, errors))
    good = np.isfinite(tx) & np.isfinite(ty)
    order = np.flatnonzero(good)[np.argsort(tx[good], kind="stable")]
    return _Series(tx[order], ty[order], low[order], high[order], errors[order], int((~good).sum()))


def _error_paths(x: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[list[str], list[str]]:
    """Closed paths round the runs of points with an error, and whiskers of those that stand alone."""
    known = np.flatnonzero(np.isfinite(low))
    runs = [run for run in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1) if len(run)]
    round_trips = [(np.r_[x[run], x[run][::-1]], np.r_[high[run], low[run][::-1]]) for run in runs if len(run) > 1]
    bands = [_path(*trip) + "Z" for trip in round_trips]
    alone = [int(run[0]) for run in runs if len(run) == 1]
    return bands, [f"M{x[at]:.1f} {low[at]:.1f}V{high[at]:.1f}" for at in alone]


def _smooth(x: np.ndarray, y: np.ndarray, bucket: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centred moving average over a tenth of the points, on at most _BUCKETS means."""
    _, index, counts = np.unique(bucket, return_inverse=True, return_counts=True)
    mx, my = (np.bincount(index, weights=values) / counts for values in (x, y))
    window = np.hanning(max(5, len(mx) // 10 | 1) + 2)[1:-1]
    if len(mx) < len(window):
        return mx, my
    weight = np.convolve(np.ones(len(mx)), window, "same")
    return mx, np.convolve(my, window, "same") / weight


def _is_noisy(y: np.ndarray) -> bool:
    # A learning rate's steps must not be rounded off: only what goes up and down a lot is smoothed.
    return bool(np.abs(np.diff(y)).sum() > 3 * np.ptp(y))


def _path(x: np.ndarray, y: np.ndarray) -> str:
    return "M" + "L".join(f"{px:.1f} {py:.1f}" for px, py in zip(x, y)) if len(x) > 1 else ""


def _hovers(curve: Curve, drawn: Mapping[str, _Series], axis: Axis) -> list[dict[str, Any]]:
    """Invisible columns over the plot whose title tells the values of every series there."""
    width = (axis.end - axis.start) / 40
    columns = []
    for number in range(40):
        middle = axis.low + (number + 0.5) / 40 * (axis.high - axis.low)
        lines: list[str] = []
        for name, series in drawn.items():
            at = int(np.argmin(np.abs(series.x - middle)))
            if abs(series.x[at] - middle) <= (axis.high - axis.low) / 40:
                lines = lines or [f"{curve.x_label} {curve.x_scale.backward(series.x[at]):,.6g}"]
                lines.append(f"{name}: {series.text(at)}")
        if lines:
            columns.append({"x": axis.start + number * width, "width": width, "title": "\n".join(lines)})
    return columns
