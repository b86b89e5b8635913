"""Signals that reach a whole group of processes leave the loader's to training."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from datamodules import datamodule
from datamodules.datamodule import LineArtDataModule
from datamodules.pair_settings import PairSettings
from datamodules.sources.folder import scan_folder

pytestmark = pytest.mark.slow

PAIRS = PairSettings.from_config(
    yaml.safe_load((Path(__file__).parents[2] / "conf" / "pairs" / "rich.yaml").read_text(encoding="utf-8"))
)


@pytest.fixture
def batches(picture_folder, monkeypatch):
    """Batches of one loader process, and that process."""
    monkeypatch.setattr(datamodule, "LINGER", 2)  # a busy machine may not read for a second
    drawings = scan_folder(picture_folder / "color", None, test_share=0.0, progress=False).drawings
    loader = LineArtDataModule(drawings, PAIRS, 32, "none", "draft", 2, 10**6, 0, 1, 0).train_dataloader()
    iterator = iter(loader)
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
sys.path.insert(0, sys.argv[2])
from test_loader_processes import PAIRS
from datamodules.datamodule import LineArtDataModule
from datamodules.sources.folder import scan_folder
drawings = scan_folder(sys.argv[1], None, test_share=0.0, progress=False).drawings
batches = iter(LineArtDataModule(drawings, PAIRS, 32, "none", "draft", 2, 10**6, 0, 1, 0).train_dataloader())
next(batches)
sys.held = batches
print("reading", flush=True)
"""
    line = [sys.executable, "-c", script, str(picture_folder / "color"), str(Path(__file__).parent)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60)
    assert done.stdout == "reading\n", done.stderr
