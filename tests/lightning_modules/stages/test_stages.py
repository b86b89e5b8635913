"""Both stages on a fixed batch, and through a real Trainer."""

import math
import os
from functools import partial
from pathlib import Path

import lightning as L
import pytest
import torch
from torch import nn

from datamodules.datamodule import LineArtDataModule
from datamodules.pair_settings import (
    ArtifactSettings,
    ColorSettings,
    CropSettings,
    HintSettings,
    LineSettings,
    PairSettings,
)
from datamodules.sources.folder import scan_folder
from lightning_modules.callbacks.stage_checkpoint import DAMAGED, LAST, PREVIOUS, StageCheckpoint, load_checkpoint
from lightning_modules.stages import schedules
from lightning_modules.stages.colorizer import Colorizer
from lightning_modules.stages.draft import DraftGAN
from lightning_modules.stages.training_stage import TrainingDiverged
from linecolor.networks.discriminator import Discriminator
from linecolor.networks.features import VGG16Relu22
from linecolor.networks.unet import ResNeXtUNet
from linecolor.runs.record import read_record
from tests.lightning_modules.brief_training import assert_golden, trainer_for

SIDE = 32
# Written out, so that tuning conf/pairs does not change the golden losses below.
PAIRS = PairSettings(
    CropSettings("log_uniform", 0.0, 0.0, flip_prob=0.5, rotate_prob=0.5, rotation=8.0, zoom=0.1),
    ColorSettings(
        recolor=0.5, palette_swap=0.0, hue=0.5, saturation=0.4, gamma=0.25, background=0.5, background_areas=1
    ),
    LineSettings(
        {"xdog": 0.5, "dilate": 0.5, "real": 3.0}, {"sigmas": [0.3, 0.4, 0.5], "kernels": [4, 5]}, jitter=[0.7, 1.0]
    ),
    HintSettings(0.3, "log_uniform", least=1, most=96, strokes=0.3, sides=[1, 2, 3]),
    ArtifactSettings(paste=0.3, distort=0.3, spray=0.4, bleed=0.4),
)


STEPPING = {"optimizer": partial(torch.optim.Adam, lr=1e-3, betas=(0.5, 0.9)), "log_every_n_steps": 1, "steps": 10**6}


def generator(channels: int = 5) -> ResNeXtUNet:
    torch.manual_seed(1)
    return ResNeXtUNet(channels, 8, 2, 1, 2)


def draft_gan(**changes) -> DraftGAN:
    torch.manual_seed(2)
    weights = {"adversarial": 0.05, "reconstruction": 1.0, "content": 0.1}
    return DraftGAN(generator(), Discriminator(SIDE // 2, 4), VGG16Relu22(), weights, **STEPPING | changes)


def colorizer(**changes) -> Colorizer:
    return Colorizer(generator(), generator(4), **STEPPING | changes)


def data(folder: Path, stage: str, steps: int, batch_size: int = 4) -> LineArtDataModule:
    drawings = scan_folder(folder / "color", folder / "line", test_share=0.0, progress=False).drawings
    return LineArtDataModule(drawings, PAIRS, SIDE, "none", stage, batch_size, steps, 0, 0, 0)


def fit(
    module, folder: Path, out: Path, steps: int, callbacks=(), batch_size: int = 4, stage: str = "draft", consumed=0
):
    datamodule = data(folder, stage, steps, batch_size)
    datamodule.consumed = consumed
    trainer = trainer_for(out, callbacks)
    trainer.fit(module, datamodule=datamodule)
    return trainer


def losses(out: Path, name: str) -> list[float]:
    return [line[name] for line in read_record(out / "metrics.jsonl") if name in line]


GOLDEN_STEPS = (1, 2, 10, 20)
# A change here is a change of what training does: say why in the commit that renews them.
GOLDEN_DRAFT = {
    "reconstruction": [0.7684, 0.73074, 0.80822, 0.68386],
    "adversarial": [0.65368, 0.65978, 0.66758, 0.52912],
    "content": [7.72431, 9.1767, 6.22022, 6.51224],
    "discriminator_loss": [1.39143, 1.36138, 1.31619, 1.31929],
}
GOLDEN_COLORIZER = [0.67442, 0.67725, 0.50919, 0.38742]


def test_golden_losses_of_20_steps_of_draft_gan(picture_folder, tmp_path):
    fit(draft_gan(), picture_folder, tmp_path, 20)
    for name, golden in GOLDEN_DRAFT.items():
        recorded = losses(tmp_path, name)
        assert len(recorded) == 20
        assert_golden(recorded, dict(zip(GOLDEN_STEPS, golden, strict=True)), name)


def test_golden_losses_of_20_steps_of_colorizer(picture_folder, tmp_path):
    fit(colorizer(), picture_folder, tmp_path, 20, stage="colorizer")
    recorded = losses(tmp_path, "reconstruction")
    assert len(recorded) == 20
    assert_golden(recorded, dict(zip(GOLDEN_STEPS, GOLDEN_COLORIZER, strict=True)), "reconstruction")


def test_progress_counts_steps_and_images_not_lightnings_doubled_steps(picture_folder, tmp_path):
    module = draft_gan()
    trainer = fit(module, picture_folder, tmp_path, 3)
    assert (module.steps, module.images_seen) == (3, 12)
    assert trainer.global_step == 6
    assert trainer.datamodule.consumed == 12
    assert [line["images_seen"] for line in read_record(tmp_path / "metrics.jsonl")] == [4, 8, 12]


def test_the_average_trails_the_generator_and_is_what_colours(picture_folder, tmp_path):
    module = draft_gan(ema_half_life=100)
    start = [p.clone() for p in module.generator.parameters()]
    fit(module, picture_folder, tmp_path, 4)
    assert module.inference_networks["draft"] is module.averaged
    for first, mean, now in zip(start, module.averaged.parameters(), module.generator.parameters(), strict=True):
        assert not torch.equal(mean, now)
        assert (mean - first).abs().sum() < (now - first).abs().sum()
    assert not any(p.requires_grad for p in module.averaged.parameters())


def test_without_an_average_the_final_weights_colour():
    module = draft_gan()
    assert module.averaged is None
    assert module.inference_networks["draft"] is module.generator


def gradients_of(module: DraftGAN, folder: Path, out: Path) -> list[torch.Tensor]:
    """What both optimizers are given at the first step."""
    found: list[torch.Tensor] = []
    note = module.on_before_optimizer_step

    def keep(optimizer):
        found.extend(p.grad.clone() for group in optimizer.param_groups for p in group["params"])
        note(optimizer)

    module.on_before_optimizer_step = keep
    fit(module, folder, out, 1)
    return found


def test_accumulated_parts_step_as_the_whole_batch_does(picture_folder, tmp_path):
    """Gradients, not weights: Adam's first step has the size of the rate however small the gradient, rounding too."""
    whole = gradients_of(draft_gan(), picture_folder, tmp_path / "whole")
    parts = gradients_of(draft_gan(micro_batches=2), picture_folder, tmp_path / "parts")
    # Sums of some thousand float32 terms in another order: 5e-7 of the largest is seen, and 1e-5 is allowed.
    largest = max(gradient.abs().max().item() for gradient in whole)
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5 * largest)


def test_a_batch_that_cannot_be_accumulated_is_refused(picture_folder, tmp_path):
    with pytest.raises(ValueError, match="a batch of 4 cannot be split into 3 equal micro-batches"):
        fit(draft_gan(micro_batches=3), picture_folder, tmp_path, 1)


def test_clipping_bounds_the_generators_gradient_and_not_the_discriminators(picture_folder, tmp_path, monkeypatch):
    norms: list[float] = []
    step = torch.optim.Adam.step

    def watched(optimizer, closure=None):
        def with_norm():
            result = closure()  # backward is over, and clipping with it
            gradients = [p.grad.norm() for group in optimizer.param_groups for p in group["params"]]
            norms.append(float(torch.stack(gradients).norm()))
            return result

        return step(optimizer, with_norm)

    monkeypatch.setattr(torch.optim.Adam, "step", watched)
    fit(draft_gan(max_grad_norm=0.01), picture_folder, tmp_path, 3)
    generators, discriminators = norms[::2], norms[1::2]
    assert max(generators) <= 0.01 * 1.001
    assert max(discriminators) > 0.01


def test_the_discriminator_learns_and_the_frozen_networks_do_not(picture_folder, tmp_path):
    module = draft_gan()
    before = [p.clone() for p in module.discriminator.parameters()]
    fit(module, picture_folder, tmp_path / "draft", 2)
    assert all(not torch.equal(a, b) for a, b in zip(before, module.discriminator.parameters(), strict=True))
    assert not any("content" in name for name in module.state_dict())

    stage2 = colorizer()
    draft_before = [p.clone() for p in stage2.frozen["draft"].parameters()]
    fit(stage2, picture_folder, tmp_path / "colorizer", 2, stage="colorizer")
    assert all(torch.equal(a, b) for a, b in zip(draft_before, stage2.frozen["draft"].parameters(), strict=True))
    assert not any("draft" in name for name in stage2.state_dict())
    assert not stage2.frozen["draft"].training


def factor_of(schedule, **arguments):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    (factor,) = schedule(optimizer, **arguments).lr_lambdas
    return factor


def test_the_papers_schedule_drops_to_a_tenth_at_112000():
    factor = factor_of(schedules.step)
    assert [factor(step) for step in (0, 111_999, 112_000, 279_999)] == [1.0, 1.0, 0.1, 0.1]


def test_warm_up_rises_and_the_cosine_ends_where_it_should():
    factor = factor_of(schedules.cosine, warmup=10, cosine_steps=100)
    assert factor(0) < factor(4) < factor(9)
    assert factor(100) == pytest.approx(0.02)
    assert factor(50) == pytest.approx(0.51)


def test_a_nan_loss_stops_the_run_with_its_name(picture_folder, tmp_path):
    module = draft_gan()
    with torch.no_grad():
        next(module.generator.parameters()).fill_(math.nan)
    with pytest.raises(TrainingDiverged, match=r"reconstruction.* is nan at step 1"):
        fit(module, picture_folder, tmp_path, 2)


def test_running_out_of_memory_is_told_apart_from_other_failures():
    from linecolor.experiment.stage import is_out_of_memory

    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert not is_out_of_memory(RuntimeError("size mismatch"))


def weights_of(module: nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in module.parameters()]


def checkpoint(folder: Path, every: int = 100) -> StageCheckpoint:
    return StageCheckpoint(folder, every, 0, {"width": 8}, folder.parent / "metrics.jsonl")


def test_a_stage_continues_from_its_checkpoint_as_if_it_had_not_stopped(picture_folder, tmp_path):
    straight = draft_gan(ema_half_life=50)
    fit(straight, picture_folder, tmp_path / "straight", 6)
    first = draft_gan(ema_half_life=50)
    fit(first, picture_folder, tmp_path / "first", 3, [checkpoint(tmp_path / "ckpt")])
    second = draft_gan(ema_half_life=50)
    resume = checkpoint(tmp_path / "ckpt")
    found = resume.find(second)
    assert (found["steps"], found["images_seen"]) == (3, 12)
    resume.restore(second)
    fit(second, picture_folder, tmp_path / "second", 6, [resume], consumed=12)
    assert second.steps == 6
    for one, other in zip(weights_of(straight), weights_of(second), strict=True):
        assert torch.equal(one, other)


def test_checkpoints_load_without_running_code_and_the_one_before_is_kept(picture_folder, tmp_path):
    fit(draft_gan(), picture_folder, tmp_path, 4, [checkpoint(tmp_path / "ckpt", every=2)])
    assert load_checkpoint(tmp_path / "ckpt" / LAST)["steps"] == 4
    assert load_checkpoint(tmp_path / "ckpt" / PREVIOUS)["steps"] == 2
    assert sorted(p.name for p in (tmp_path / "ckpt").iterdir()) == ["last.ckpt", "previous.ckpt"]


def test_checkpoints_are_taken_by_time_too(picture_folder, tmp_path):
    by_time = StageCheckpoint(tmp_path / "ckpt", 10**6, 1e-9, {}, tmp_path / "metrics.jsonl")
    fit(draft_gan(), picture_folder, tmp_path, 3, [by_time])
    assert load_checkpoint(tmp_path / "ckpt" / PREVIOUS)["steps"] == 2


def test_a_full_disk_does_not_end_the_training_before_its_end(picture_folder, tmp_path, monkeypatch, caplog):
    full = checkpoint(tmp_path / "ckpt", every=1)
    whole, calls = full._write, []

    def full_once(state):
        calls.append(state["steps"])
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        whole(state)

    monkeypatch.setattr(full, "_write", full_once)
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


HARM = ["empty", "zeros", "truncated", "flipped bit", "code", "architecture", "shapes"]


@pytest.mark.parametrize("how", HARM)
def test_a_damaged_newest_checkpoint_is_named_kept_and_the_one_before_is_used(picture_folder, tmp_path, how, caplog):
    folder = tmp_path / "ckpt"
    fit(draft_gan(), picture_folder, tmp_path, 4, [checkpoint(folder, every=2)])
    damage(folder / LAST, how, tmp_path / "trace")
    harmed = (folder / LAST).read_bytes()
    again = checkpoint(folder)
    module = draft_gan()
    assert again.find(module)["steps"] == 2
    assert f"{folder / LAST}" in caplog.text
    assert not (tmp_path / "trace").exists(), "code in a checkpoint ran"
    again.restore(module)
    fit(module, picture_folder, tmp_path, 4, [again], consumed=8)
    assert module.steps == 4
    assert load_checkpoint(folder / LAST)["steps"] == 4
    assert (folder / DAMAGED).read_bytes() == harmed, "what was damaged is kept to be looked at"


@pytest.mark.parametrize("how", HARM)
def test_a_stage_without_a_usable_checkpoint_is_not_begun_anew(picture_folder, tmp_path, how):
    folder = tmp_path / "ckpt"
    fit(draft_gan(), picture_folder, tmp_path, 1, [checkpoint(folder)])
    damage(folder / LAST, how, tmp_path / "trace")
    expected = {"architecture": "width: 16 there, 8 here", "shapes": r"\(1,\) there"}
    with pytest.raises(ValueError, match=expected.get(how, "cannot be read as a checkpoint")) as refused:
        checkpoint(folder).find(draft_gan())
    assert "no checkpoint to continue from" in str(refused.value)
    assert not (tmp_path / "trace").exists()
    assert (folder / LAST).exists()


def test_held_out_drawings_are_looked_at_by_the_stages_own_steps_and_after_the_last(picture_folder, tmp_path):
    looked: list[int] = []

    class Look(L.Callback):
        def on_validation_end(self, trainer, pl_module):
            looked.append(pl_module.steps)

    module = draft_gan(steps=5, val_every_n_steps=2)
    module.steps = 1  # as after a resume: Lightning's own count of batches starts anew
    drawings = scan_folder(picture_folder / "color", None, test_share=0.3, progress=False).drawings
    held_out = LineArtDataModule(drawings, PAIRS, SIDE, "none", "draft", 4, 5, 0, 0, 1)
    held_out.consumed = 4
    trainer = trainer_for(tmp_path, [Look(), checkpoint(tmp_path / "ckpt")], limit_val_batches=1.0)
    trainer.fit(module, datamodule=held_out)
    assert looked == [2, 4, 5]
    assert not load_checkpoint(tmp_path / "ckpt" / LAST)["validation_pending"]
    assert load_checkpoint(tmp_path / "ckpt" / PREVIOUS)["validation_pending"]


def test_the_last_good_checkpoint_is_one_from_before_the_trouble_began(picture_folder, tmp_path):
    folder = tmp_path / "ckpt"
    watch = checkpoint(folder, every=2)
    fit(draft_gan(), picture_folder, tmp_path, 4, [watch])
    assert f"{folder / LAST}, of step 4" in watch.last_good(before=5)
    assert f"{folder / PREVIOUS}, of step 2; delete {LAST}" in watch.last_good(before=4)
    assert "no checkpoint is left from before it" in watch.last_good(before=2)
