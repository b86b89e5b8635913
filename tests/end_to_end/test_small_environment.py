"""Colouring from an environment with NumPy, OpenCV, Pillow and onnxruntime alone, made from nothing."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from linecolor.images import read_color, write_png
from linecolor.networks.unet import ResNeXtUNet
from linecolor.onnx.export import export_bundle
from linecolor.rendering.options import RenderingOptions
from linecolor.systems.bundle import save_bundle
from linecolor.systems.line_colorizer import LineColorizer

ROOT = Path(__file__).parents[2]
PACKAGES = ("numpy", "opencv-python-headless", "pillow", "onnxruntime")
ABSENT = ("torch", "kornia", "skimage", "scipy", "yaml", "hydra", "lightning", "safetensors")
NETWORKS = {
    "draft": {"in_channels": 9, "width": 4, "levels": 2, "blocks": 1, "cardinality": 2},
    "colorizer": {"in_channels": 4, "width": 4, "levels": 1, "blocks": 1, "cardinality": 2, "residual": True},
}
ROUNDING = 2
"""Levels of 255 by which a picture may differ where only the environment does."""


def run(*words: object, **options: object) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run([str(word) for word in words], env=environment, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Path:
    """bin/ of a new environment with the four packages, what they need themselves, and linecolor."""
    folder = tmp_path_factory.mktemp("small") / "venv"
    run(sys.executable, "-m", "venv", folder)
    options = ("--quiet", "--disable-pip-version-check", "--no-input")
    install = (folder / "bin" / "python", "-m", "pip", "install", *options)
    run(*install, "--constraint", ROOT / "constraints.txt", *PACKAGES)
    run(*install, "--no-deps", wheel)
    return folder / "bin"


@pytest.fixture(scope="module")
def system(tmp_path_factory) -> tuple[Path, Path]:
    """A bundle and its export."""
    folder = tmp_path_factory.mktemp("system")
    torch.manual_seed(0)
    networks = {name: ResNeXtUNet(**architecture) for name, architecture in NETWORKS.items()}
    with torch.no_grad():
        networks["draft"].to_color.weight.mul_(4)
    bundle = save_bundle(folder / "bundle", networks, NETWORKS, RenderingOptions(resolution=64), "reach", {})
    export_bundle(bundle, folder / "onnx")
    return bundle, folder / "onnx" / "linecolor.onnx"


def test_the_environment_is_as_small_as_it_says(environment):
    probe = f"import importlib.util as u; print([n for n in {ABSENT} if u.find_spec(n)])"
    assert run(environment / "python", "-c", probe).strip() == "[]"


def test_a_page_is_coloured_there_as_it_is_here(environment, system, tmp_path):
    bundle, onnx = system
    random = np.random.default_rng(0)
    line = np.full((150, 211, 4), (0, 0, 0, 0), np.uint8)
    line[40:43] = line[:, 60:62] = line[90:92, 100:] = (20, 20, 30, 255)
    hints = np.zeros((150, 211, 4), np.uint8)
    for _ in range(12):
        y, x = random.integers(0, 140), random.integers(0, 200)
        hints[y : y + 5, x : x + 5] = (*random.integers(0, 256, 3), 255)
    write_png(tmp_path / "page.png", line)
    write_png(tmp_path / "hints.png", hints)
    run(
        environment / "linecolor-colorize", "page.png", "-o", "out.png", "--hints", "hints.png", "--onnx", onnx,
        cwd=tmp_path,
    )  # fmt: skip
    made, _ = read_color(tmp_path / "out.png")
    expected = LineColorizer.load(bundle).colorize(read_color(tmp_path / "page.png")[0], hints)
    assert made.shape == expected.shape
    assert np.abs(made.astype(int) - expected).max() <= ROUNDING
    assert made.std() > 10, "a flat picture would tell nothing"
