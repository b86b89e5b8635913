"""A job is stopped when half of its siblings were better at the same number of images, and not otherwise."""

import json

import pytest

from lightning_modules.callbacks.median_stop import MedianStop
from linecolor.runs.sweep_folder import JobFolder

METRIC = "full_size/psnr_32_mean"


def record(sweep, name, values, stage="draft", is_job=True):
    """metrics.jsonl of a job: values by images seen."""
    if is_job:
        JobFolder(sweep / name).record(state="running")
    path = sweep / name / stage / "metrics.jsonl"
    path.parent.mkdir(parents=True)
    lines = [{"images_seen": images, METRIC: value, "step": 1.0} for images, value in values.items()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def make(direction="maximize", least_siblings=3, warmup_images=0):
    return MedianStop(METRIC, direction, least_siblings, warmup_images)


@pytest.fixture
def siblings(tmp_path):
    for name, value in (("a", 10.0), ("b", 20.0), ("c", 30.0)):
        record(tmp_path, name, {100: value, 200: value + 50})
    return tmp_path


def test_below_the_median_is_stopped_with_the_figures(siblings):
    message = make().verdict(record(siblings, "own", {100: 19.0}), 100)
    assert "reached 19 by 100 images of stage draft" in message
    assert "median of 3 siblings there is 20" in message


@pytest.mark.parametrize(
    ("values", "direction", "is_stopped"),
    [
        ({100: 20.0}, "maximize", False),
        ({100: 25.0}, "maximize", False),
        ({100: 21.0}, "maximize", False),
        ({100: 21.0}, "minimize", True),
        ({100: 35.0}, "maximize", False),  # of the siblings' values at 100 images, 30 is the highest; at 200 it is 80
        ({100: 35.0, 200: 36.0}, "maximize", True),
        ({50: 25.0, 100: 1.0}, "maximize", False),
    ],
)
def test_the_best_value_so_far_counts_against_the_median_at_the_same_images(siblings, values, direction, is_stopped):
    verdict = make(direction).verdict(record(siblings, "own", values), max(values))
    assert (verdict is not None) == is_stopped


def test_other_stages_siblings_not_as_far_and_folders_that_are_no_jobs_do_not_count_and_these_are_not_stopped(siblings):
    record(siblings, "slow", {50: 1000.0})
    record(siblings, "stranger", {100: 1000.0, 200: 1000.0}, is_job=False)
    record(siblings, "other", {100: 1000.0, 200: 1000.0}, stage="colorizer")
    assert make(least_siblings=4).verdict(record(siblings, "own", {100: 1.0}), 100) is None
    assert make().verdict(record(siblings, "single", {100: 1.0}, is_job=False), 100) is None


def test_a_metric_that_is_not_recorded_is_refused_with_those_that_are(siblings):
    stop = MedianStop("full_size/psnr_99_mean", "maximize", 1, 0)
    with pytest.raises(ValueError, match=r"use one of .*psnr_32_mean"):
        stop.verdict(record(siblings, "own", {100: 1.0}), 100)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((METRIC, "up", 3, 0), "use maximize or minimize"),
        ((METRIC, "maximize", 0, 0), "least_siblings=0"),
        ((METRIC, "maximize", 3, -1), "warmup_images=-1"),
    ],
)
def test_values_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MedianStop(*arguments)
