"""A run that is killed again and again ends with the very weights of one that was left alone.

LINECOLOR_KILLS=100 makes it long: `make soak`.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from linecolor.runs.record import read_record

KILLS = int(os.environ.get("LINECOLOR_KILLS", "20"))
STEPS = max(40, 5 * KILLS)
STAGES = ("draft", "colorizer")


def arguments(pictures: Path, name: str, *more: str) -> list[str]:
    """A tiny run of both stages with everything that has a state: averages, warm-up, workers, held-out drawings."""
    both = ("steps={}", "log_every_n_steps=1", "checkpoint_every=4", "checkpoint_minutes=0.02", "val_every_n_steps=10")
    settings = [f"stage.{stage}.{setting}".format(STEPS) for stage in STAGES for setting in both]
    data = ["data=folder", f"data.root={pictures / 'color'}", f"data.lines={pictures / 'line'}", "data.test_share=0.3"]
    tiny = ["experiment=demo", "debug=tiny", f"name={name}", *settings, "data.workers=2", "evaluation.drawings=1"]
    return [sys.executable, "-m", "linecolor.cli.train", *tiny, *data, *more]


def start(line: list[str], home: Path) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    log = (home / "log.txt").open("a")
    return subprocess.Popen(
        line, cwd=home, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )


def finish(line: list[str], home: Path) -> None:
    process = start(line, home)
    assert process.wait(timeout=240) == 0, (home / "log.txt").read_text()[-3000:]


def lines_recorded(run: Path) -> int:
    return sum(len(read_record(run / stage / "metrics.jsonl")) for stage in STAGES)


def flat(state, prefix: str = "") -> dict:
    """Every tensor and number of a checkpoint by its path."""
    if isinstance(state, dict):
        items = state.items()
    elif isinstance(state, (list, tuple)):
        items = enumerate(state)
    else:
        return {prefix: state}
    return {path: value for key, inner in items for path, value in flat(inner, f"{prefix}/{key}").items()}


def assert_equal_runs(one: Path, other: Path) -> None:
    """Weights, average, optimizers, rates, counters and the record: everything, to the bit."""
    for stage in STAGES:
        states = [
            flat(torch.load(run / stage / "checkpoints" / "last.ckpt", weights_only=True)) for run in (one, other)
        ]
        assert states[0].keys() == states[1].keys()
        assert any(path.startswith("/state_dict/averaged") for path in states[0])
        assert any(path.endswith("exp_avg_sq") for path in states[0])
        for path, value in states[0].items():
            if isinstance(value, torch.Tensor):
                assert torch.equal(value, states[1][path]), f"{stage}: {path}"
            else:
                assert value == states[1][path], f"{stage}: {path}"
        assert (one / stage / "metrics.jsonl").read_text() == (other / stage / "metrics.jsonl").read_text()
        sheets = [{p.name: p.read_bytes() for p in (run / stage / "samples").iterdir()} for run in (one, other)]
        assert sheets[0] == sheets[1]
    bundles = [load_file(run / "bundle" / "linecolor.safetensors") for run in (one, other)]
    assert bundles[0].keys() == bundles[1].keys()
    assert all(torch.equal(tensor, bundles[1][name]) for name, tensor in bundles[0].items())
    figures = [json.loads((run / "evaluation" / "evaluation.json").read_text())["figures"] for run in (one, other)]
    assert figures[0] == figures[1]


@pytest.fixture(scope="module")
def undisturbed(picture_folder, tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("undisturbed")
    finish(arguments(picture_folder, "calm"), home)
    return home / "runs" / "calm"


def test_an_undisturbed_run_records_every_step_and_every_look(undisturbed):
    for stage in STAGES:
        record = read_record(undisturbed / stage / "metrics.jsonl")
        assert [line["step"] for line in record if "reconstruction" in line] == list(range(1, STEPS + 1))
        looks = [line["step"] for line in record if "full_size/psnr_32_mean" in line]
        assert looks == sorted({*range(10, STEPS + 1, 10), STEPS})


def test_a_run_killed_at_random_moments_equals_the_undisturbed_one_to_the_bit(undisturbed, picture_folder, tmp_path):
    dice = random.Random(KILLS)
    run, line = tmp_path / "runs" / "storm", arguments(picture_folder, "storm")
    kinds = [signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGUSR1]
    died: list[tuple[str, str]] = []
    saved_on_request = 0
    while len(died) < KILLS:
        before = lines_recorded(run)
        process = start(line, tmp_path)
        # Some die while the program loads, most in the middle of a step, a validation or the writing of a checkpoint.
        wanted = dice.choice([0, 1, 1, 2, 2, 3, 4])
        while wanted and process.poll() is None and lines_recorded(run) - before < wanted:
            before = min(before, lines_recorded(run))  # it is cut back to the checkpoint first
            time.sleep(0.005)
        time.sleep(dice.uniform(0, 0.12) if wanted else dice.uniform(0, 3))
        assert process.poll() is None, f"over after {len(died)} kills:\n{(tmp_path / 'log.txt').read_text()[-3000:]}"
        kind = kinds[len(died) % len(kinds)]
        process.send_signal(kind)
        code = process.wait(timeout=120)
        # Before training listens a signal ends the program at once, as it ends any.
        assert code in (-kind, 128 + kind), f"{kind.name}: {code}\n{(tmp_path / 'log.txt').read_text()[-3000:]}"
        if code == 128 + kind and kind in (signal.SIGTERM, signal.SIGUSR1):
            saved_on_request += 1
            assert kind.name in (tmp_path / "log.txt").read_text()
        died.append((kind.name, f"{lines_recorded(run)} lines"))
    finish(line, tmp_path)
    assert saved_on_request >= KILLS // 5
    assert_equal_runs(undisturbed, run)
    assert not list(run.rglob("*.tmp"))


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_with_all_its_workers_it_saves_the_step_it_is_at(picture_folder, tmp_path, kind):
    """Ctrl-C in a terminal and a cluster's signals reach the loader's processes, too."""
    far = [
        f"stage.{stage}.{setting}" for stage in STAGES for setting in ("checkpoint_every=1000", "val_every_n_steps=7")
    ]
    line = arguments(picture_folder, "asked", *far, "stage.draft.checkpoint_minutes=0")
    run = tmp_path / "runs" / "asked"
    process = start(line, tmp_path)
    while lines_recorded(run) < 3:
        assert process.poll() is None, (tmp_path / "log.txt").read_text()[-3000:]
        time.sleep(0.01)
    os.killpg(process.pid, kind)
    assert process.wait(timeout=120) == 128 + kind
    told = (tmp_path / "log.txt").read_text()
    assert f"stopped by {kind.name} at step" in told
    assert "Traceback" not in told
    last = torch.load(run / "draft" / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["steps"] == max(entry["step"] for entry in read_record(run / "draft" / "metrics.jsonl")) >= 3


def test_a_run_that_must_be_resumed_goes_on_into_a_stage_that_was_never_begun(picture_folder, tmp_path):
    few = [f"stage.{stage}.{setting}" for stage in STAGES for setting in ("steps=8", "val_every_n_steps=100")]
    line = arguments(picture_folder, "must", *few, "data.workers=0", "evaluation.enabled=false")
    process = start(line, tmp_path)
    while lines_recorded(tmp_path / "runs" / "must") < 2:
        assert process.poll() is None, (tmp_path / "log.txt").read_text()[-3000:]
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=120) == 128 + signal.SIGTERM
    finish([*line, "resume=must"], tmp_path)
    assert (tmp_path / "runs" / "must" / "colorizer" / "complete.json").is_file()
