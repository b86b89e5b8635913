"""Axes of a diagram: round ticks on a linear or logarithmic scale, and their labels."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Axis:
    """One axis: low and high in transformed (linear or log10) units, drawn from start to end."""

    low: float
    high: float
    start: float
    end: float
    log: bool

    def place(self, values: np.ndarray) -> np.ndarray:
        """Where transformed values lie between start and end."""
        return self.start + (values - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[tuple[float, str]]:
        """Round numbers within the axis: (place, label) each."""
        values, label = self._log_ticks() if self.log else self._linear_ticks(self.low, self.high)
        transformed = np.log10(values) if self.log else np.asarray(values)
        return [(float(p), label(v)) for p, v in zip(self.place(transformed), values)]

    def _log_ticks(self) -> tuple[list[float], Callable[[float], str]]:
        first, last = math.floor(self.low), math.ceil(self.high)
        stride = max(1, (last - first) // 6)
        mantissas = (1, 2, 5) if last - first <= 2 else (1,)
        values = [m * 10.0**k for k in range(first, last + 1, stride) for m in mantissas]
        inside = [v for v in values if self.low <= math.log10(v) <= self.high]
        if len(inside) >= 2:
            return inside, lambda v: _short(v, 0)
        return self._linear_ticks(10.0**self.low, 10.0**self.high)

    @staticmethod
    def _linear_ticks(low: float, high: float) -> tuple[list[float], Callable[[float], str]]:
        rough = (high - low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = power * min((m for m in (1, 2, 5, 10) if m * power >= rough * 0.999), default=10)
        first = math.ceil(low / step - 1e-9)
        values = [i * step for i in range(first, first + 12) if i * step <= high + step * 1e-9]
        return values, lambda v: _short(v, step)


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
