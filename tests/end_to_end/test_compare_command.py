"""linecolor-compare as a user types it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def run(module: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-m", f"linecolor.cli.{module}", *arguments]
    return subprocess.run(line, cwd=cwd, env=environment, capture_output=True, text=True, timeout=240)


@pytest.fixture(scope="module")
def two(picture_folder, tmp_path_factory) -> Path:
    """Two tiny runs that differ in their seed; the folder they were started in."""
    home = tmp_path_factory.mktemp("two")
    shutil.copytree(picture_folder, home / "pictures")
    data = ["data=folder", "data.root=pictures/color", "data.lines=pictures/line", "data.test_share=0.3"]
    for seed in (1, 2):
        done = run("train", "experiment=demo", "debug=tiny", *data, f"seed={seed}", f"name=seed{seed}", cwd=home)
        assert done.returncode == 0, done.stderr[-2000:]
    return home


def test_two_runs_side_by_side(two):
    done = run("compare", "runs/seed1", "runs/seed2", "-o", "out/c.html", cwd=two)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert ["seed", "1", "2"] in [line.split() for line in lines]
    assert not any(line.startswith(("name", "model.", "data.")) for line in lines)
    assert "4 hints" in lines
    assert " ± " in done.stdout
    page = (two / "out" / "c.html").read_text(encoding="utf-8")
    # Two drawings with and without hints: line, two runs, truth.
    assert page.count('src="data:image/') == 2 * 2 * 4
    assert 'src="http' not in page
    for word in ("<figcaption>seed1</figcaption>", "<figcaption>truth</figcaption>", "draft: reconstruction"):
        assert word in page


def test_pictures_are_shown_even_where_the_data_has_gone(two, tmp_path):
    shutil.copytree(two / "runs", tmp_path / "runs")
    done = run("compare", "runs/seed1", "runs/seed2", "--drawings", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "line and truth are not shown" in done.stderr
    assert (tmp_path / "comparison.html").read_text().count('src="data:image/') == 2 * 2


def test_an_unevaluated_run_is_named(two, tmp_path):
    shutil.copytree(two / "runs", tmp_path / "runs")
    (tmp_path / "runs" / "seed2" / "evaluation" / "evaluation.json").unlink()
    done = run("compare", "runs/seed1", "runs/seed2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "warning: Not evaluated: seed2." in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["runs/seed1"], "give two to 12 different runs; 1 were given"),
        (["runs/seed1", "runs/nowhere"], "runs/nowhere: there is no run here"),
        (["runs/seed1", "pictures"], "pictures: there is no run here"),
        (["runs/seed1", "runs/seed2", "--drawings", "-1"], "must be 0 or more"),
    ],
)
def test_mistakes_are_told(two, arguments, said):
    done = run("compare", *arguments, "-o", "never.html", cwd=two)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (two / "never.html").exists()


def test_help_shows_examples(tmp_path):
    done = run("compare", "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "examples:\n  linecolor-compare runs/demo runs/mine" in done.stdout
