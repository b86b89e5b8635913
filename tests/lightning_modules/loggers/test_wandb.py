"""What the mirror sends, once and whole, to a run that only listens; and the logger that starts it."""

import itertools
import json
import socket
import subprocess
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest
from lightning.fabric.utilities.rank_zero import rank_zero_only

from lightning_modules.loggers.wandb import WandbLogger
from lightning_modules.loggers.wandb_mirror import SENT, StageMirror, unreachable
from linecolor.images import write_png
from linecolor.runs.record import append_record, cut_back

pytestmark = pytest.mark.slow

NUMBERS = itertools.count()


class Run:
    """Keeps what is logged, as W&B's run would."""

    def __init__(self, folder: Path, step: int = 0) -> None:
        self.step = step
        self.dir = str(folder / "wandb" / f"offline-run-{next(NUMBERS)}" / "files")
        Path(self.dir).mkdir(parents=True)
        self.rows: list[tuple[int, dict]] = []

    def define_metric(self, name: str, step_metric: str | None = None) -> None:
        """The axis."""

    def log(self, row: dict, step: int, commit: bool) -> None:
        self.rows.append((step, row))

    def seen(self, name: str) -> list[int]:
        return [row["images_seen"] for _, row in self.rows if name in row]


@pytest.fixture
def stage(tmp_path) -> Path:
    folder = tmp_path / "run" / "draft"
    folder.mkdir(parents=True)
    return folder


def record(stage: Path, images_seen: int, **values: float) -> None:
    append_record(stage / "metrics.jsonl", images_seen, {**values, "step": images_seen // 8})


def mirrored(stage: Path, step: int = 0, commit: bool = True, offline: bool = True) -> Run:
    """One start of a stage, from its beginning to its end."""
    run = Run(stage.parent, step)
    mirror = StageMirror(run, stage, offline)
    mirror.send_new()
    if commit:
        mirror.commit()
    return run


def test_rows_that_are_written_again_after_a_checkpoint_are_not_sent_again(stage):
    for seen in (80, 88, 96, 104):
        record(stage, seen, reconstruction=0.5)
    assert mirrored(stage).seen("reconstruction") == [80, 88, 96, 104]
    size = len((stage / "metrics.jsonl").read_bytes()) // 2
    cut_back(stage / "metrics.jsonl", size)
    for seen in (96, 104, 112):
        record(stage, seen, reconstruction=0.5)
    again = mirrored(stage)
    assert again.seen("reconstruction") == [112]
    assert [step for step, _ in again.rows] == [4]


def test_a_training_record_and_a_validation_at_the_same_images_are_two_rows_and_either_may_come_later(stage):
    record(stage, 80, reconstruction=0.5)
    record(stage, 80, **{"full_size/psnr_0_mean": 17.0})
    run = mirrored(stage)
    assert run.seen("reconstruction") == run.seen("full_size/psnr_0_mean") == [80]
    record(stage, 88, reconstruction=0.5)
    mirrored(stage)
    record(stage, 88, **{"full_size/psnr_0_mean": 17.0})  # what a kill kept from being sent
    again = mirrored(stage)
    assert again.seen("full_size/psnr_0_mean") == [88]
    assert not again.seen("reconstruction")


def test_a_term_of_every_16th_step_is_not_lost_beside_the_others(stage):
    record(stage, 80, reconstruction=0.5, content=2.0)
    record(stage, 88, reconstruction=0.5)
    mirrored(stage)
    record(stage, 80, reconstruction=0.5, content=2.0)
    record(stage, 208, reconstruction=0.5, content=2.0)
    assert mirrored(stage).seen("content") == [208]


def test_each_sheet_is_sent_once(stage):
    for seen in (80, 160):
        write_png(stage / "samples" / f"{seen:09d}.png", np.full((4, 4, 3), seen, np.uint8))
    assert mirrored(stage).seen("samples") == [80, 160]
    write_png(stage / "samples" / "000000160.png", np.zeros((4, 4, 3), np.uint8))
    write_png(stage / "samples" / "000000240.png", np.zeros((4, 4, 3), np.uint8))
    assert mirrored(stage).seen("samples") == [240]


def test_lines_that_are_half_written_wait_and_nan_is_left_out(stage):
    run = Run(stage.parent)
    mirror = StageMirror(run, stage, True)
    mirror.send_new()
    record(stage, 8, reconstruction=float("nan"), saturated=0.1)
    with (stage / "metrics.jsonl").open("a") as file:
        file.write('{"images_seen": 16, "saturated"')
    mirror.send_new()
    assert [row for _, row in run.rows] == [{"saturated": 0.1, "step": 1, "images_seen": 8}]
    with (stage / "metrics.jsonl").open("a") as file:
        file.write(": 0.2}\n")
    mirror.send_new()
    assert run.seen("saturated") == [8, 16]


def test_an_offline_run_without_an_end_is_set_aside_and_sent_again(stage):
    record(stage, 8, reconstruction=0.5)
    lost = mirrored(stage, commit=False)
    record(stage, 16, reconstruction=0.4)
    assert [(step, row["images_seen"]) for step, row in mirrored(stage).rows] == [(0, 8), (1, 16)]
    assert not Path(lost.dir).exists()
    assert len(list((stage.parent / "wandb").glob("superseded-offline-run-*"))) == 1


def test_what_went_out_online_is_not_sent_again_after_a_kill(stage):
    record(stage, 8, reconstruction=0.5)
    mirrored(stage, commit=False, offline=False)
    record(stage, 16, reconstruction=0.4)
    again = mirrored(stage, step=5, offline=False)
    assert [(step, row["images_seen"]) for step, row in again.rows] == [(5, 16)]


def test_a_damaged_state_is_named_with_what_to_do(stage):
    (stage / SENT).write_text("{")
    with pytest.raises(ValueError, match=r"wandb_sent\.json is damaged: delete it"):
        mirrored(stage)


# --- the network ------------------------------------------------------------------------------------------------


def test_a_port_nobody_listens_at_and_one_that_is_silent_are_unreachable():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert "refused" in str(unreachable(address, 2.0))
        listener.listen()
        assert unreachable(address, 0.3) in ("no answer within 0.3 s", "timed out")
    assert unreachable("no address", 2.0)


def test_a_server_that_answers_with_an_error_is_there():
    class Refuses(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(403)

        def log_message(self, *_) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Refuses) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        assert unreachable(f"http://127.0.0.1:{server.server_address[1]}", 5.0) is None


# --- the logger -------------------------------------------------------------------------------------------------


def logger(stage: Path) -> WandbLogger:
    return WandbLogger(name="run-draft", job_type="draft", folder=stage, config={}, group="run")


@pytest.fixture
def mirror(monkeypatch) -> Callable[[], list[dict]]:
    """Stands for the mirror, which is not started; the messages to it."""
    process = MagicMock(**{"wait.return_value": 0})
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: process)
    return lambda: [json.loads(call.args[0]) for call in process.stdin.write.call_args_list]


def test_a_stage_keeps_its_id_over_all_starts_and_has_none_before_the_first(stage, mirror):
    first = logger(stage)
    assert first.version == ""
    _ = first.experiment
    assert len(first.version) == 12
    _ = logger(stage).experiment
    ids = [message["init"]["id"] for message in mirror()]
    assert ids == [first.version] * 2 == [(stage / "wandb_id").read_text()] * 2


@pytest.mark.parametrize(("status", "code"), [("success", 0), ("failed", 1)])
def test_how_a_stage_ended_reaches_the_mirror(stage, mirror, status, code):
    tracker = logger(stage)
    _ = tracker.experiment
    tracker.finalize(status)
    tracker.close()
    tracker.close()
    assert mirror()[1:] == [{"exit_code": code}]


def test_the_other_devices_processes_start_no_mirror(stage, monkeypatch):
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    tracker = logger(stage)
    _ = tracker.experiment
    tracker.close()
    assert tracker._mirror is None
    assert not list(stage.iterdir())


def test_a_machine_that_can_start_no_process_trains_without_tracking(stage, monkeypatch, caplog):
    def refuse(*_, **__):
        raise OSError("Cannot allocate memory")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    tracker = logger(stage)
    _ = tracker.experiment
    tracker.close()
    assert "run-draft is not tracked by W&B: Cannot allocate memory" in caplog.text
