"""A run that dies says of what, and where to go back to."""

import re

from linecolor.experiment.composition import compose_training
from linecolor.experiment.config import RunConfig
from linecolor.runs.record import read_record
from tests.end_to_end.program import TINY, data, refused

DYING = [
    *TINY,
    "evaluation.enabled=false",
    "stages=[draft]",
    "stage.draft.steps=60",
    "stage.draft.val_every_n_steps=1000",
    "stage.draft.checkpoint_every=20",
    "stage.draft.schedule.warmup=0",
    "stage.draft.optimizer.lr=1",
]


def test_a_rate_that_is_far_too_high_stops_the_run_with_the_term_and_the_last_good_checkpoint(picture_folder, tmp_path):
    told = refused("train", *DYING, *data(picture_folder), cwd=tmp_path)
    assert "error: the generator is dead: generator_gradient is 0" in told
    assert re.search("last good checkpoint is|no checkpoint is left from before", told)
    assert read_record(tmp_path / "runs" / "tiny" / "draft" / "metrics.jsonl")[-1]["step"] <= 50
    assert not (tmp_path / "runs" / "tiny" / "bundle").exists()


def test_the_check_can_be_turned_off():
    with_it, without = (RunConfig.from_hydra(compose_training([*DYING, *more])) for more in ([], ["~callbacks.health"]))
    assert set(with_it.callbacks) - set(without.callbacks) == {"health"}
