import math
import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from linecolor.html import Report, Table, render_report

ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True)


def cells(table: Table) -> list[tuple[str, str]]:
    html = render_report(Report("run", tables=[table]))
    return re.findall(r'<td class="([^"]*)">([^<]*)</td>', html)


def test_the_best_finite_number_of_a_column_is_set_in_bold() -> None:
    rows = [["a", 21.5, 60.0], ["b", math.nan, None], ["c", math.inf, 47.125], ["d", 21.5, 99]]
    table = Table("T", "", ["method", "PSNR", "FID"], rows, {"PSNR": "max", "FID": "min"})
    assert cells(table) == [
        ("", "a"), ("number best", "21.50"), ("number", "60.00"),
        ("", "b"), ("number", "NaN"), ("number", "–"),
        ("", "c"), ("number", "∞"), ("number best", "47.12"),
        ("", "d"), ("number best", "21.50"), ("number", "99"),
    ]  # fmt: skip


def test_numbers_keep_their_meaning_in_a_table() -> None:
    rows = [[np.float32(0.8612), 280_000, True], [-0.5, -3, "yes"], [0.0, np.int64(7), None]]
    shown = " ".join(text for _, text in cells(Table("T", "", ["a", "b", "c"], rows)))
    assert shown == "0.861 280,000 True −0.500 −3 yes 0.000 7 –"


def test_figures_with_their_errors_compare_down_a_column() -> None:
    column = ["47.87 ± 12.71", "102.40 ± 2.71", "−0.42 ± 0.31", None]
    shown = cells(Table("T", "", ["FID"], [[cell] for cell in column], {"FID": "min"}))
    assert [kind for kind, _ in shown] == ["number", "number", "number best", "number"]
    space = "\u2007"
    assert [text for _, text in shown] == ["47.87 ± 12.71", f"102.40 ± {space}2.71", f"−0.42 ± {space}0.31", "–"]


def test_the_best_is_found_by_the_leading_number_of_a_text() -> None:
    column = ["9.80 ± 3.00 dB", "1,047.87 ± 2.71 dB", "no number", "+12.00", "1e999"]
    for best, expected in (("max", 1), ("min", 0)):
        shown = cells(Table("T", "", ["PSNR"], [[cell] for cell in column], {"PSNR": best}))
        assert ["best" in kind for kind, _ in shown] == [number == expected for number in range(5)]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(), ANY_FLOAT, st.text(max_size=5)), min_size=1, max_size=6))
def test_any_cells_at_all_give_a_table(column: list[str | float | int | None]) -> None:
    table = Table("T", "", ["a"], [[cell] for cell in column], {"a": "max"})
    html = render_report(Report("run", tables=[table]))
    assert html.count("<td ") == len(column)
