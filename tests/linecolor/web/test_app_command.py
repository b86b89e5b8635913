"""linecolor-app in a process of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import torch

from linecolor.cli.app import main
from linecolor.networks.unet import ResNeXtUNet
from linecolor.rendering.options import RenderingOptions
from linecolor.systems.bundle import save_bundle

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture
def bundle(tmp_path) -> Path:
    architecture = {"in_channels": 5, "width": 4, "levels": 2, "blocks": 1, "cardinality": 2, "residual": False}
    torch.manual_seed(0)
    network, options = ResNeXtUNet(**architecture), RenderingOptions(resolution=32)
    return save_bundle(tmp_path / "bundle", {"draft": network}, {"draft": architecture}, options, "none", {})


def test_help_has_examples_and_loads_neither_torch_nor_a_server():
    code = (
        "import sys; from linecolor.cli.app import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print({'torch', 'cv2', 'numpy', 'starlette', 'uvicorn'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True)
    assert "linecolor-app runs/mine --port 8080" in done.stdout
    assert done.stdout.rstrip().endswith("set()")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no/such/run", "--port", "0"], "no/such/run"),
        (["--port", "70000"], "--port 70000"),
        (["--max-megapixels", "0"], "--max-megapixels 0"),
        (["--host", "no.such.host.invalid"], "no.such.host.invalid"),
        (["--port", "{taken}"], "--port 0"),
    ],
)
def test_mistakes_are_reported_in_one_line(arguments, message, capsys):
    pytest.importorskip("uvicorn")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        filled = [argument.format(taken=taken.getsockname()[1]) for argument in arguments]
        assert main(["--no-browser", *filled]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_a_missing_extra_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["--no-browser"]) == 2
    assert "uvicorn: pip install 'linecolor[app]'" in capsys.readouterr().err


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_on_loopback_until_it_is_ended_and_leaves_nothing(bundle, tmp_path, end):
    pytest.importorskip("uvicorn")
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    line = [sys.executable, "-m", "linecolor.cli.app", str(bundle), "--port", "0", "--no-browser", "--device", "cpu"]
    environment = {**ENVIRONMENT, "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            address = re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline()).group()
            sample = urllib.request.urlopen(address + "sample.png", timeout=30).read()
            urllib.request.urlopen(address + "pages", data=sample, timeout=30).read()
            (folder,) = scratch.glob("linecolor-app-*")
            assert folder.stat().st_mode & 0o77 == 0
            assert len(list(folder.iterdir())) == 1
            started = time.monotonic()
            server.send_signal(end)
            _, error = server.communicate(timeout=20)
            assert time.monotonic() - started < 10
        finally:
            server.kill()
    assert "Traceback" not in error
    assert list(scratch.glob("linecolor-app-*")) == []
