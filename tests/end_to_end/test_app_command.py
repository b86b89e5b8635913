"""linecolor-app in a process of its own."""

import re
import signal
import socket
import sys
import time
import urllib.request

import pytest

from linecolor.cli.app import main
from tests.end_to_end.program import Program

TAKEN = "a port where somebody listens"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["no/such/run", "--port", "0"], "no/such/run"),
        (["--port", "70000"], "--port 70000"),
        (["--max-megapixels", "0"], "--max-megapixels 0"),
        (["--host", "no.such.host.invalid"], "no.such.host.invalid"),
        (["--port", TAKEN], "give --port 0"),
    ],
)
def test_mistakes_are_told_in_one_line(arguments, told, capsys):
    pytest.importorskip("uvicorn")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = [str(taken.getsockname()[1]) if word == TAKEN else word for word in arguments]
        assert main(["--no-browser", *words]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert len(error.splitlines()) == 1


def test_a_missing_extra_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["--no-browser"]) == 2
    assert "pip install '.[app]'" in capsys.readouterr().err


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_on_loopback_until_it_is_ended_and_leaves_nothing(bundle, tmp_path, end):
    pytest.importorskip("uvicorn")
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    words = [bundle, "--port", "0", "--no-browser", "--device", "cpu"]
    with Program("app", *words, cwd=tmp_path, fresh=True, TMPDIR=str(scratch), PYTHONUNBUFFERED="1") as server:
        server.until(lambda: "\n" in server.stdout)
        address = re.search(r"http://127\.0\.0\.1:\d+/", server.stdout).group()
        sample = urllib.request.urlopen(address + "sample.png", timeout=30).read()
        urllib.request.urlopen(address + "pages", data=sample, timeout=30).read()
        (folder,) = scratch.glob("linecolor-app-*")
        assert folder.stat().st_mode & 0o77 == 0
        assert len(list(folder.iterdir())) == 1
        started = time.monotonic()
        server.stop(end)
        assert time.monotonic() - started < 10
        assert "Traceback" not in server.stderr
    assert list(scratch.glob("linecolor-app-*")) == []
