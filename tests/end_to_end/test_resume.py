"""A run that is killed again and again ends with the very weights of one that was left alone.

LINECOLOR_KILLS=100 makes it long: `make soak`.
"""

import json
import os
import platform
import random
import time
from functools import partial
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGTERM, SIGUSR1

import pytest
import torch
from safetensors.torch import load_file

from linecolor.runs.record import read_record
from tests.end_to_end.kill_points import signal_before
from tests.end_to_end.program import TINY, Program, data, refused, run

KILLS = int(os.environ.get("LINECOLOR_KILLS", "4"))
STEPS = max(20, 5 * KILLS)
STAGES = ("draft", "colorizer")


def arguments(pictures: Path, name: str, *more: str) -> list[str]:
    """A tiny run of both stages with everything that has a state: averages, warm-up, workers, held-out drawings."""
    both = ("steps={}", "log_every_n_steps=1", "checkpoint_every=4", "checkpoint_minutes=0.02", "val_every_n_steps=10")
    settings = [f"stage.{stage}.{setting}".format(STEPS) for stage in STAGES for setting in both]
    return [*TINY, f"name={name}", *settings, "data.workers=2", "evaluation.drawings=1", *data(pictures), *more]


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
    run("train", *arguments(picture_folder, "calm"), cwd=home)
    return home / "runs" / "calm"


def test_an_undisturbed_run_records_every_step_and_every_look(undisturbed):
    for stage in STAGES:
        record = read_record(undisturbed / stage / "metrics.jsonl")
        assert [line["step"] for line in record if "reconstruction" in line] == list(range(1, STEPS + 1))
        looks = [line["step"] for line in record if "full_size/psnr_32_mean" in line]
        assert looks == sorted({*range(10, STEPS + 1, 10), STEPS})


STEP, LOOK = (
    "torch.optim.Adam.step",
    "lightning_modules.callbacks.stage_checkpoint.StageCheckpoint.on_validation_batch_end",
)
MOMENTS = [
    ("between the optimizers of a step", partial(signal_before, STEP, 14, SIGKILL)),
    ("in a step", partial(signal_before, STEP, 3, SIGTERM)),
    ("in a validation", partial(signal_before, LOOK, 1, SIGKILL)),
    ("in a validation", partial(signal_before, LOOK, 1, SIGINT)),
    ("a checkpoint is written, not in place", partial(signal_before, "os.replace", 2, SIGKILL, "previous.ckpt")),
    ("the one before it is put aside", partial(signal_before, "os.replace", 2, SIGKILL, "last.ckpt")),
    ("in a step", partial(signal_before, STEP, 5, SIGUSR1)),
    ("the weights are not in place", partial(signal_before, "os.replace", 1, SIGKILL, "draft/generator.safetensors")),
    ("the stage is not complete", partial(signal_before, "os.replace", 1, SIGTERM, "draft/complete.json")),
    ("the next stage has begun", partial(signal_before, STEP, 1, SIGKILL)),
    ("in its last validation", partial(signal_before, LOOK, 4, SIGKILL)),
    ("between weights and card of the bundle", partial(signal_before, "os.replace", 1, SIGKILL, "bundle.yaml")),
    ("the evaluation is not in place", partial(signal_before, "os.replace", 1, SIGKILL, "evaluation.json")),
    ("the report is not in place", partial(signal_before, "os.replace", 1, SIGKILL, "report.html")),
]


def test_a_run_stopped_at_every_kind_of_moment_equals_the_undisturbed_one_to_the_bit(
    undisturbed, picture_folder, tmp_path
):
    """From the second start on it must be resumed, and goes on into a stage that was never begun, too."""
    words = arguments(picture_folder, "storm")
    for moment, before in MOMENTS:
        kind = before.args[2]
        with Program("train", *words, cwd=tmp_path, before=before) as program:
            code = program.wait()
            assert code == (-SIGKILL if kind == SIGKILL else 128 + kind), f"{moment}: {code}\n{program.stderr[-3000:]}"
            assert kind == SIGKILL or f"stopped by {kind.name}" in program.stderr
        words = arguments(picture_folder, "storm", "resume=must")
    run("train", *words, cwd=tmp_path)
    assert_equal_runs(undisturbed, tmp_path / "runs" / "storm")
    assert not list(tmp_path.rglob("*.ckpt.tmp"))


@pytest.mark.timeout(0)
def test_a_run_killed_at_random_moments_equals_the_undisturbed_one_to_the_bit(undisturbed, picture_folder, tmp_path):
    dice = random.Random(KILLS)
    storm, words = tmp_path / "runs" / "storm", arguments(picture_folder, "storm")
    kinds = [SIGKILL, SIGTERM, SIGKILL, SIGINT, SIGUSR1]
    saved_on_request = 0
    for number in range(KILLS):
        kind, before = kinds[number % len(kinds)], lines_recorded(storm)
        # Some die while the program loads, most in the middle of a step, a validation or the writing of a checkpoint.
        wanted = dice.choice([0, 1, 1, 2, 2, 3, 4])
        with Program("train", *words, cwd=tmp_path) as program:
            while wanted and program.poll() is None and lines_recorded(storm) - before < wanted:
                before = min(before, lines_recorded(storm))  # it is cut back to the checkpoint first
                time.sleep(0.005)
            time.sleep(dice.uniform(0, 0.12) if wanted else dice.uniform(0, 1))
            assert program.poll() is None, f"over after {number} kills:\n{program.stderr[-3000:]}"
            code = program.stop(kind)
            # Before training listens a signal ends the program at once, as it ends any.
            assert code in (-kind, 128 + kind), f"{kind.name}: {code}\n{program.stderr[-3000:]}"
            if code == 128 + kind and kind in (SIGTERM, SIGUSR1):
                saved_on_request += 1
                assert kind.name in program.stderr
    run("train", *words, cwd=tmp_path)
    assert saved_on_request >= KILLS // 5
    assert_equal_runs(undisturbed, storm)
    assert not list(storm.rglob("*.tmp"))


@pytest.mark.parametrize("kind", [SIGTERM, SIGINT])
def test_asked_to_stop_with_all_its_workers_it_saves_the_step_it_is_at(picture_folder, tmp_path, kind):
    """Ctrl-C in a terminal and a cluster's signals reach the loader's processes, too."""
    far = [
        f"stage.{stage}.{setting}" for stage in STAGES for setting in ("checkpoint_every=1000", "val_every_n_steps=7")
    ]
    words = arguments(picture_folder, "asked", *far, "stage.draft.checkpoint_minutes=0")
    draft = tmp_path / "runs" / "asked" / "draft"
    with Program("train", *words, cwd=tmp_path) as program:
        program.until(lambda: lines_recorded(draft.parent) >= 3)
        assert program.stop(kind, group=True) == 128 + kind, program.stderr
        assert f"stopped by {kind.name} at step" in program.stderr
        assert "Traceback" not in program.stderr
    last = torch.load(draft / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["steps"] == max(entry["step"] for entry in read_record(draft / "metrics.jsonl")) >= 3


def test_a_second_process_at_a_run_is_refused_and_a_killed_one_is_no_obstacle(picture_folder, tmp_path):
    words = [*TINY, *data(picture_folder), "stages=[draft]", "stage.draft.checkpoint_every=1"]
    draft = tmp_path / "runs" / "tiny" / "draft"
    with Program("train", *words, "stage.draft.steps=100000", cwd=tmp_path) as first:
        first.until((draft / "checkpoints" / "last.ckpt").exists)
        for command in (("train", *words, "stage.draft.steps=100000"), ("evaluate", "run=runs/tiny")):
            told = refused(*command, cwd=tmp_path).splitlines()
            assert f"error: runs/tiny: process {first.pid} on {platform.node()}, started 20" in told[-1]
            assert len(told) == 1
        first.stop(SIGKILL)
    steps = torch.load(draft / "checkpoints" / "last.ckpt", weights_only=True)["steps"] + 1
    done = run("train", *words, f"stage.draft.steps={steps}", "evaluation.enabled=false", cwd=tmp_path)
    assert "looking whether" not in done.stderr
    assert (draft.parent / ".lock").read_text() == ""
