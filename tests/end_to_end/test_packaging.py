"""What a plain `pip install .` brings along, and what it does without."""

import importlib
import os
import pkgutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The wheel, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("linecolor-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_configuration_travels_along(installed):
    shipped = {
        path.relative_to(installed / "linecolor" / "conf") for path in installed.glob("linecolor/conf/**/*.yaml")
    }
    assert shipped == {path.relative_to(ROOT / "conf") for path in (ROOT / "conf").rglob("*.yaml")}


def test_the_installed_command_works_from_any_folder(installed, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    line = [sys.executable, "-m", "linecolor.cli.train", "experiment=paper", "data.root=x", "--cfg", "job"]
    done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "steps: 280000" in done.stdout
    where = [sys.executable, "-c", "import linecolor; print(linecolor.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.startswith(str(installed))


def test_the_data_files_travel_along(installed):
    for name in ("linecolor/weights/vgg16_relu2_2.safetensors", "datamodules/prepare/openmoji60.txt"):
        assert (installed / name).read_bytes() == (ROOT / name).read_bytes()
    assert {path.suffix for path in (installed / "linecolor" / "html" / "templates").iterdir()} == {
        ".j2",
        ".css",
        ".js",
    }


def test_every_module_imports_without_torchvision(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    for room in ("linecolor", "lightning_modules", "datamodules"):
        package = importlib.import_module(room)
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            importlib.import_module(module.name)
