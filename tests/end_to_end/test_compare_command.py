"""linecolor-compare as a user types it."""

import re
import shutil
from pathlib import Path

import pytest

from linecolor.cli.compare import main
from tests.end_to_end.program import run


@pytest.fixture(scope="module")
def two(tiny_run, tmp_path_factory) -> Path:
    """Two tiny runs that say they differ in their seed; the folder they were started in."""
    home = tmp_path_factory.mktemp("two")
    for seed in (0, 1):
        shutil.copytree(tiny_run / "runs/tiny", home / f"runs/seed{seed}")
        config = home / f"runs/seed{seed}/config.yaml"
        config.write_text(re.sub("^(seed: |name: ).*", rf"\g<1>{seed}", config.read_text(), flags=re.MULTILINE))
    (home / "pictures").mkdir()
    return home


def test_two_runs_side_by_side(two):
    done = run("compare", "runs/seed0", "runs/seed1", "-o", "out/c.html", cwd=two)
    lines = done.stdout.splitlines()
    assert ["seed", "0", "1"] in [line.split() for line in lines]
    assert not any(line.startswith(("name", "model.", "data.")) for line in lines)
    assert "4 hints" in lines
    assert " ± " in done.stdout
    page = (two / "out" / "c.html").read_text(encoding="utf-8")
    # Two drawings with and without hints: line, two runs, truth.
    assert page.count('src="data:image/') == 2 * 2 * 4
    assert 'src="http' not in page
    for word in ("<figcaption>seed0</figcaption>", "<figcaption>truth</figcaption>", "draft: reconstruction"):
        assert word in page


def test_pictures_are_shown_even_where_the_data_has_gone_and_an_unevaluated_run_is_named(
    two, picture_folder, tmp_path, monkeypatch, capsys
):
    shutil.copytree(two / "runs", tmp_path / "runs")
    for config in tmp_path.glob("runs/*/config.yaml"):
        config.write_text(config.read_text().replace(str(picture_folder), "gone"))
    monkeypatch.chdir(tmp_path)
    assert main(["runs/seed0", "runs/seed1", "--drawings", "1"]) == 0
    assert "line and truth are not shown" in capsys.readouterr().err
    assert (tmp_path / "comparison.html").read_text().count('src="data:image/') == 2 * 2
    (tmp_path / "runs/seed1/evaluation/evaluation.json").unlink()
    assert main(["runs/seed0", "runs/seed1"]) == 0
    assert "warning: Not evaluated: seed1." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["runs/seed0"], "give two to 12 different runs; 1 were given"),
        (["runs/seed0", "runs/nowhere"], "runs/nowhere: there is no run here"),
        (["runs/seed0", "pictures"], "pictures: there is no run here"),
        (["runs/seed0", "runs/seed1", "--drawings", "-1"], "must be 0 or more"),
    ],
)
def test_mistakes_are_told(two, arguments, said, monkeypatch, capsys):
    monkeypatch.chdir(two)
    assert main([*arguments, "-o", "never.html"]) == 2
    assert said in capsys.readouterr().err
    assert not (two / "never.html").exists()
