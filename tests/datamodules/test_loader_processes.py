"""Signals that reach a whole group of processes leave the loader's to training."""

import os
import signal
import subprocess
import sys
import time

import pytest

from datamodules import datamodule
from datamodules.datamodule import LineArtDataModule

pytestmark = pytest.mark.slow


@pytest.fixture
def batches(picture_folder, monkeypatch):
    """Batches of one loader process, and that process."""
    monkeypatch.setattr(datamodule, "LINGER", 2)  # a busy machine may not read for a second
    data = LineArtDataModule(picture_folder / "color", "rich", 32, "none", "draft", 2, 10**6, 0, 1, 0)
    iterator = iter(data.train_dataloader())
    next(iterator)
    return iterator, iterator._workers[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGUSR1, signal.SIGTERM])
def test_training_goes_on_reading_for_as_long_as_it_wants(batches, number):
    iterator, worker = batches
    os.kill(worker.pid, number)
    until = time.monotonic() + 4.5
    while time.monotonic() < until:
        next(iterator)
    assert worker.is_alive()


def test_a_loader_process_that_nobody_reads_from_ends_after_a_sigterm(batches):
    _, worker = batches
    time.sleep(0.5)  # it has fetched ahead what it may
    os.kill(worker.pid, signal.SIGTERM)
    worker.join(timeout=9)
    assert not worker.is_alive()


def test_a_program_that_ends_with_its_loader_at_work_does_not_wait_for_it(picture_folder):
    """Python ends what it has started with a SIGTERM, and waits."""
    script = """
import sys
from datamodules.datamodule import LineArtDataModule
batches = iter(LineArtDataModule(sys.argv[1], "rich", 32, "none", "draft", 2, 10**6, 0, 1, 0).train_dataloader())
next(batches)
sys.held = batches
print("reading", flush=True)
"""
    line = [sys.executable, "-c", script, str(picture_folder / "color")]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60)
    assert done.stdout == "reading\n", done.stderr
