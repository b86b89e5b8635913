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
def installed(wheel, tmp_path_factory) -> Path:
    """The wheel, unpacked."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_the_configuration_travels_along(installed):
    there, here = (
        {path.relative_to(conf) for path in conf.rglob("*.yaml")}
        for conf in (installed / "linecolor" / "conf", ROOT / "conf")
    )
    assert there == here


def test_the_installed_command_works_from_any_folder(installed, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    code = "from linecolor.cli import train; print(train.__file__, flush=True); train.main()"
    line = [sys.executable, "-c", code, "experiment=paper", "data.root=x", "--cfg", "job"]
    done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(installed))
    assert "steps: 280000" in done.stdout


def test_the_data_files_travel_along(installed):
    for name in ("linecolor/weights/vgg16_relu2_2.safetensors", "datamodules/prepare/openmoji60.txt"):
        assert (installed / name).read_bytes() == (ROOT / name).read_bytes()
    templates = installed / "linecolor" / "html" / "templates"
    assert {path.suffix for path in templates.iterdir()} == {".j2", ".css", ".js"}


def test_every_module_imports_without_torchvision(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    for room in ("linecolor", "lightning_modules", "datamodules"):
        package = importlib.import_module(room)
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            importlib.import_module(module.name)
