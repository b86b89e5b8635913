"""A set of systems measured and told: rows, figures, files, tables."""

import json
import math

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from linecolor.evaluation.full_size import FullSizeEvaluation
from linecolor.evaluation.hint_levels import WITHOUT, ProtocolHints, level_name
from linecolor.evaluation.measurement import Measurement
from linecolor.evaluation.methods import ReferenceMethod, Result
from linecolor.evaluation.metrics.psnr import psnr
from linecolor.evaluation.metrics.ssim import ssim
from linecolor.evaluation.references import REFERENCES
from linecolor.evaluation.results import FIGURES, ROWS, Measured, MeasuredMethod
from linecolor.reports.method_tables import cost_table, difference_tables, quality_tables, table_2, warnings
from linecolor.reports.methods import Presentation, write_methods_report
from linecolor.samples import FullDrawing

SHAPE = (48, 64)


def drawing(seed: int) -> FullDrawing:
    random = np.random.default_rng(seed)
    line = np.full(SHAPE, 255, np.uint8)
    color = np.full((*SHAPE, 3), 255, np.uint8)
    paint = tuple(int(v) for v in random.integers(60, 220, 3))
    cv2.circle(color, (32, 24), 18, paint, -1)
    for picture in (line, color):
        cv2.circle(picture, (32, 24), 18, (0, 0, 0), 2)
    return FullDrawing(f"d{seed}", line, color, (color < 255).any(axis=2))


class Shifted:
    """The truth, off by some levels: less with more hints."""

    kind = "trained"
    uses_hints = True

    def __init__(self, name: str, seed: str, levels: int) -> None:
        self.name, self.seed, self.levels = name, seed, levels

    def color(self, page, hints):
        off = self.levels // (1 + len(hints.hints))
        picture = np.clip(page.color.astype(int) - off, 0, 255).astype(np.uint8)
        return Result(picture, picture, 0.5)


class MeanColor(nn.Module):
    """Features that a test can follow: the mean of each channel."""

    name, num_features = "mean-color", 3

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.float().mean(dim=(2, 3))


BY_NAME = {reference.name: ReferenceMethod(reference) for reference in REFERENCES}
OURS, BASE = Shifted("Ours", "", 8), Shifted("Base", "", 40)
SYSTEMS = [*(Shifted("Ours", f"seed {s}", 8 + s) for s in range(3)), BASE, BY_NAME["bare line"]]


def measure(systems, counts, drawings: int, extractor=None, **facts) -> Measured:
    """What some systems make of the first drawings."""
    measurement = Measurement(systems, ProtocolHints(counts), extractor)
    for seed in range(drawings):
        list(measurement.add(drawing(seed)))
    found = measurement.compute()
    return Measured(measurement.hints.levels, measurement.drawings, found, measurement.rows, facts)


@pytest.fixture(scope="module")
def measured() -> Measured:
    return measure(SYSTEMS, [0, 3], 6, MeanColor(), asked="x", machine="a test", small_pictures=6)


def test_every_system_is_measured_at_every_level_and_once_where_no_hint_changes_it():
    found = Measurement(SYSTEMS, ProtocolHints([0, 3]), None).add(drawing(0))
    hinted = [(name, level) for name in ["Ours"] * 3 + ["Base"] for level in ("000", "003")]
    assert [(system.name, level) for system, level, _ in found] == [*hinted, ("bare line", WITHOUT)]


def test_a_row_is_what_the_metrics_say_of_that_picture(measured):
    page, row = drawing(2), next(row for row in measured.rows_of("Base", "000") if row["drawing"] == "d2")
    picture = BASE.color(page, ProtocolHints([0]).of(page)[0]).full
    assert row["psnr"] == psnr(picture, page.color)
    assert row["ssim_foreground"] == ssim(picture, page.color, page.foreground)
    assert (row["member"], row["hint_count"], row["seconds"]) == ("", 0, 0.5)


def test_figures_are_statistics_over_pictures_never_pooled_pixels(measured):
    values = [row["psnr"] for row in measured.rows_of("Base", "003")]
    for name, of in (("psnr_mean", np.mean), ("psnr_std", np.std), ("psnr_median", np.median), ("n", len)):
        assert measured.seeds("Base")[0].figure("003", name) == pytest.approx(of(values))


def test_distances_carry_their_features_name_and_grow_with_the_fault(measured):
    ours, base = measured.seeds("Ours")[0], measured.seeds("Base")[0]
    assert 0 < ours.figure("000", "fid_mean_color") < base.figure("000", "fid_mean_color")
    assert ours.figure("003", "fid_mean_color") < ours.figure("000", "fid_mean_color")


def test_per_drawing_figures_are_means_of_the_seeds(measured):
    rows = [row["psnr"] for row in measured.rows_of("Ours", "000") if row["drawing"] == "d1"]
    assert len(rows) == 3
    assert measured.per_drawing("Ours", "000", "psnr")["d1"] == pytest.approx(np.mean(rows))


def test_what_was_measured_comes_back_from_the_disk(measured, tmp_path):
    measured.save(tmp_path)
    again = Measured.load(tmp_path)
    assert (again.levels, again.drawings) == (measured.levels, measured.drawings)
    np.testing.assert_equal(again.rows, measured.rows)
    assert [system.name for system in again.methods] == [system.name for system in measured.methods]
    assert again.methods[0].levels["003"]["psnr_mean"] == measured.methods[0].levels["003"]["psnr_mean"]


@pytest.mark.parametrize(
    ("name", "content"),
    [(FIGURES, b"{"), (FIGURES, b"[]"), (FIGURES, b'{"levels": []}'), (ROWS, b"PAR1 no"), (ROWS, b"")],
)
def test_a_missing_and_a_damaged_measurement_are_named(measured, tmp_path, name, content):
    with pytest.raises(FileNotFoundError, match="measure the methods first"):
        Measured.load(tmp_path)
    measured.save(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match="damaged measurement"):
        Measured.load(tmp_path)


def test_table_2_has_seeds_as_one_row_with_their_deviation_and_no_references(measured):
    table, printed = table_2(measured, {"Ours": "Ours", "Base": "Base"})
    assert [row[0] for row in table.rows] == ["Ours", "Base"]
    ours, base = table.rows
    assert "±" in ours[3]
    assert isinstance(base[3], float)
    values = [system.figure("000", "psnr_mean") for system in measured.seeds("Ours")]
    assert ours[3] == f"{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}"
    assert printed.rows[0] == ["Base", "51.64 ± 1.36", "13.01 ± 5.14", "0.73 ± 0.21"]


def test_the_order_is_told_as_measured_also_against_the_paper(measured):
    table = table_2(measured, {"Ours": "Ours", "Base": "Base"})[0]
    assert "PSNR (3 hints): Ours, Base, as in the paper" in table.note
    # The same figures under exchanged names: the paper's order is now contradicted, and the table says so.
    table = table_2(measured, {"Ours": "Base", "Base": "Ours"})[0]
    assert "PSNR (3 hints): Ours, Base; the paper has Ours, Base" in table.note
    assert "as in the paper" not in table.note


def test_a_reference_without_hints_stands_in_every_table(measured):
    for table in quality_tables(measured):
        assert [row[0] for row in table.rows] == ["Ours", "Base", "bare line"]
        assert len({len(row) for row in table.rows}) == 1


def test_differences_are_the_subjects_gain_with_an_interval(measured):
    (table,) = difference_tables(measured, "Ours")
    assert [row[0] for row in table.rows] == ["Base", "bare line"]
    gain = table.rows[0][1]
    assert gain.startswith("+")
    assert "[+" in gain


def test_what_keeps_figures_from_being_compared_is_said(measured):
    told = " ".join(warnings(measured))
    assert "n = 6" in told
    assert "Fewer than 3 training seeds" in told  # of Base there is one
    assert "6 of 6 drawings have a short side below 1,500 px" in told


def test_costs_are_in_the_units_of_their_columns(measured):
    system = measured.methods[0]
    cost = {"parameters": 2e6, "flops": 3e9, "memory": 2**20, "images": 5e5, "resolution": 128.0}
    costly = MeasuredMethod("Ours", "", "trained", system.levels, cost)
    table = cost_table(Measured(measured.levels, measured.drawings, [costly], measured.rows))
    assert table.rows == [["Ours", 128, 500_000, 2.0, 3.0, 0.5, 1.0]]


def test_the_page_shows_systems_side_by_side_with_best_and_worst_cases(measured, tmp_path):
    def pictures(what: str, level: str, name: str):
        page = drawing(int(name[1:]))
        if what in ("line", "truth"):
            return page.line if what == "line" else page.color
        return ProtocolHints([3]).of(page)[0].layer if what == "hints" and level != "000" else page.color

    presentation = Presentation("A title", "what it is", "This is a demonstration, not evidence.", "Ours", {}, 2)
    page = write_methods_report(tmp_path / "report.html", measured, presentation, pictures).read_text()
    for text in ("This is a demonstration, not evidence.", "Best cases of Ours", "Worst cases of Ours", "Cost"):
        assert text in page
    assert "PSNR against hints" in page
    assert page.count("data-name=") == 2 + 2 + 3 + 3


def test_systems_that_cannot_be_told_apart_are_refused():
    with pytest.raises(ValueError, match="two methods are called 'Ours'"):
        Measurement([OURS, OURS], ProtocolHints([0]), None)


class Part(Shifted):
    """The truth itself, but for some drawings and hints only."""

    def __init__(self, has_one) -> None:
        super().__init__("Part", "", 0)
        self.has_one = has_one

    def color(self, page, hints):
        return super().color(page, hints) if self.has_one(page, hints) else None


def test_nobody_wins_by_leaving_results_out():
    measured = measure([OURS, Part(lambda page, hints: page.name == "d1")], [0], 3, MeanColor())
    table = table_2(measured, {})[0]
    ours, part = table.rows
    assert (ours[1], part[1]) == (3, 1)
    assert part[3] == "(100)"
    assert "Part" not in table.note
    assert "Part: has no result for some drawings" in " ".join(warnings(measured))
    assert quality_tables(measured)[0].rows[1][2] == "(100)"


def test_oracles_are_out_of_the_running():
    rows = {row[0]: row for row in quality_tables(measure([OURS, BY_NAME["mean paint"]], [0], 1))[0].rows}
    assert str(rows["mean paint"][2]).startswith("(")
    assert isinstance(rows["Ours"][2], float)


def test_a_measurement_goes_on_where_it_was_stopped(measured):
    """With the rows and features of its first drawings it ends with the same figures."""
    first, second = (Measurement(SYSTEMS, ProtocolHints([0, 3]), MeanColor()) for _ in range(2))
    for seed in range(4):
        list(first.add(drawing(seed)))
    second.load_state(first.state())
    for seed in (4, 5):
        list(second.add(drawing(seed)))
    for one, other in zip(second.compute(), measured.methods, strict=True):
        for level, figures in one.levels.items():
            for name, value in figures.items():
                timed = name.startswith("seconds")
                assert timed or value == other.levels[level][name] or math.isnan(value), name


def test_a_drawing_counts_only_when_all_of_it_was_measured():
    measurement = Measurement([OURS, BASE], ProtocolHints([0, 3]), None)
    results = measurement.add(drawing(0))
    next(results)
    results.close()
    assert measurement.rows == measurement.drawings == []


def test_levels_are_told_in_words():
    told = {"000": "no hints", "001": "1 hint", "008": "8 hints", "0.10": "0.10"}
    assert {level: level_name(level) for level in told} == told


def test_measured_json_is_strict_json(measured, tmp_path):
    measured.save(tmp_path)

    def refuse(constant: str):
        raise ValueError(constant)

    told = json.loads((tmp_path / FIGURES).read_text(), parse_constant=refuse)
    assert told["levels"] == ["000", "003"]


def test_a_system_without_a_whole_level_is_not_complete():
    """At one level it has every drawing, at another none."""
    ours, part = table_2(measure([OURS, Part(lambda page, hints: hints.hints)], [0, 3], 2), {})[0].rows
    assert (ours[1], part[1]) == (2, 0)
    assert str(part[-1]).startswith("(")
    assert part[2] is None


def test_the_feature_network_follows_the_evaluation_to_a_device():
    features = MeanColor()
    features.scale = nn.Parameter(torch.ones(1))
    FullSizeEvaluation([0], features).to(torch.device("meta"))
    assert features.scale.is_meta
