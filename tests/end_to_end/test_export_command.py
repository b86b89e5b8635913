"""linecolor-export as a user types it."""

import re
import sys

import numpy as np
import pytest
import torch

from linecolor.cli.colorize import main as colorize
from linecolor.cli.export import main
from linecolor.images import read_color, write_png
from linecolor.networks.unet import ResNeXtUNet
from linecolor.rendering.options import RenderingOptions
from linecolor.systems.bundle import save_bundle
from linecolor.systems.line_colorizer import LineColorizer

SMALL = RenderingOptions(resolution=32)
DRAFT = {"in_channels": 9, "width": 4, "levels": 1, "blocks": 1, "cardinality": 2}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("run") / "bundle"
    return save_bundle(folder, {"draft": ResNeXtUNet(**DRAFT)}, {"draft": DRAFT}, SMALL, "reach", {})


def test_a_run_is_exported_reported_and_colours(bundle, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([str(bundle.parent), "-o", "model"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"model/draft\.onnx +\d+\.\d\d MB +\d\.\de-\d\d\nmodel/linecolor\.onnx +", printed)
    assert "try next  linecolor-colorize page.png --onnx model/linecolor.onnx" in printed

    line = np.full((50, 70), 255, np.uint8)
    line[20] = 0
    write_png(tmp_path / "page.png", line)
    onnx = ["--onnx", "model/linecolor.onnx"]
    assert colorize(["page.png", "-o", "out.png", "--hint", "9,9,#e02040", *onnx]) == 0
    expected = LineColorizer.load(bundle).colorize(line, [(9, 9, "#e02040")])
    assert np.abs(read_color("out.png")[0].astype(int) - expected).max() <= 1

    assert main([str(bundle), "-o", "model"]) == 2
    assert "model/linecolor.onnx: already there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [(["nowhere", "-o", "model"], "nowhere: no bundle here"), (["{bundle}", "-o", "file"], "file: is a file")],
)
def test_a_mistake_is_one_line_and_exit_code_2(words, message, bundle, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert main([word.format(bundle=bundle) for word in words]) == 2
    *before, error = capsys.readouterr().err.splitlines()
    assert error.startswith(f"linecolor-export: error: {message}")
    assert [line for line in before if "about a minute" not in line] == []
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_missing_package_is_one_line_that_says_what_to_install(bundle, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert main([str(bundle), "-o", str(tmp_path / "model")]) == 2
    assert "error: exporting needs onnxscript: pip install '.[export]'" in capsys.readouterr().err
