"""Runs side by side: differences, gains drawing by drawing, the same drawings, and when not to compare."""

import json
import math

import numpy as np
import pytest
import yaml

from linecolor.images import write_png
from linecolor.reports.comparison import (
    configuration_table,
    curves,
    paired_gain,
    picture_sheets,
    quality_tables,
    warnings,
)
from linecolor.runs.result import SIDE, RunResult, common, differing, flat
from linecolor.samples import FullDrawing


def make_run(folder, values, config=None, counts=(0, 4), blend="clean"):
    """A run's folder as far as comparing reads it; `values`: foreground PSNR by drawing."""
    rows = [
        {"name": name, "hints": count, "psnr": value + 5, "psnr_foreground": value}
        for name, value in values.items()
        for count in counts
    ]
    figures = {"n": len(values)}
    for count in counts:
        figures |= {f"psnr_{count}_mean": 20.0, f"psnr_{count}_foreground_mean": float(np.mean(list(values.values())))}
        figures |= {f"ssim_{count}_mean": 0.9, f"ssim_{count}_foreground_mean": 0.8}
        figures[f"fid_efficientnet_lite0_{count}"] = 9
        for name in values:
            write_png(folder / "evaluation" / f"hints_{count:03d}" / f"{name}.png", np.full((800, 400, 3), 7, np.uint8))
    (folder / "config.yaml").write_text(yaml.safe_dump(config or {"seed": 0, "stages": ["draft", "colorizer"]}))
    settings = {"blend": blend, "features": "efficientnet-lite0"}
    evaluation = {"figures": figures, "rows": rows, "asked": {"settings": settings}}
    (folder / "evaluation" / "evaluation.json").write_text(json.dumps(evaluation))
    return RunResult.of(folder, folder.name)


def test_only_what_differs_is_a_difference():
    configs = [flat({"name": name, "seed": 1, "model": {"width": width}}) for name, width in (("a", 8), ("b", 16))]
    assert differing(configs) == ["model.width"]
    assert differing([{"a": None}, {}]) == ["a"]
    assert common([[3, 1, 2], [2, 3]]) == [3, 2]


def test_the_configuration_table_has_a_column_a_run(tmp_path):
    first = make_run(tmp_path / "a", {"x": 10}, {"seed": 1, "loss": {"l1": True}})
    other = make_run(tmp_path / "b", {"x": 10}, {"seed": 1, "loss": {"l1": False}, "new": None})
    table = configuration_table([first, other])
    assert [table.columns, *table.rows] == [["setting", *"ab"], ["loss.l1", "true", "false"], ["new", "null", "null"]]


def test_the_gain_is_taken_drawing_by_drawing(tmp_path):
    # A hard drawing that only one run has must not look like a loss.
    first = make_run(tmp_path / "a", {"x": 10.0, "y": 20.0})
    other = make_run(tmp_path / "b", {"x": 11.0, "y": 23.0, "hard": 1.0})
    mean, error = paired_gain(first, other, 4)
    assert mean == pytest.approx(2.0)
    assert error == pytest.approx(np.std([1.0, 3.0], ddof=1) / math.sqrt(2))
    assert math.isnan(paired_gain(make_run(tmp_path / "c", {"x": 1.0}), other, 4)[1])
    assert paired_gain(make_run(tmp_path / "d", {"z": 1.0}), other, 4) is None


def test_a_table_for_each_shared_number_of_hints_marks_the_best(tmp_path):
    first = make_run(tmp_path / "a", {"x": 10.0}, counts=(0, 4))
    other = make_run(tmp_path / "b", {"x": 12.0}, counts=(0, 4, 8))
    tables = quality_tables([first, other])
    assert [table.title for table in tables] == ["4 hints", "No hints"]
    assert tables[0].highlight["FID (efficientnet-lite0)"] == "min"
    assert tables[0].rows[1][-1].startswith("+2.00 ±")


def test_what_must_not_be_compared_is_said(tmp_path):
    first, other = make_run(tmp_path / "a", {"x": 1.0, "y": 1.0}), make_run(tmp_path / "b", {"x": 1.0}, blend="paper")
    told = " ".join(warnings([first, other]))
    assert "different drawings, of which they share 1" in told
    assert "blended in different ways: clean, paper" in told
    assert warnings([first, first]) == []


def test_sheets_show_the_same_drawings_small_between_line_and_truth(tmp_path):
    first, other = make_run(tmp_path / "a", {"x": 1.0, "y": 1.0}), make_run(tmp_path / "b", {"y": 1.0, "x": 1.0})
    (tmp_path / "b" / "evaluation" / "hints_004" / "y.png").unlink()
    white = np.full((1600, 800), 255, np.uint8)
    truth = FullDrawing("x", white, np.full((1600, 800, 3), 9, np.uint8), white > 0)
    sheets = picture_sheets([first, other], {"x": truth}, rows=2)
    assert [sheet.title for sheet in sheets] == ["Drawings with 4 hints", "Drawings without hints"]
    assert sheets[0].columns == ["line", "a", "b", "truth"]
    assert [row.name for row in sheets[0].rows] == ["x", "y"]
    assert {image.shape[:2] for image in sheets[0].rows[0].images} == {(SIDE, SIDE // 2)}
    assert [image is None for image in sheets[0].rows[1].images] == [True, False, True, True]
    assert picture_sheets([first, other], {}, rows=1)[0].columns == ["a", "b"]


def test_a_drawings_name_does_not_lead_out_of_the_run(tmp_path):
    run = make_run(tmp_path / "a", {"x": 1.0})
    write_png(tmp_path / "secret.png", np.zeros((8, 8, 3), np.uint8))
    assert run.picture(4, "../../../secret") is None
    assert run.picture(4, "x") is not None


def test_curves_have_a_line_a_run(tmp_path):
    runs = [make_run(tmp_path / name, {"x": 1.0}) for name in "ab"]
    for result, value in zip(runs, (10.0, 12.0)):
        result.run.stage("draft").mkdir()
        lines = [{"images_seen": 4, "full_size/psnr_0_mean": value}, {"images_seen": 8, "reconstruction": 0.1}]
        (result.run.stage("draft") / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = {curve.title: curve.series for curve in curves(runs)}
    assert found["draft: full-size PSNR, 0 hints"] == {"a": ([4], [10.0]), "b": ([4], [12.0])}
    assert set(found["draft: reconstruction"]) == {"a", "b"}


def test_damaged_and_missing_runs_are_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no run here"):
        RunResult.of(tmp_path, "x")
    make_run(tmp_path / "a", {"x": 1.0})
    path = tmp_path / "a" / "evaluation" / "evaluation.json"
    path.write_text(json.dumps({"figures": {}, "rows": [{"hints": "4"}]}))
    with pytest.raises(ValueError, match="is damaged"):
        RunResult.of(tmp_path / "a", "a")
