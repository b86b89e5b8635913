"""What whole commands are tested with: a bundle of small random networks, and one tiny run for all."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from linecolor.cli.colorize import main
from linecolor.experiment.composition import compose_training
from linecolor.experiment.errors import MISTAKE, exit_code
from linecolor.experiment.training import train
from linecolor.networks.unet import ResNeXtUNet
from linecolor.rendering.options import RenderingOptions
from linecolor.systems.bundle import save_bundle
from tests.end_to_end.program import TINY, data, run, study_data

SMALL = RenderingOptions(resolution=32)
ARCHITECTURES = {
    "draft": {"in_channels": 9, "width": 4, "levels": 2, "blocks": 1, "cardinality": 2, "residual": False},
    "colorizer": {"in_channels": 4, "width": 4, "levels": 2, "blocks": 1, "cardinality": 2, "residual": True},
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder, and put it first: what takes longest must not be what is begun last."""
    ours = [item for item in items if item.path.is_relative_to(Path(__file__).parent)]
    for item in ours:
        item.add_marker(pytest.mark.slow)
    # What the commands of the README find was made by other modules by then.
    items.sort(key=lambda item: (item not in ours, item.path.stem == "test_readme"))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    networks = {name: ResNeXtUNet(**architecture) for name, architecture in ARCHITECTURES.items()}
    return save_bundle(tmp_path_factory.mktemp("bundle"), networks, ARCHITECTURES, SMALL, "reach", {"run": "test"})


@pytest.fixture
def colorize(bundle) -> Callable[..., int]:
    """linecolor-colorize with the bundle, in this process; its exit code."""
    return lambda *words: main([*map(str, words), "--bundle", str(bundle)])


@pytest.fixture(scope="session")
def wheel(made_once) -> Path:
    """linecolor as pip builds it."""

    def build(folder: Path) -> None:
        root = Path(__file__).parents[2]
        options = ("--quiet", "--no-deps", "--wheel-dir", str(folder))
        subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(root)], check=True, capture_output=True)

    (wheel,) = made_once("wheel", build).glob("linecolor-*.whl")
    return wheel


@pytest.fixture(scope="session")
def tiny_run(picture_folder, made_once) -> Path:
    """A folder with runs/tiny, both stages of experiment=demo for two steps, its evaluation and its report."""

    def make(home: Path) -> None:
        done = run("train", *TINY, *data(picture_folder), cwd=home, fresh=True)
        assert "Open the report" in done.stdout

    return made_once("tiny_run", make)


@pytest.fixture(scope="session")
def tiny_study(picture_folder, made_once) -> Path:
    """A folder with runs/table2-tiny: Table 2 in two steps of everything, measured."""

    def study(home: Path) -> None:
        done = run("study", "budget=tiny", *study_data(picture_folder), cwd=home)
        assert "Two steps of everything; no figure here means anything." in done.stdout
        assert "Open the report: runs/table2-tiny/report.html" in done.stdout

    return made_once("tiny_study", study)


@pytest.fixture
def trained(tiny_run, tmp_path) -> Path:
    """A copy of it that a test may change: the folder it was started in."""
    shutil.copytree(tiny_run / "runs", tmp_path / "runs")
    return tmp_path


@pytest.fixture
def training_refuses(monkeypatch, capsys) -> Callable[..., str]:
    """Begin a training that a user's mistake must end before anything is written, in this process; what it says."""

    def told(*words: str, cwd: Path) -> str:
        monkeypatch.chdir(cwd)
        before = {path: path.stat().st_mtime_ns for path in cwd.rglob("*")}
        assert exit_code(lambda: train(compose_training(words))) == MISTAKE
        assert {path: path.stat().st_mtime_ns for path in cwd.rglob("*")} == before
        return capsys.readouterr().err

    return told
