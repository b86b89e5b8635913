"""Axes of a diagram: round or given ticks on a linear or logarithmic scale, and their labels."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scale:
    """How values become transformed units and back.

    Attributes:
        forward: transforms an array of values; NaN or infinite for those without a place.
        backward: a value from its transformed one.
        limit: the largest magnitude of a transformed value; beyond it differences overflow a double.
    """

    forward: Callable[[np.ndarray], np.ndarray]
    backward: Callable[[float], float]
    limit: float

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Transformed values, NaN for those that cannot be drawn."""
        with np.errstate(all="ignore"):
            transformed = self.forward(values)
            return np.where(np.abs(transformed) < self.limit, transformed, np.nan)


def _log1(values: np.ndarray) -> np.ndarray:
    return np.where(values >= 0, np.log1p(values) / math.log(2), np.nan)


LINEAR = Scale(lambda values: values, float, 1e300)
LOG1 = Scale(_log1, lambda value: math.expm1(value * math.log(2)), 800.0)
"""log2(1 + x) from 0 on: for numbers such as 0, 1, 2, 4 ... 128, which no logarithm alone can place."""


@dataclass(frozen=True)
class Axis:
    """One axis: low and high in the scale's transformed units, drawn from start to end; wanted: ticks asked for."""

    low: float
    high: float
    start: float
    end: float
    scale: Scale = LINEAR
    wanted: tuple[float, ...] = ()

    def place(self, values: np.ndarray) -> np.ndarray:
        """Where transformed values lie between start and end."""
        return self.start + (values - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[tuple[float, str]]:
        """The ticks asked for, or else round numbers within the axis: (place, label) each."""
        if self.wanted:
            step = _precision(self.wanted)
            values, label = list(self.wanted), lambda v: _short(v, step)
        elif self.scale is LINEAR:
            values, label = self._linear_ticks(self.low, self.high)
        else:
            values, label = self._log1_ticks()
        places = self.place(self.scale.transform(np.asarray(values, dtype=np.float64)))
        # A span around a single huge value may reach beyond what the scale can place.
        return [(float(p), label(v)) for p, v in zip(places, values) if math.isfinite(p)]

    def _log1_ticks(self) -> tuple[list[float], Callable[[float], str]]:
        stride = max(1, math.ceil((self.high - self.low) / 8))
        powers = [2.0**k for k in range(0, max(0, math.ceil(self.high)) + 1, stride)]
        inside = [v for v in (0.0, *powers) if self.low <= math.log2(1 + v) <= self.high]
        if len(inside) >= 2:
            return inside, lambda v: _short(v, 0)
        low = max(0.0, self.scale.backward(self.low))
        return self._linear_ticks(low, self.scale.backward(self.high))

    @staticmethod
    def _linear_ticks(low: float, high: float) -> tuple[list[float], Callable[[float], str]]:
        rough = (high - low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = power * min((m for m in (1, 2, 5, 10) if m * power >= rough * 0.999), default=10)
        first = math.ceil(low / step - 1e-9)
        values = [i * step for i in range(first, first + 12) if i * step <= high + step * 1e-9]
        return values, lambda v: _short(v, step)


def _precision(values: tuple[float, ...]) -> float:
    """The power of ten that all values are multiples of."""
    exact = (d for d in range(9) if all(math.isclose(v, round(v, d), rel_tol=1e-9, abs_tol=1e-12) for v in values))
    return 10.0 ** -next(exact, 9)


def _short(value: float, step: float) -> str:
    """A tick label: 0.25, 1,500, 280k, 1.5M; with as many decimals as the step between ticks needs."""
    size = abs(value)
    if size == 0:
        return "0"
    if not 1e-3 <= size < 1e12:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}".replace("-", "−")
    divisor, suffix = (1e6, "M") if size >= 1e6 else (1e3, "k") if size >= 1e4 else (1.0, "")
    smallest = (step or size or 1.0) / divisor
    decimals = min(9, max(0, -math.floor(math.log10(smallest) + 1e-9)))
    text = f"{value / divisor:,.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if suffix and "." in text else text
    return (text + suffix).replace("-", "−")
