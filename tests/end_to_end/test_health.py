"""A run that dies says of what, and where to go back to."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from linecolor.runs.record import read_record

DYING = [
    "experiment=demo",
    "debug=tiny",
    "evaluation.enabled=false",
    "stages=[draft]",
    "stage.draft.steps=60",
    "stage.draft.val_every_n_steps=1000",
    "stage.draft.checkpoint_every=20",
    "stage.draft.schedule.warmup=0",
]


def train(*words: str, pictures: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    data = ["data=folder", f"data.root={pictures / 'color'}", f"data.lines={pictures / 'line'}", "data.test_share=0.3"]
    return subprocess.run(
        [sys.executable, "-m", "linecolor.cli.train", *DYING, *words, *data],
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.mark.parametrize(
    ("rate", "said"),
    [("1", r"error: the generator is dead: generator_gradient is 0"), ("100", r"error: .*reconstruction.* is nan at")],
    ids=["dead", "nan"],
)
def test_a_rate_that_is_far_too_high_stops_the_run_with_the_term_and_the_last_good_checkpoint(
    picture_folder, tmp_path, rate, said
):
    done = train(f"stage.draft.optimizer.lr={rate}", pictures=picture_folder, cwd=tmp_path)
    assert done.returncode == 2
    assert re.search(said, done.stderr)
    assert re.search("last good checkpoint is|no checkpoint is left from before", done.stderr)
    assert "Traceback" not in done.stderr
    assert read_record(tmp_path / "runs" / "tiny" / "draft" / "metrics.jsonl")[-1]["step"] <= 50
    assert not (tmp_path / "runs" / "tiny" / "bundle").exists()


def test_the_check_can_be_turned_off(picture_folder, tmp_path):
    done = train("stage.draft.optimizer.lr=1", "~callbacks.health", pictures=picture_folder, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert read_record(tmp_path / "runs" / "tiny" / "draft" / "metrics.jsonl")[-1]["step"] == 60
