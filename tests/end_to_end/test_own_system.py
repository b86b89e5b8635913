"""docs/own_system.md does what it says: a system in a package of one's own trains, bundles, evaluates and colours."""

import json
import re
import shlex
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from safetensors.numpy import load_file

from linecolor.cli.colorize import main as colorize
from tests.end_to_end.program import data, refused, run

PAGE = (Path(__file__).parents[2] / "docs" / "own_system.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`([\w./]+)`(?:(?!\n\n).)*\n\n```\w+\n(.*?)```$", PAGE, re.MULTILINE | re.DOTALL))
COMMANDS = {
    words[0].removeprefix("linecolor-"): words[1:]
    for words in map(shlex.split, re.findall(r"^linecolor-.+$", PAGE, re.MULTILINE))
}
TINY = ["debug=tiny", "model.plain.width=2", "stage.plain.batch_size=2", "stage.plain.log_every_n_steps=1"]
TINY += ["stage.plain.validation_drawings=1"]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A folder with the page's package, installed as pip installs it."""
    home = tmp_path_factory.mktemp("my_colorizer")
    for name, text in FILES.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    project = tomllib.loads(FILES["pyproject.toml"])["project"]
    about = home / "my_colorizer-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    ((group, entries),) = project["entry-points"].items()
    lines = "".join(f"{name} = {value}\n" for name, value in entries.items())
    (about / "entry_points.txt").write_text(f"[{group}]\n{lines}")
    return home


def _see_package() -> None:
    sys.path.insert(0, str(Path.cwd()))


def here(home: Path) -> dict:
    """How a command is run that finds the package, and so do the processes that it starts."""
    return {"cwd": home, "before": _see_package, "PYTHONPATH": str(home)}


def words_of_training(name: str, pictures: Path, steps: int, *more: str) -> list[str]:
    command = [word for word in COMMANDS["train"] if not word.startswith(("data", "name="))]
    return [*command, *TINY, *data(pictures), f"name={name}", f"stage.plain.steps={steps}", *more]


@pytest.fixture(scope="module")
def plain(home, picture_folder) -> Path:
    """The page's run, made tiny."""
    done = run("train", *words_of_training("plain", picture_folder, 4), **here(home))
    assert "Open the report" in done.stdout
    return home / "runs" / "plain"


def test_the_page_shows_a_whole_package():
    assert set(FILES) == {
        "pyproject.toml",
        *(f"my_colorizer/{name}.py" for name in ("__init__", "network", "stage")),
        *(f"conf/{group}/plain.yaml" for group in ("model", "stage")),
    }
    assert list(COMMANDS) == ["train", "evaluate", "colorize", "export"]


def test_it_trains_bundles_and_evaluates(plain):
    lines = [json.loads(line) for line in (plain / "plain" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "reconstruction" in line][-1] == 4
    card = yaml.safe_load((plain / "bundle" / "bundle.yaml").read_text())
    assert card["networks"] == {"plain": {"width": 2}}
    figures = json.loads((plain / "evaluation" / "evaluation.json").read_text())["figures"]
    assert np.isfinite(figures["psnr_4_mean"])


def test_it_continues_to_the_bits_it_would_have_had(plain, home, picture_folder):
    for steps in (2, 4):
        words = words_of_training("stopped", picture_folder, steps, "evaluation.enabled=false", "resume=auto")
        run("train", *words, **here(home))
    there, stopped = (
        load_file(home / "runs" / name / "plain" / "generator.safetensors") for name in ("plain", "stopped")
    )
    assert there.keys() == stopped.keys()
    assert all(np.array_equal(there[key], stopped[key]) for key in there)


def test_it_is_measured_beside_others(plain, home):
    words = [word.replace("runs/demo", "runs/plain/bundle") for word in COMMANDS["evaluate"]]
    words[0] = "systems={Plain: runs/plain, Again: runs/plain/bundle}"
    more = ["evaluation.hints=[0]", "evaluation.drawings=1", "references=[]"]
    run("evaluate", *words, *more, **here(home))
    measured = json.loads((home / "side_by_side" / "measured.json").read_text())
    assert [system["name"] for system in measured["systems"]] == ["Plain", "Again"]
    assert (home / "side_by_side" / "report.html").is_file()
    run("evaluate", "run=runs/plain", "evaluation.hints=[1]", **here(home))


def test_it_colours_with_torch_and_without(plain, home, picture_folder):
    page, hint = home / "page.png", ["--hint", "40,40,#c02020"]
    page.write_bytes((picture_folder / "line" / "drawing0.png").read_bytes())
    run("colorize", *COMMANDS["colorize"], *hint, **here(home))
    run("export", *COMMANDS["export"], **here(home))
    run("colorize", "page.png", "--onnx", "exported/linecolor.onnx", "-o", "again.png", *hint, **here(home))
    colored, again = (np.asarray(Image.open(home / f"{name}.png"))[..., :3] for name in ("page.color", "again"))
    assert colored.shape[1::-1] == Image.open(page).size
    assert np.abs(colored.astype(int) - again).max() <= 1


def test_without_the_package_its_bundle_is_refused_in_words(plain, home, monkeypatch, capsys):
    monkeypatch.chdir(home)
    assert colorize([*COMMANDS["colorize"], "--force"]) == 2
    assert "no system has stages=[plain]" in capsys.readouterr().err


def test_what_the_package_refuses_is_told_in_one_line(home, picture_folder):
    network = home / "my_colorizer" / "network.py"
    text = network.read_text()
    network.write_text(text.replace("        super().__init__()\n", "        raise ValueError('width is odd')\n"))
    try:
        told = refused("train", *words_of_training("odd", picture_folder, 2), **here(home))
    finally:
        network.write_text(text)
    assert "width is odd" in told
    assert not (home / "runs" / "odd").exists()
