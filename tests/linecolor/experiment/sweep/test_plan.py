"""What a sweep is going to run: how many jobs, on which devices, with which plugins."""

from contextlib import contextmanager

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import open_dict, read_write

from linecolor.experiment.composition import configuration_folder, register_resolvers
from linecolor.experiment.sweep import jobs, plan


@contextmanager
def composed(*overrides):
    """The configuration as Hydra hands it to a sweep's callback; while Hydra is there to compose jobs."""
    register_resolvers()
    fixed = [word for word in overrides if "," not in word or "'" in word]
    with initialize_config_dir(configuration_folder(), version_base="1.3"):
        config = compose("train", ["experiment=demo", *fixed], return_hydra_config=True)
        config.hydra.overrides.task = ["experiment=demo", *overrides]
        HydraConfig.instance().set_config(config)
        yield config


def check(*overrides):
    with composed(*overrides) as config:
        for job in plan.machines(config, plan.planned_jobs(config)):
            plan.check_devices(job, config.hydra.launcher)


def test_every_combination_is_a_job():
    with composed("seed=1,2", "model.weights.adversarial=0.01,0.05,0.1", "data.workers=0") as config:
        planned = plan.planned_jobs(config)
    assert len(planned) == 6
    assert ["experiment=demo", "seed=2", "model.weights.adversarial=0.05", "data.workers=0"] in planned


def test_a_search_has_as_many_jobs_as_it_asks_for():
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    with composed("hparams_search=optuna", "hydra.sweeper.n_trials=7") as config:
        assert plan.planned_jobs(config) == 7


def test_old_keys_of_a_search_space_become_new_ones():
    with composed("seed=1") as config:
        with read_write(config.hydra), open_dict(config.hydra):
            config.hydra.sweeper.params = {"pairs.hints.empty": "0.1,0.2", "seed": "1,2"}
        jobs._rename_search_space(config)
        assert dict(config.hydra.sweeper.params) == {"seed": "1,2", "pairs.hints.no_hint_prob": "0.1,0.2"}


@pytest.mark.parametrize("word", ["name=a,b", "runs_dir=a,b", "sweep.name=a,b"])
def test_where_the_sweep_lies_is_not_swept(word):
    with composed("seed=1", word) as config, pytest.raises(ValueError, match="give a single value"):
        plan.planned_jobs(config)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("trainer.devices=2", "trainer.devices=2 cannot be shared out"),
        ("preflight='true'", "preflight=true measures one run"),
        ("sweep.objective=psnr_99_mean", "sweep.objective=psnr_99_mean is no figure"),
        ("sweep.name=../up", "sweep.name='../up' is no folder name"),
    ],
)
def test_what_cannot_be_swept_is_refused_before_anything_is_written(word, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with composed("seed=1,2", word) as config, pytest.raises(ValueError, match=said):
        jobs._begin(config)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("devices", ["1", "auto", "[0]", "'1'"])
def test_one_device_a_job_is_swept(devices, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    check("seed=1,2", f"trainer.devices={devices}")


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("trainer.devices=2",),
        ("trainer.devices=-1",),
        ("trainer.devices=[0]", "+trainer.num_nodes=2"),
        ("trainer.devices='0,1'",),
        ("trainer.devices=1,2",),
        ("trainer=ddp_cpu",),
        ("trainer=cpu,ddp_cpu",),
        ("trainer=ddp",),
        ("trainer.devices=auto",),
    ],
)
def test_several_devices_in_one_process_are_refused_with_the_way_out(words, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ValueError, match="submitit_slurm") as refused:
        check("seed=1,2", *words)
    assert "without -m" in str(refused.value)


@pytest.mark.slow
def test_a_launcher_that_starts_a_process_a_device_may_have_several():
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    check("seed=1,2", "hydra/launcher=submitit_local", "hydra.launcher.tasks_per_node=2", "trainer.devices=2")
    check("seed=1,2", "hydra/launcher=submitit_local")
    wrong = {"trainer.devices=2": "one task a device", "hydra.launcher.tasks_per_node=2": "one task a device"}
    for words, message in (wrong | {"trainer=cpu trainer.devices=-1": "give the number"}).items():
        with pytest.raises(ValueError, match=message):
            check("seed=1,2", "hydra/launcher=submitit_local", *words.split())


@pytest.mark.parametrize(
    "word", ["hydra/launcher=joblib", "hydra/launcher=submitit_slurm", "hydra/sweeper=optuna", "hparams_search=optuna"]
)
def test_what_is_not_installed_is_told_with_what_to_install(word, monkeypatch):
    monkeypatch.setattr(plan, "find_spec", lambda name: None)
    plan.check_plugins(["experiment=demo", "seed=1,2"])
    with pytest.raises(ValueError, match=r"'\.\[sweep\]'"):
        plan.check_plugins(["experiment=demo", word])
