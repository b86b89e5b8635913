"""Keys that were renamed: what users wrote before is still read, with a line that names the new one."""

import pytest
from omegaconf import OmegaConf

from linecolor.experiment.composition import with_new_keys
from linecolor.runs import renamed_keys
from linecolor.runs.renamed_keys import rename_keys, rename_overrides
from linecolor.runs.sweep_folder import job_hash


@pytest.fixture(autouse=True)
def nothing_was_reported():
    renamed_keys._report.cache_clear()


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("stage.draft.record_every=1", "stage.draft.log_every_n_steps=1"),
        ("stage.mine.clip=0,1", "stage.mine.max_grad_norm=0,1"),
        ("+pairs.crop.uncut=0.4", "+pairs.crop.full_page_prob=0.4"),
        ("~stage.draft.accumulate", "~stage.draft.micro_batches"),
        ("pairs.crop={uncut: 0.4, collage: 0.1}", "pairs.crop={full_page_prob: 0.4, collage_prob: 0.1}"),
        ("stage={draft: {clip: 1}}", "stage={draft: {max_grad_norm: 1}}"),
        ("pairs.color={flip: 1}", "pairs.color={flip: 1}"),
        ("x='${stage.draft.validate_every}'", "x='${stage.draft.val_every_n_steps}'"),
        ("stage.draft.optimizer.clip=1", "stage.draft.optimizer.clip=1"),
        ("--config-dir=pairs.crop.uncut", "--config-dir=pairs.crop.uncut"),
    ],
)
def test_old_keys_of_a_command_line_become_new_ones(word, expected, capsys):
    assert rename_overrides([word]) == [expected]
    assert len(capsys.readouterr().err.splitlines()) == (word != expected and "$" not in word) + ("collage" in word)


def test_the_new_name_is_told_once(capsys):
    rename_overrides(["stage.draft.clip=1", "stage.draft.clip=2"])
    told = "stage.draft.clip is now called stage.draft.max_grad_norm; the old name is still read\n"
    assert capsys.readouterr().err == told


def test_old_keys_of_an_older_runs_configuration_become_new_ones(capsys):
    old = {"stage": {"draft": {"steps": 2, "ema_images": 400}}, "pairs": {"hints": {"empty": 0.5, "most": 9}}}
    new = {"stage": {"draft": {"steps": 2, "ema_half_life": 400}}, "pairs": {"hints": {"no_hint_prob": 0.5, "most": 9}}}
    assert rename_keys(old) == new == rename_keys(new)
    assert capsys.readouterr().err == ""


def test_old_keys_of_a_users_own_yaml_count_but_not_against_the_command_line(capsys):
    draft = {"log_every_n_steps": 10, "record_every": 5, "checkpoint_every": "${stage.draft.record_every}"}
    config = OmegaConf.create({"stage": {"draft": draft}})
    moved = with_new_keys(config, [])
    assert OmegaConf.to_container(moved.stage.draft, resolve=True) == {"log_every_n_steps": 5, "checkpoint_every": 5}
    assert "stage.draft.record_every is now called stage.draft.log_every_n_steps" in capsys.readouterr().err
    assert with_new_keys(config, ["stage.draft.log_every_n_steps=10"]).stage.draft.log_every_n_steps == 10
    assert with_new_keys(moved, []) is moved


def test_a_sweeps_jobs_are_known_by_their_old_keys():
    assert job_hash(["seed=1", "stage.draft.max_grad_norm=1"]) == job_hash(["stage.draft.clip=1", "seed=1"])
