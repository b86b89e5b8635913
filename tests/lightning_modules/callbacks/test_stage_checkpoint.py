"""Checkpoints: when they are taken, that they run no code, and what happens when one is damaged."""

import os
import shutil
from pathlib import Path

import pytest
import torch

from lightning_modules.callbacks.stage_checkpoint import DAMAGED, LAST, PREVIOUS, StageCheckpoint, load_checkpoint
from tests.lightning_modules.every_stage import draft_gan, fit

pytestmark = pytest.mark.slow


def checkpoint(folder: Path, every: int = 100, minutes: float = 0) -> StageCheckpoint:
    return StageCheckpoint(folder, every, minutes, {"width": 8}, folder.parent / "metrics.jsonl")


@pytest.fixture(scope="session")
def of_steps_2_and_4(made_once, picture_folder) -> Path:
    """Checkpoints of a run of four steps."""

    def train(root: Path) -> None:
        fit(draft_gan(), picture_folder, root, 4, [checkpoint(root / "ckpt", every=2)])

    return made_once("checkpoints", train) / "ckpt"


@pytest.fixture
def folder(of_steps_2_and_4, tmp_path) -> Path:
    return shutil.copytree(of_steps_2_and_4, tmp_path / "ckpt")


def test_checkpoints_run_no_code_and_the_one_before_is_kept_for_trouble_that_began_since(folder):
    assert load_checkpoint(folder / LAST)["steps"] == 4
    assert load_checkpoint(folder / PREVIOUS)["steps"] == 2
    assert sorted(p.name for p in folder.iterdir()) == ["last.ckpt", "previous.ckpt"]
    watch = checkpoint(folder)
    assert f"{folder / LAST}, of step 4" in watch.last_good(before=5)
    assert f"{folder / PREVIOUS}, of step 2; delete {LAST}" in watch.last_good(before=4)
    assert "no checkpoint is left from before it" in watch.last_good(before=2)


def test_checkpoints_are_taken_by_time_too(picture_folder, tmp_path):
    fit(draft_gan(), picture_folder, tmp_path, 3, [checkpoint(tmp_path / "ckpt", 10**6, 1e-9)])
    assert load_checkpoint(tmp_path / "ckpt" / PREVIOUS)["steps"] == 2


def test_before_a_validation_one_says_that_it_is_pending(picture_folder, tmp_path):
    watch = checkpoint(tmp_path / "ckpt")
    fit(draft_gan(steps=2), picture_folder, tmp_path, 2, [watch], validation_drawings=1)
    assert not load_checkpoint(tmp_path / "ckpt" / LAST)["validation_pending"]
    assert load_checkpoint(tmp_path / "ckpt" / PREVIOUS)["validation_pending"]


def test_a_full_disk_does_not_end_the_training_before_its_end(picture_folder, tmp_path, monkeypatch, caplog):
    full = checkpoint(tmp_path / "ckpt", every=1)
    whole, calls = torch.save, []

    def full_once(state, file):
        calls.append(state["steps"])
        try:
            if len(calls) == 2:
                raise OSError(28, "No space left on device")
            whole(state, file)
        except OSError:
            raise RuntimeError("unexpected pos 704 vs 598")  # noqa: B904 - so does torch

    monkeypatch.setattr(torch, "save", full_once)
    fit(draft_gan(), picture_folder, tmp_path, 3, [full])
    assert calls == [1, 2, 3]
    assert "step 2: no checkpoint could be written" in caplog.text
    assert load_checkpoint(tmp_path / "ckpt" / PREVIOUS)["steps"] == 1


class Exploit:
    """Whoever unpickles it makes a folder."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return (os.mkdir, (str(self.trace),))


def damage(path: Path, how: str, trace: Path) -> None:
    """Make a checkpoint what no program wrote."""
    state, whole = torch.load(path, weights_only=True), path.read_bytes()
    if how == "code":
        torch.save({**state, "steps": Exploit(trace)}, path)
    elif how == "architecture":
        torch.save({**state, "architecture": {"width": 16}}, path)
    elif how == "shapes":
        name = next(iter(state["state_dict"]))
        torch.save({**state, "state_dict": {**state["state_dict"], name: torch.zeros(1)}}, path)
    elif how == "flipped bit":
        middle = whole.index(b"data/0") + 2000
        path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    else:
        path.write_bytes({"empty": b"", "zeros": bytes(len(whole)), "truncated": whole[: len(whole) // 2]}[how])


HARM = pytest.mark.parametrize("how", ["empty", "zeros", "truncated", "flipped bit", "code", "architecture", "shapes"])


@HARM
def test_a_damaged_newest_checkpoint_is_named_kept_and_the_one_before_is_used(
    picture_folder, folder, tmp_path, how, caplog
):
    damage(folder / LAST, how, tmp_path / "trace")
    harmed = (folder / LAST).read_bytes()
    again, module = checkpoint(folder), draft_gan()
    assert again.find(module)["steps"] == 2
    assert f"{folder / LAST}" in caplog.text
    assert not (tmp_path / "trace").exists(), "code in a checkpoint ran"
    again.restore(module)
    fit(module, picture_folder, tmp_path, 4, [again], consumed=8)
    assert module.steps == 4
    assert load_checkpoint(folder / LAST)["steps"] == 4
    assert (folder / DAMAGED).read_bytes() == harmed, "what was damaged is kept for a closer look"


@HARM
def test_a_stage_without_a_usable_checkpoint_is_not_started_anew(folder, tmp_path, how):
    (folder / PREVIOUS).unlink()
    damage(folder / LAST, how, tmp_path / "trace")
    expected = {"architecture": "width: 16 there, 8 here", "shapes": r"\(1,\) there"}
    with pytest.raises(ValueError, match=expected.get(how, "cannot be read as a checkpoint")) as refused:
        checkpoint(folder).find(draft_gan())
    assert "no checkpoint to continue from" in str(refused.value)
    assert not (tmp_path / "trace").exists()
    assert (folder / LAST).exists()
