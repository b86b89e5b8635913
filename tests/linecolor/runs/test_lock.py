"""One process at a run: the next is told who has it, a crash lets go of it, and so does a machine that is gone."""

import json
import multiprocessing
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from linecolor.runs import lock
from linecolor.runs.lock import LOCK, held

HOLD = """
import sys, time
from pathlib import Path
from linecolor.runs import lock
lock.BEAT_S = 0.05
if sys.argv[2] == "without locks":
    lock.try_lock = lambda descriptor: None
with lock.held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def holder(folder: Path, how: str = "with locks") -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", HOLD, folder, how], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"held\n"
            yield process
        finally:
            process.kill()


def another_machine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this machine another one than that of the process that has the folder."""
    monkeypatch.setattr(platform, "node", lambda: "elsewhere")
    monkeypatch.setattr(lock, "WATCH_S", 1.0)


def refusal(folder: Path) -> str:
    with pytest.raises(ValueError, match="is at work here") as refused, held(folder):
        pass
    return str(refused.value)


def test_the_second_process_is_told_who_has_it_and_a_killed_one_lets_go(tmp_path):
    folder = tmp_path / "runs" / "mine"
    with holder(folder) as process:
        told = refusal(folder)
        assert told.startswith(f"{folder}: process {process.pid} on {platform.node()}, started 20")
        assert "is at work here; wait for it, stop it" in told
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert json.loads((folder / LOCK).read_text())["pid"] == process.pid
        with held(folder):
            assert json.loads((folder / LOCK).read_text())["pid"] == os.getpid()
    assert (folder / LOCK).read_text() == ""


@pytest.mark.parametrize("how", ["with locks", "without locks"])
def test_where_machines_share_a_folder_and_no_locks_signs_of_life_decide(how, tmp_path, monkeypatch, capsys):
    another_machine(tmp_path, monkeypatch)
    monkeypatch.setattr(lock, "try_lock", lambda descriptor: None if how == "without locks" else True)
    with holder(tmp_path, how) as process:
        assert f"process {process.pid} on " in refusal(tmp_path)
        process.kill()
        process.wait()
        with held(tmp_path):  # its machine went down
            pass
    assert f"looking whether process {process.pid} on " in capsys.readouterr().err


def test_what_was_given_back_is_taken_at_once(tmp_path, monkeypatch):
    with held(tmp_path):
        pass
    another_machine(tmp_path, monkeypatch)
    monkeypatch.setattr(lock, "WATCH_S", 60.0)
    started = time.monotonic()
    with held(tmp_path):
        pass
    assert time.monotonic() - started < 5


def test_a_forked_process_does_not_keep_it(tmp_path):
    fork = multiprocessing.get_context("fork")
    with held(tmp_path):
        child = fork.Process(target=time.sleep, args=(60,))
        child.start()
    try:
        with held(tmp_path):
            pass
    finally:
        child.kill()
        child.join()


@pytest.mark.parametrize("content", ["", "{", "[1]", "null", "9" * 5000, '{"pid": {}}'])
def test_a_damaged_lock_is_no_obstacle(content, tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "WATCH_S", 0.1)
    (tmp_path / LOCK).write_text(content)
    with held(tmp_path):
        pass
