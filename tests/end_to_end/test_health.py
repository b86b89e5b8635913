"""A run that dies says of what, and where to go back to."""

import re

import pytest

from linecolor.runs.record import read_record
from tests.end_to_end.program import TINY, data, refused, run

DYING = [
    *TINY,
    "evaluation.enabled=false",
    "stages=[draft]",
    "stage.draft.steps=60",
    "stage.draft.val_every_n_steps=1000",
    "stage.draft.checkpoint_every=20",
    "stage.draft.schedule.warmup=0",
]


@pytest.mark.parametrize(
    ("rate", "said"),
    [("1", r"error: the generator is dead: generator_gradient is 0"), ("100", r"error: .*reconstruction.* is nan at")],
    ids=["dead", "nan"],
)
def test_a_rate_that_is_far_too_high_stops_the_run_with_the_term_and_the_last_good_checkpoint(
    picture_folder, tmp_path, rate, said
):
    told = refused("train", *DYING, f"stage.draft.optimizer.lr={rate}", *data(picture_folder), cwd=tmp_path)
    assert re.search(said, told)
    assert re.search("last good checkpoint is|no checkpoint is left from before", told)
    assert read_record(tmp_path / "runs" / "tiny" / "draft" / "metrics.jsonl")[-1]["step"] <= 50
    assert not (tmp_path / "runs" / "tiny" / "bundle").exists()


def test_the_check_can_be_turned_off(picture_folder, tmp_path):
    words = ["stage.draft.optimizer.lr=1", "~callbacks.health", *data(picture_folder)]
    run("train", *DYING, *words, cwd=tmp_path)
    assert read_record(tmp_path / "runs" / "tiny" / "draft" / "metrics.jsonl")[-1]["step"] == 60
