"""What is made of the machine's settings before anything starts."""

import pytest

from linecolor.experiment.trainer_config import TrainerConfig


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch):
    for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)


def trainer(**changes) -> TrainerConfig:
    return TrainerConfig({"accelerator": "cpu", "devices": 1, "strategy": "auto", "precision": "32-true", **changes})


@pytest.mark.parametrize(
    ("devices", "processes"), [(1, 1), (2, 2), ("2", 2), ([0, 3], 2), ("0,3", 2), ("auto", 1), (-1, 1)]
)
def test_the_number_of_processes_is_known_before_they_start(devices, processes):
    assert trainer(devices=devices).world_size == processes
    assert trainer(devices=devices, num_nodes=3).world_size == 3 * processes


def test_torchruns_word_on_devices_holds(monkeypatch):
    for name, value in (("WORLD_SIZE", "8"), ("LOCAL_WORLD_SIZE", "4"), ("TORCHELASTIC_RUN_ID", "none")):
        monkeypatch.setenv(name, value)
    config = trainer().on_this_machine()
    assert (config.arguments["devices"], config.arguments["num_nodes"]) == (4, 2)
    assert config.arguments["strategy"] == "ddp_find_unused_parameters_true"
    assert config.world_size == 8


@pytest.mark.parametrize(
    ("devices", "strategy", "expected"),
    [
        (2, "auto", "ddp_find_unused_parameters_true"),
        (2, "ddp", "ddp_find_unused_parameters_true"),
        (1, "auto", "auto"),
        (2, "fsdp", "fsdp"),
    ],
)
def test_several_devices_get_the_strategy_that_bears_the_gans_half_steps(devices, strategy, expected):
    assert trainer(devices=devices, strategy=strategy).on_this_machine().arguments["strategy"] == expected
