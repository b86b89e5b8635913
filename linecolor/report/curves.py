"""Curves over training as SVG: thinned without losing a spike, smoothed where they are noisy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linecolor.report.axes import Axis

Numbers = Sequence[float] | np.ndarray

PLOT = {"width": 400, "height": 250, "left": 50, "right": 10, "top": 18, "bottom": 34}
"""The drawing's size and margins, in the units of its view box."""

_PALETTE_SIZE = 8
_BUCKETS = 300


@dataclass(frozen=True)
class Curve:
    """A diagram; series maps a name to (x values, y values). Non-finite points are left out and counted."""

    title: str
    x_label: str
    y_label: str
    series: Mapping[str, tuple[Numbers, Numbers]]
    log_x: bool = False
    log_y: bool = False


def draw_curve(curve: Curve) -> dict[str, Any]:
    """A diagram for the template: paths and dots in the units of PLOT, ticks, and the values to hover over.

    Raises:
        ValueError: a series with unequal numbers of x and y values.
    """
    cleaned = {name: _clean(curve, name) for name in curve.series}
    drawn = {name: (x, y) for name, (x, y, _) in cleaned.items() if len(x)}
    shown: dict[str, Any] = {"curve": curve, "series": [], "skipped": sum(c[2] for c in cleaned.values())}
    if not drawn:
        return shown
    right, bottom = PLOT["width"] - PLOT["right"], PLOT["height"] - PLOT["bottom"]
    all_x, all_y = (np.concatenate([pair[i] for pair in drawn.values()]) for i in (0, 1))
    low_y, high_y = _span(all_y, 0.05)
    if not curve.log_y and all_y.min() >= 0 > low_y:
        low_y = 0.0
    x_axis = Axis(*_span(all_x, 0.0), PLOT["left"], right, curve.log_x)
    y_axis = Axis(low_y, high_y, bottom, PLOT["top"], curve.log_y)
    for number, name in enumerate(drawn):
        px, py = x_axis.place(drawn[name][0]), y_axis.place(drawn[name][1])
        raw_x, raw_y = px, py
        bucket = ((px - PLOT["left"]) / (right - PLOT["left"]) * _BUCKETS).astype(int)
        if len(px) > 2 * _BUCKETS:
            # Lowest and highest of a bucket keep the spikes that a plain thinning would hide.
            edges = np.flatnonzero(np.diff(bucket, prepend=-1))
            raw_x = np.repeat(px[edges], 2)
            raw_y = np.stack([np.minimum.reduceat(py, edges), np.maximum.reduceat(py, edges)], axis=1).ravel()
        smooth = _path(*_smooth(px, py, bucket)) if len(px) > 24 and _is_noisy(py) else ""
        shown["series"].append(
            {
                "name": name,
                "style": f"s{number % _PALETTE_SIZE}{' dashed' if number >= _PALETTE_SIZE else ''}",
                "raw": _path(raw_x, raw_y),
                "smooth": smooth,
                "dots": [(float(a), float(b)) for a, b in zip(px, py)] if len(px) <= 24 else [],
                "last": _short_value(10 ** drawn[name][1][-1] if curve.log_y else drawn[name][1][-1]),
            }
        )
    shown |= {"x_ticks": x_axis.ticks(), "y_ticks": y_axis.ticks(), "hovers": _hovers(curve, drawn, x_axis)}
    return shown


def _span(values: np.ndarray, margin: float) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    if high - low <= max(1e-9 * max(abs(low), abs(high)), 1e-300):
        half = max(abs(low) * 0.1, 0.5)
        return low - half, high + half
    pad = (high - low) * margin
    return low - pad, high + pad


def _clean(curve: Curve, name: str) -> tuple[np.ndarray, np.ndarray, int]:
    """A series in transformed units, sorted by x, and the number of points that cannot be drawn."""
    xs, ys = (np.asarray(list(values), dtype=np.float64) for values in curve.series[name])
    if len(xs) != len(ys):
        raise ValueError(f"curve {curve.title!r}, series {name!r}: {len(xs)} x values for {len(ys)} y values")
    with np.errstate(all="ignore"):
        tx, ty = (np.log10(xs) if curve.log_x else xs), (np.log10(ys) if curve.log_y else ys)
        # Beyond these, differences of doubles (or powers of ten) overflow.
        limit_x, limit_y = (250.0 if log else 1e300 for log in (curve.log_x, curve.log_y))
        good = (np.abs(tx) < limit_x) & (np.abs(ty) < limit_y)  # false for NaN and infinity
    order = np.argsort(tx[good], kind="stable")
    return tx[good][order], ty[good][order], int((~good).sum())


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


def _short_value(value: float) -> str:
    return f"{value:,.4g}".replace("e-0", "e-").replace("-", "−")


def _hovers(curve: Curve, drawn: dict[str, tuple[np.ndarray, np.ndarray]], axis: Axis) -> list[dict[str, Any]]:
    """Invisible columns over the plot whose title tells the values of every series there."""
    width = (axis.end - axis.start) / 40
    columns = []
    for number in range(40):
        middle = axis.low + (number + 0.5) / 40 * (axis.high - axis.low)
        lines: list[str] = []
        for name, (x, y) in drawn.items():
            at = int(np.argmin(np.abs(x - middle)))
            if abs(x[at] - middle) <= (axis.high - axis.low) / 40:
                there = 10 ** x[at] if curve.log_x else x[at]
                lines = lines or [f"{curve.x_label} {there:,.6g}"]
                lines.append(f"{name}: {_short_value(10 ** y[at] if curve.log_y else y[at])}")
        if lines:
            columns.append({"x": axis.start + number * width, "width": width, "title": "\n".join(lines)})
    return columns
