"""What is made of the machine's settings before anything starts."""

from pathlib import Path

import pytest

from datamodules.sources.drawing import Drawing
from linecolor.experiment.checks import check_machine, check_pictures, world_size


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch):
    for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)


def trainer(**changes) -> dict:
    return {"accelerator": "cpu", "devices": 1, "strategy": "auto", "precision": "32-true", **changes}


@pytest.mark.parametrize(
    ("devices", "processes"), [(1, 1), (2, 2), ("2", 2), ([0, 3], 2), ("0,3", 2), ("auto", 1), (-1, 1)]
)
def test_the_number_of_processes_is_known_before_they_start(devices, processes):
    assert world_size(trainer(devices=devices)) == processes
    assert world_size(trainer(devices=devices, num_nodes=3)) == 3 * processes


def test_torchruns_word_on_devices_holds(monkeypatch):
    for name, value in (("WORLD_SIZE", "8"), ("LOCAL_WORLD_SIZE", "4"), ("TORCHELASTIC_RUN_ID", "none")):
        monkeypatch.setenv(name, value)
    settings = trainer()
    check_machine(settings)
    assert (settings["devices"], settings["num_nodes"]) == (4, 2)
    assert settings["strategy"] == "ddp_find_unused_parameters_true"
    assert world_size(settings) == 8


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
    settings = trainer(devices=devices, strategy=strategy)
    check_machine(settings)
    assert settings["strategy"] == expected


def drawing(name: str, split: str, base: str) -> Drawing:
    return Drawing(name, Path(name), None, split, base)


def test_a_variant_of_a_held_out_drawing_is_not_trained_on():
    plain = {"data": {"root": "data", "overfit": 0, "test_share": 0.1}, "evaluation": {"enabled": True}}
    apart = [drawing("a", "test", "a"), drawing("b", "train", "b")]
    check_pictures(apart, plain)
    with pytest.raises(ValueError, match=r"variants of held-out ones \(a-dark, ...\)"):
        check_pictures([*apart, drawing("a-dark", "train", "a")], plain)
