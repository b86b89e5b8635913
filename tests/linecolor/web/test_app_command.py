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

from linecolor.networks.unet import ResNeXtUNet
from linecolor.rendering.options import RenderingOptions
from linecolor.systems.bundle import save_bundle

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def app(*arguments: str, code: str = "from linecolor.cli.app import main; sys.exit(main(sys.argv[1:]))"):
    line = [sys.executable, "-c", f"import sys; {code}", *arguments]
    return subprocess.run(line, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)


@pytest.fixture
def bundle(tmp_path) -> Path:
    architecture = {"in_channels": 5, "width": 4, "levels": 2, "blocks": 1, "cardinality": 2, "residual": False}
    torch.manual_seed(0)
    network, options = ResNeXtUNet(**architecture), RenderingOptions(resolution=32)
    return save_bundle(tmp_path / "bundle", {"draft": network}, {"draft": architecture}, options, "none", {})


def test_help_has_examples_and_loads_neither_torch_nor_a_server():
    code = (
        "from linecolor.cli.app import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print({'torch', 'cv2', 'numpy', 'starlette', 'uvicorn'} & set(sys.modules))"
    )
    done = app(code=f"\n{code}")
    assert "linecolor-app runs/mine --port 8080" in done.stdout
    assert done.stdout.rstrip().endswith("set()")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["no/such/run", "--port", "0"], "no/such/run"),
        (["--port", "70000"], "--port 70000"),
        (["--max-megapixels", "0"], "--max-megapixels 0"),
        (["--host", "no.such.host.invalid"], "no.such.host.invalid"),
    ],
)
def test_mistakes_are_told_in_one_line(arguments, told):
    pytest.importorskip("uvicorn")
    done = app("--no-browser", *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_taken_port_is_told_with_a_way_out(bundle):
    pytest.importorskip("uvicorn")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = app(str(bundle), "--no-browser", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert "--port 0" in done.stderr


def test_a_missing_extra_is_named():
    code = "sys.modules['uvicorn'] = None; from linecolor.cli.app import main; sys.exit(main(['--no-browser']))"
    done = app(code=code)
    assert done.returncode == 2
    assert "pip install 'linecolor[app]'" in done.stderr


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
