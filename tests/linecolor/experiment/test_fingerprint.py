"""A stage is continued only with the settings it was started with, whichever build started it."""

import pytest

from linecolor.experiment.fingerprint import check_unchanged
from linecolor.lineart.methods import METHODS
from linecolor.runs.run_folder import RunFolder


@pytest.fixture
def run(tmp_path) -> RunFolder:
    """A run whose draft has a checkpoint."""
    run = RunFolder.named(str(tmp_path), "a")
    (run.stage("draft") / "checkpoints").mkdir(parents=True)
    (run.stage("draft") / "checkpoints" / "previous.ckpt").touch()
    return run


def started_with(run: RunFolder, **settings) -> None:
    run.save_fingerprint("draft", settings)


def test_changed_settings_are_refused_with_every_difference(run):
    settings = {"seed": 0, "stage": {"batch_size": 4}}
    started_with(run, **settings)
    check_unchanged("draft", settings, run)
    with pytest.raises(ValueError, match=r"seed: 0 then, 1 now; stage\.draft\.batch_size: 4 then, 8 now"):
        check_unchanged("draft", {"seed": 1, "stage": {"batch_size": 8}}, run)


def test_a_stage_without_a_checkpoint_has_nothing_to_protect(run):
    started_with(run, seed=0)
    (run.stage("draft") / "checkpoints" / "previous.ckpt").unlink()  # killed in the middle of its first checkpoint
    check_unchanged("draft", {"seed": 1}, run)


def test_a_stage_started_with_old_keys_continues_with_new_ones(run):
    started_with(run, stage={"clip": 1.0}, pairs={"crop": {"turn": 0.5}, "line": {"real": 1.0}})
    now = {"stage": {"max_grad_norm": 1.0}, "pairs": {"crop": {"rotate_prob": 0.5}, "line": {"real": 1.0}}}
    check_unchanged("draft", now, run)
    with pytest.raises(ValueError, match=r"stage\.draft\.max_grad_norm: 1\.0 then, 2\.0 now"):
        check_unchanged("draft", {**now, "stage": {"max_grad_norm": 2.0}}, run)


def test_ways_to_draw_a_line_that_came_later_and_are_not_used_make_no_difference(run):
    started_with(run, pairs={"line": {"xdog": 1.0}})
    check_unchanged("draft", {"pairs": {"line": dict.fromkeys(METHODS, 0.0) | {"xdog": 1.0}}}, run)
    with pytest.raises(ValueError, match="outline"):
        check_unchanged("draft", {"pairs": {"line": {"xdog": 1.0, "outline": 1.0}}}, run)


def test_a_schedule_without_the_arguments_of_other_kinds_is_the_same_schedule(run):
    started_with(
        run, stage={"schedule": {"warmup": 9, "drop_at": 0, "drop_to": 1.0, "cosine_steps": 5, "cosine_to": 0}}
    )
    check_unchanged("draft", {"stage": {"schedule": {"warmup": 9, "cosine_steps": 5, "cosine_to": 0}}}, run)


def test_a_schedule_that_came_later_is_another_one_though_its_arguments_are_those_of_ours(run):
    ours, later = (f"lightning_modules.stages.schedules.{name}" for name in ("constant", "restarts"))
    started_with(run, stage={"schedule": {"_target_": ours, "warmup": 9}})
    check_unchanged("draft", {"stage": {"schedule": {"warmup": 9}}}, run)
    with pytest.raises(ValueError, match=r"_target_: None then, lightning_modules\.stages\.schedules\.restarts now"):
        check_unchanged("draft", {"stage": {"schedule": {"_target_": later, "warmup": 9}}}, run)
    started_with(run, stage={"schedule": {"_target_": later, "cosine_to": 0.1}})
    with pytest.raises(ValueError, match=r"cosine_to: 0\.1 then, 0\.2 now"):
        check_unchanged("draft", {"stage": {"schedule": {"_target_": later, "cosine_to": 0.2}}}, run)


def test_the_networks_of_other_systems_make_no_difference(run):
    started_with(run, model={"draft": {"width": 4}, "pix2pix": {"width": 4}})
    check_unchanged("draft", {"model": {"draft": {"width": 4}, "alacgan": {"width": 8}}}, run)
    with pytest.raises(ValueError, match=r"settings \(model\.draft\.width: 4 then, 8 now\)"):
        check_unchanged("draft", {"model": {"draft": {"width": 8}}}, run)


def test_which_class_of_ours_it_is_makes_no_difference_but_another_ones_does(run):
    started_with(run, model={"draft": {"_target_": "linecolor.networks.unet.ResNeXtUNet", "width": 4}})
    check_unchanged("draft", {"model": {"draft": {"width": 4}}}, run)
    with pytest.raises(ValueError, match=r"model\.draft\._target_: None then, mine\.UNet now"):
        check_unchanged("draft", {"model": {"draft": {"_target_": "mine.UNet", "width": 4}}}, run)
