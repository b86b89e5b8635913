"""The loop that all stages share: progress, average, micro-batches, clipping, validation, schedules, defaults."""

import math
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from lightning.pytorch.callbacks import LambdaCallback
from torch import nn

from lightning_modules.callbacks.health import Health
from lightning_modules.stages import schedules
from lightning_modules.stages.colorizer import Colorizer
from lightning_modules.stages.draft import DraftGAN
from lightning_modules.stages.training_stage import StageSettings, TrainingDiverged
from linecolor.experiment.composition import compose_training
from tests.lightning_modules.every_stage import draft_gan, fit

pytestmark = pytest.mark.slow


def test_progress_counts_steps_and_images_not_lightnings_doubled_steps(picture_folder, tmp_path):
    module = draft_gan()
    record = fit(module, picture_folder, tmp_path, 3)
    assert (module.steps, module.images_seen) == (3, 12)
    assert module.trainer.global_step == 6
    assert module.trainer.datamodule.consumed == 12
    assert [line["images_seen"] for line in record] == [4, 8, 12]


def test_the_average_trails_the_generator_and_is_what_colours_or_without_it_the_final_weights(picture_folder, tmp_path):
    module = draft_gan(ema_half_life=100)
    start = [p.clone() for p in module.generator.parameters()]
    fit(module, picture_folder, tmp_path, 4)
    assert module.inference_networks["draft"] is module.averaged
    for first, mean, now in zip(start, module.averaged.parameters(), module.generator.parameters(), strict=True):
        assert not torch.equal(mean, now)
        assert (mean - first).abs().sum() < (now - first).abs().sum()
    assert not any(p.requires_grad for p in module.averaged.parameters())
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


def test_micro_batches_step_as_the_whole_batch_does(picture_folder, tmp_path):
    """Gradients, not weights: Adam's first step has the size of the rate however small the gradient, rounding too."""
    whole = gradients_of(draft_gan(), picture_folder, tmp_path / "whole")
    parts = gradients_of(draft_gan(micro_batches=2), picture_folder, tmp_path / "parts")
    # Sums of some thousand float32 terms in another order: 5e-7 of the largest is seen, and 1e-5 is allowed.
    largest = max(gradient.abs().max().item() for gradient in whole)
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5 * largest)


def test_a_batch_that_cannot_be_split_equally_is_refused(picture_folder, tmp_path):
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


def test_a_nan_loss_stops_the_run_with_its_name(picture_folder, tmp_path):
    module = draft_gan()
    with torch.no_grad():
        next(module.generator.parameters()).fill_(math.nan)
    with pytest.raises(TrainingDiverged, match=r"reconstruction.* is nan at step 1"):
        fit(module, picture_folder, tmp_path, 2)


@pytest.mark.parametrize(
    ("steps", "start", "expected"),
    [(5, 1, [2, 4, 5]), (None, 0, [2, 4, 5])],
    ids=["by its steps, continued", "to the end of the data"],
)
def test_validations_go_by_the_stages_own_steps_and_there_is_one_at_the_end(
    picture_folder, tmp_path, steps, start, expected
):
    validated: list[int] = []
    watch = LambdaCallback(on_validation_end=lambda trainer, module: validated.append(module.steps))
    module = draft_gan(steps=steps, val_every_n_steps=2)
    module.steps = start  # as after a resume: Lightning's own count of batches starts anew
    fit(module, picture_folder, tmp_path, 5, [watch], consumed=4 * start, validation_drawings=1)
    assert validated == expected


# --- learning rates ---------------------------------------------------------------------------------------------


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


def test_what_does_not_decay_stays():
    for factor in (factor_of(schedules.constant, warmup=2), factor_of(schedules.cosine, warmup=2, cosine_steps=0)):
        assert [factor(step) for step in (0, 1, 10**6)] == [0.5, 1.0, 1.0]


# --- without Hydra ----------------------------------------------------------------------------------------------


def test_defaults_are_those_of_conf():
    config = compose_training(["stage=paper", "model=small", "model.hint_spread=none"])
    paper, ours = config.stage.colorizer, StageSettings()
    assert ours == StageSettings(
        **{name: paper[name] for name in vars(ours) if name not in ("steps", "optimizer", "schedule", "seed")}
        | {"micro_batches": 1, "optimizer": ours.optimizer}
    )
    assert ours.optimizer.keywords == {"lr": paper.optimizer.lr, "betas": tuple(paper.optimizer.betas)}
    draft = DraftGAN()
    for module, name in ((draft, "draft"), (Colorizer(draft.generator), "colorizer")):
        configured = instantiate(config.model[name]).state_dict()
        assert {key: t.shape for key, t in configured.items()} == {
            key: t.shape for key, t in module.generator.state_dict().items()
        }
    watch = instantiate(config.callbacks.health)
    assert {name: value for name, value in vars(watch).items() if name[0] != "_"} == {
        name: value for name, value in vars(Health()).items() if name[0] != "_"
    }
