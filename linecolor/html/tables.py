"""Tables of figures, set so that their numbers compare down a column."""

import math
import re
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, TypeGuard

import numpy as np

Cell = str | float | int | np.generic | None

_LEADING_NUMBER = re.compile(r"\s*([+\-−]?[0-9][0-9,]*(?:\.[0-9]+)?(?:e[+\-−]?[0-9]+)?)")
_FIGURE_SPACE = "\u2007"  # as wide as a digit, and never collapsed


@dataclass(frozen=True)
class Table:
    """A table of figures; highlight maps a column to "max" or "min": its best number is set in bold.

    A text such as "47.87 ± 2.71" stands to the right like a number, and its leading number counts for the highlight.
    """

    title: str
    note: str
    columns: list[str]
    rows: list[list[Cell]]
    highlight: dict[str, str] = field(default_factory=dict)


def lay_out_table(table: Table) -> dict[str, Any]:
    """A table for the template: every cell as text, decimals alike down a column, the best numbers marked.

    Raises:
        ValueError: a row that does not fit the columns, or an unknown highlight.
    """
    for row in table.rows:
        if len(row) != len(table.columns):
            raise ValueError(f"table {table.title!r}: {len(row)} cells for {len(table.columns)} columns: {row}")
    for column, best in table.highlight.items():
        if column not in table.columns or best not in ("max", "min"):
            where = f"table {table.title!r}: highlight {column!r}"
            raise ValueError(f"{where}: {best!r} is no column of it with max or min")
    columns = []
    for name, cells in zip(table.columns, zip(*table.rows) if table.rows else [()] * len(table.columns)):
        finite = [float(cell) for cell in cells if _is_number(cell) and math.isfinite(cell)]
        decimals = _decimals(max((abs(number) for number in finite), default=0.0))
        texts = _align_errors([_cell_text(cell, decimals) for cell in cells])
        choose = {"max": max, "min": min}.get(table.highlight.get(name, ""))
        compared = [_leading_number(cell) for cell in cells]
        known = [number for number in compared if number is not None]
        best_number = choose(known) if choose and len(known) > 1 else None
        given = [cell for cell in cells if cell is not None]
        numeric = bool(given) and all(_is_number(c) or str(c)[:1] in "(+-−±<≥≤0123456789" for c in given)
        best_ones = [number is not None and number == best_number for number in compared]
        columns.append({"name": name, "numeric": numeric, "best": best_ones, "texts": texts})
    return {"table": table, "columns": columns, "count": len(table.rows)}


def _leading_number(cell: Cell) -> float | None:
    """What a cell counts for among the others: its number, or that which its text begins with, if finite."""
    if isinstance(cell, str):
        found = _LEADING_NUMBER.match(cell)
        number = float(found[1].replace(",", "").replace("−", "-")) if found else math.nan
    else:
        number = float(cell) if _is_number(cell) else math.nan
    return number if math.isfinite(number) else None


def _align_errors(texts: list[str]) -> list[str]:
    # Without this "9.50 ± 12.71" above "9.81 ± 2.71" would not have its 9 above the other.
    parts = [text.partition("±") for text in texts]
    width = max((len(error) for _, _, error in parts), default=0)
    return [
        f"{value}{sign} {error.strip().rjust(width - 1, _FIGURE_SPACE)}" if value and error[:1] == " " else text
        for text, (value, sign, error) in zip(texts, parts)
    ]


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


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
        text = f"{int(value):,}"
    elif math.isfinite(number := float(value)):
        text = f"{number:.3e}" if abs(number) >= 1e12 else f"{number:,.{decimals}f}"
    else:
        text = "NaN" if math.isnan(number) else "∞" if number > 0 else "-∞"
    return text.replace("-", "−")


def table_text(table: Table) -> str:
    """A report's table as lines of text: numbers to the right, words to the left."""
    columns = lay_out_table(table)["columns"]
    cells = [[column["name"], *column["texts"]] for column in columns]
    widths = [max(map(len, column)) for column in cells]
    lines = []
    for row in zip(*cells):
        aligned = [c.rjust(w) if column["numeric"] else c.ljust(w) for c, w, column in zip(row, widths, columns)]
        lines.append("  ".join(aligned).rstrip())
    return "\n".join(lines)
