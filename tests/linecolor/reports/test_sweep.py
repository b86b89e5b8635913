"""The table of a sweep: the best first, only what differs, every state told."""

import csv
import json

import numpy as np
import pytest
import yaml

from linecolor.images import write_png
from linecolor.reports.sweep import SweepTable
from linecolor.runs.objective import Objective
from linecolor.runs.sweep_folder import DONE, FAILED, STOPPED, SweepFolder


def add_job(sweep, number, overrides, state, psnr=None, message=""):
    job = sweep.job(overrides)
    job.record(number=number, overrides=overrides, state=state, message=message)
    if psnr is not None:
        figures = {"n": 1, "psnr_4_mean": psnr, "psnr_4_foreground_mean": psnr - 5, "ssim_4_mean": 0.5}
        rows = [{"name": "x", "hints": 4, "psnr": psnr, "psnr_foreground": psnr - 5}]
        write_png(job.path / "evaluation" / "hints_004" / "x.png", np.full((32, 32, 3), int(psnr), np.uint8))
        job.run.evaluation.write_text(json.dumps({"figures": figures, "rows": rows}))
        (job.path / "config.yaml").write_text(yaml.safe_dump({"seed": number}))
    return job


@pytest.fixture
def sweep(tmp_path):
    sweep = SweepFolder(tmp_path / "s")
    add_job(sweep, 0, ["a.lr=1", "data=d", "b.lr=0.00012345678"], DONE, 20.0)
    add_job(sweep, 1, ["a.lr=2", "data=d", "b.lr=0.00012345678"], FAILED, message="out of memory <b>")
    add_job(sweep, 2, ["a.lr=3", "data=d", "b.lr=0.00022345678"], DONE, 25.0)
    add_job(sweep, 3, ["a.lr=4", "data=d", "b.lr=0.00022345678"], STOPPED, message="below the median")
    return sweep


def test_the_best_comes_first_and_is_marked(sweep):
    table = SweepTable(sweep, Objective("psnr_4_foreground_mean", "maximize"))
    assert [row.number for row in table.rows] == [3, 1, 2, 4]
    assert table.best is table.rows[0]
    assert [line.split()[2] for line in table.text().splitlines()[1:]] == ["done,", "done", "failed", "stopped"]
    assert table.label(table.best) == "a.lr=3, b.lr=0.0002235"
    worst_first = SweepTable(sweep, Objective("psnr_4_mean", "minimize"))
    assert worst_first.best is not None
    assert worst_first.best.value == 20.0


def test_only_parameters_that_differ_are_columns(sweep):
    table = SweepTable(sweep, Objective("psnr_4_foreground_mean", "maximize"))
    assert (table.parameters, table.shared) == (["a.lr", "b.lr"], {"data": "d"})


def test_labels_are_told_apart_even_where_rounding_makes_them_alike(tmp_path):
    sweep = SweepFolder(tmp_path)
    for number, value in enumerate(("0.123456789", "0.123456780")):
        add_job(sweep, number, [f"lr={value}"], DONE, 20.0 + number)
    table = SweepTable(sweep, Objective("psnr_4_mean", "maximize"))
    assert len({table.label(row) for row in table.rows}) == 2


def test_the_csv_has_every_override_and_every_figure(sweep, tmp_path):
    path = SweepTable(sweep, Objective("psnr_4_mean", "maximize")).write_csv(tmp_path / "t.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["best"] for row in rows] == ["1", "0", "0", "0"]
    assert rows[0]["b.lr"] == "0.00022345678"
    assert (rows[0]["data"], float(rows[0]["objective"]), float(rows[1]["psnr_4_foreground_mean"])) == ("d", 25.0, 15.0)
    assert rows[2]["message"] == "out of memory <b>"
    assert rows[2]["psnr_4_mean"] == ""


def test_the_page_tells_failures_and_shows_the_jobs_side_by_side(sweep, tmp_path):
    page = SweepTable(sweep, Objective("psnr_4_mean", "maximize")).write_page(tmp_path / "t.html", {}).read_text()
    for told in ("out of memory &lt;b&gt;", "done, best", "<figcaption>a.lr=3, b.lr=0.0002235</figcaption>"):
        assert told in page
    assert page.count("data:image/") >= 2


def test_a_sweep_without_any_result_still_has_a_page(tmp_path):
    sweep = SweepFolder(tmp_path)
    add_job(sweep, 0, ["seed=1"], FAILED, message="no such folder")
    table = SweepTable(sweep, Objective("psnr_4_mean", "maximize"))
    assert table.best is None
    assert "no such folder" in table.write_page(tmp_path / "t.html", {}).read_text()
