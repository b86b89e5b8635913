"""The self-contained HTML report of a run: one file that opens anywhere, offline, on a phone and in print.

Everything shown is data from a run (names, configuration, pictures), so all text is escaped by Jinja2 and the
page carries a content security policy that lets nothing but its own script run and nothing load from outside.
"""

import base64
import hashlib
import heapq
import io
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from numbers import Integral, Real
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jinja2
import numpy as np
from markupsafe import Markup
from PIL import Image

Cell = str | float | int | np.generic | None
Numbers = Sequence[float] | np.ndarray

_LOSSLESS_PIXELS = 256 * 256
_MOST_PIXELS = 2048 * 2048
_LONGEST_SIDE = 16_383  # of the WebP format
# Format, quality and most pixels, from the best to the last resort. JPEG 4:4:4 comes before WebP because WebP
# halves the chroma resolution, which would look like colour running over the lines in the zoomed view.
_LADDER: tuple[tuple[str, int, int], ...] = (
    ("JPEG", 92, _MOST_PIXELS),
    ("WEBP", 92, _MOST_PIXELS),
    ("WEBP", 80, _MOST_PIXELS),
    ("WEBP", 80, 1_500_000),
    ("WEBP", 75, 500_000),
    ("WEBP", 70, 150_000),
    ("WEBP", 60, 40_000),
)
_PLOT = {"width": 400, "height": 250, "left": 50, "right": 10, "top": 18, "bottom": 34}
_PALETTE_SIZE = 8
_BUCKETS = 300


@dataclass(frozen=True)
class SheetRow:
    """One drawing of a sheet.

    images: one per column of the sheet, uint8 [0, 255], (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGB and alpha
        (a hint layer), of any size; None where there is no such picture (no truth, say).
    """

    name: str
    caption: str
    images: Sequence[np.ndarray | None]


@dataclass(frozen=True)
class Sheet:
    """Pictures side by side: a row a drawing, a column a kind (line, hints, draft, ..., truth).

    The column called "line" (or else a row's first grey picture) is shown pale beneath the hint layers.
    """

    title: str
    note: str
    columns: list[str]
    rows: list[SheetRow]


@dataclass(frozen=True)
class Curve:
    """A diagram; series maps a name to (x values, y values). Non-finite points are left out and counted."""

    title: str
    x_label: str
    y_label: str
    series: Mapping[str, tuple[Numbers, Numbers]]
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True)
class Table:
    """A table of figures; highlight maps a column to "max" or "min": its best number is set in bold."""

    title: str
    note: str
    columns: list[str]
    rows: list[list[Cell]]
    highlight: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """All a report shows. facts: key facts for the top; licence: name, url, attribution (each optional)."""

    title: str
    subtitle: str = ""
    facts: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    sheets: list[Sheet] = field(default_factory=list)
    config_yaml: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    licence: dict[str, str] | None = None
    created: str = ""


def render_report(report: Report, *, picture_bytes: int = 18_000_000) -> str:
    """The report as one HTML document without any reference to the outside but the licence's link.

    picture_bytes: bound on all embedded pictures together, in bytes before base64 (which adds a third).
        Beyond it the largest pictures are compressed harder, then reduced, until the sum fits or all are
        thumbnails.
    Raises ValueError for a picture that is not uint8 of a known shape, for rows that do not fit their
    columns, for series of unequal lengths and for an unknown highlight.
    """
    sheets, reduced, total = _sheets(report.sheets, picture_bytes)
    script = _resource("report.js")
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            tables=[_table(table) for table in report.tables],
            curves=[_curve(curve) for curve in report.curves],
            sheets=sheets,
            pictures_reduced=reduced,
            pictures_total=total,
            licence_url=_web_address((report.licence or {}).get("url", "")),
            plot=_PLOT,
            css=Markup(_resource("report.css")),
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )
    # A file name that is not valid UTF-8 reaches Python as lone surrogates, which no encoder takes.
    return page.encode("utf-8", "replace").decode("utf-8")


def write_report(path: str | os.PathLike[str], report: Report, *, picture_bytes: int = 18_000_000) -> Path:
    """Render the report into path, whole or not at all; folders are made. Returns the path.

    Raises what render_report raises, before path is touched, and OSError where the folder cannot be written.
    """
    target = Path(path)
    page = render_report(report, picture_bytes=picture_bytes)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        partial.write_text(page, encoding="utf-8", newline="\n")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("linecolor", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _resource(name: str) -> str:
    return files("linecolor").joinpath("templates", name).read_text(encoding="utf-8")


def _web_address(url: str) -> str:
    # Anything but the web (javascript:, data:, file:) stays plain text.
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.netloc else ""


# Pictures --------------------------------------------------------------------------------------------------


def _encode(array: np.ndarray, rung: int) -> tuple[bytes, str]:
    """Bytes and media type of a picture; rung 0 is lossless where that is small, the rest is _LADDER."""
    format_, quality, most_pixels = _LADDER[max(0, rung - 1)]
    height, width = array.shape[:2]
    scale = min(1.0, math.sqrt(most_pixels / (height * width)), _LONGEST_SIDE / max(height, width))
    image = Image.fromarray(array)
    if scale < 1.0:
        size = max(1, int(width * scale)), max(1, int(height * scale))
        image = image.resize(size, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    if rung == 0 and (height * width <= _LOSSLESS_PIXELS or _has_few_colors(array)):
        image.save(buffer, "WEBP", lossless=True, quality=50, method=2, exact=True)
        return buffer.getvalue(), "image/webp"
    if format_ == "JPEG" and image.mode == "RGB":
        image.save(buffer, "JPEG", quality=quality, subsampling=0)
        return buffer.getvalue(), "image/jpeg"
    image.save(buffer, "WEBP", quality=quality, method=2)
    return buffer.getvalue(), "image/webp"


def _has_few_colors(array: np.ndarray) -> bool:
    # Line art, hint layers and flat fills are smaller lossless than lossy; shaded pictures ten times larger.
    step = max(1, math.isqrt(array.shape[0] * array.shape[1] // 16_384))
    sample = array[::step, ::step].reshape(-1, array.shape[2] if array.ndim == 3 else 1)
    return len(np.unique(sample, axis=0)) <= len(sample) // 10 + 16


def _fit(arrays: list[np.ndarray], limit: int) -> list[tuple[bytes, str]]:
    """Encode pictures so that together they stay within limit bytes: the largest gives way first."""
    encoded = [_encode(array, 0) for array in arrays]
    total = sum(len(data) for data, _ in encoded)
    heap = [(-len(data), index, 0) for index, (data, _) in enumerate(encoded)]
    heapq.heapify(heap)
    while total > limit and heap:
        _, index, rung = heapq.heappop(heap)
        if rung == len(_LADDER):
            continue
        smaller = _encode(arrays[index], rung + 1)
        if len(smaller[0]) < len(encoded[index][0]):
            total -= len(encoded[index][0]) - len(smaller[0])
            encoded[index] = smaller
        heapq.heappush(heap, (-len(encoded[index][0]), index, rung + 1))
    return encoded


def _sheets(sheets: list[Sheet], limit: int) -> tuple[list[dict[str, Any]], int, int]:
    """The sheets for the template, how many pictures are stored reduced, and how many there are."""
    arrays: list[np.ndarray] = []
    for sheet in sheets:
        for row in sheet.rows:
            if len(row.images) != len(sheet.columns):
                raise ValueError(
                    f"sheet {sheet.title!r}, row {row.name!r}: {len(row.images)} pictures for "
                    f"{len(sheet.columns)} columns; give None where there is no picture"
                )
            for column, image in zip(sheet.columns, row.images):
                if image is not None:
                    _check_picture(image, f"sheet {sheet.title!r}, row {row.name!r}, column {column!r}")
                    arrays.append(image)
    encoded = iter(_fit(arrays, limit))
    reduced = 0
    shown = []
    for sheet in sheets:
        rows = []
        for row in sheet.rows:
            pictures: list[dict[str, Any] | None] = []
            for image in row.images:
                if image is None:
                    pictures.append(None)
                    continue
                data, media_type = next(encoded)
                width, height = Image.open(io.BytesIO(data)).size
                reduced += (height, width) != image.shape[:2]
                pictures.append(
                    {
                        "uri": f"data:{media_type};base64,{base64.b64encode(data).decode()}",
                        "size": image.shape[1::-1],
                        "stored": (width, height),
                        "alpha": image.ndim == 3 and image.shape[2] == 4,
                    }
                )
            rows.append({"row": row, "pictures": pictures, "line": _line_column(sheet, row)})
        shown.append({"sheet": sheet, "rows": rows})
    return shown, reduced, len(arrays)


def _check_picture(image: np.ndarray, where: str) -> None:
    shape_is_known = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (3, 4))
    if image.dtype != np.uint8 or not shape_is_known or 0 in image.shape:
        raise ValueError(
            f"{where}: a picture must be uint8 of shape (H, W), (H, W, 3) RGB or (H, W, 4) RGB and alpha, "
            f"not {image.dtype} {image.shape}"
        )


def _line_column(sheet: Sheet, row: SheetRow) -> int | None:
    named = [i for i, column in enumerate(sheet.columns) if column.strip().lower() == "line"]
    grey = [i for i, image in enumerate(row.images) if image is not None and image.ndim == 2]
    return next((i for i in named + grey if row.images[i] is not None), None)


# Tables ----------------------------------------------------------------------------------------------------


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


def _is_finite(value: Any) -> bool:
    return _is_number(value) and math.isfinite(value)


def _decimals(largest: float) -> int:
    # For the largest number of a column: 1234, 123.4, 12.34, 1.23, 0.123, 0.00123.
    if largest == 0:
        return 2
    digits = 3 - math.floor(math.log10(largest))
    return min(2, max(0, digits)) if largest >= 1 else min(12, digits - 1)


def _cell_text(value: Cell, decimals: int) -> str:
    if value is None:
        return "–"
    if not _is_number(value):
        return str(value)
    if isinstance(value, Integral):
        return f"{int(value):,}".replace("-", "−")
    number = float(value)
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "∞" if number > 0 else "−∞"
    text = f"{number:.3e}" if abs(number) >= 1e12 else f"{number:,.{decimals}f}"
    return text.replace("-", "−")


def _table(table: Table) -> dict[str, Any]:
    for row in table.rows:
        if len(row) != len(table.columns):
            raise ValueError(f"table {table.title!r}: {len(row)} cells for {len(table.columns)} columns: {row}")
    for column, best in table.highlight.items():
        if column not in table.columns or best not in ("max", "min"):
            raise ValueError(
                f"table {table.title!r}: highlight {column!r}: {best!r} is no column of it with max or min"
            )
    columns = []
    for name, cells in zip(table.columns, zip(*table.rows) if table.rows else [()] * len(table.columns)):
        finite = [float(cell) for cell in cells if _is_finite(cell)]
        decimals = _decimals(max((abs(number) for number in finite), default=0.0))
        texts = [_cell_text(cell, decimals) for cell in cells]
        choose = {"max": max, "min": min}.get(table.highlight.get(name, ""))
        best_number = choose(finite) if choose and len(finite) > 1 else None
        given = [cell for cell in cells if cell is not None]
        columns.append(
            {
                "name": name,
                "numeric": bool(given) and all(_is_number(c) or str(c)[:1] in "+-−±<≥≤0123456789" for c in given),
                "best": [_is_finite(cell) and float(cell) == best_number for cell in cells],
                "texts": texts,
            }
        )
    return {"table": table, "columns": columns, "count": len(table.rows)}


# Curves ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Axis:
    """One axis: low and high in transformed (linear or log10) units, drawn from start to end."""

    low: float
    high: float
    start: float
    end: float
    log: bool

    def place(self, values: np.ndarray) -> np.ndarray:
        return self.start + (values - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[tuple[float, str]]:
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


def _curve(curve: Curve) -> dict[str, Any]:
    cleaned = {name: _clean(curve, name) for name in curve.series}
    drawn = {name: (x, y) for name, (x, y, _) in cleaned.items() if len(x)}
    shown: dict[str, Any] = {"curve": curve, "series": [], "skipped": sum(c[2] for c in cleaned.values())}
    if not drawn:
        return shown
    right, bottom = _PLOT["width"] - _PLOT["right"], _PLOT["height"] - _PLOT["bottom"]
    all_x, all_y = (np.concatenate([pair[i] for pair in drawn.values()]) for i in (0, 1))
    low_y, high_y = _span(all_y, 0.05)
    if not curve.log_y and all_y.min() >= 0 > low_y:
        low_y = 0.0
    x_axis = _Axis(*_span(all_x, 0.0), _PLOT["left"], right, curve.log_x)
    y_axis = _Axis(low_y, high_y, bottom, _PLOT["top"], curve.log_y)
    for number, name in enumerate(drawn):
        px, py = x_axis.place(drawn[name][0]), y_axis.place(drawn[name][1])
        raw_x, raw_y = px, py
        bucket = ((px - _PLOT["left"]) / (right - _PLOT["left"]) * _BUCKETS).astype(int)
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


def _short_value(value: float) -> str:
    return f"{value:,.4g}".replace("e-0", "e-").replace("-", "−")


def _hovers(curve: Curve, drawn: dict[str, tuple[np.ndarray, np.ndarray]], axis: _Axis) -> list[dict[str, Any]]:
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
