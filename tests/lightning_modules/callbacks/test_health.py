"""Dead networks are named within 50 steps of their death; healthy training is left alone."""

import math
from functools import partial

import lightning as L
import pytest
import torch
from torch import nn

from lightning_modules.callbacks.health import Health, NetworkDied
from lightning_modules.stages import schedules
from lightning_modules.stages.training_stage import TrainingDiverged, TrainingStage
from tests.lightning_modules.every_stage import draft_gan, fit

pytestmark = pytest.mark.slow

FAULT_AT = 3
SOON_ENOUGH = FAULT_AT + 50


def sparing() -> TrainingStage:
    """The content loss takes most of a step."""
    return draft_gan(content_loss_interval=50)


class Fault(L.Callback):
    """Breaks a network before one step, and notes how far training came."""

    def __init__(self, breaks) -> None:
        self.breaks = breaks

    @torch.no_grad()
    def on_train_batch_start(self, trainer, pl_module, *_) -> None:
        if pl_module.steps == FAULT_AT:
            self.breaks(pl_module)


def last_convolution(module: TrainingStage) -> nn.Conv2d:
    return [part for part in module.generator.modules() if isinstance(part, nn.Conv2d)][-1]


def lose_a_weight(module: TrainingStage) -> None:
    last_convolution(module).weight[0, 0, 0, 0] = math.nan


def run_to_the_ends_of_tanh(module: TrainingStage) -> None:
    last_convolution(module).weight.mul_(1e3)


def draw_the_same_always(module: TrainingStage) -> None:
    module.generator.register_forward_hook(lambda network, inputs, color: 0 * color)


def see_nothing(module: TrainingStage) -> None:
    for parameter in module.discriminator.parameters():
        parameter.zero_()


def call_everything_real(module: TrainingStage) -> None:
    module.discriminator.judge.bias.fill_(1e4)


@pytest.mark.parametrize(
    ("breaks", "message"),
    [
        (lose_a_weight, r"reconstruction.* is nan"),
        (run_to_the_ends_of_tanh, r"generator is dead: saturated is 0.98 or more"),
        (draw_the_same_always, r"generator is dead: generator_gradient is 0"),
        (see_nothing, r"discriminator is dead: real_accuracy and fake_accuracy do not move"),
        (call_everything_real, r"discriminator is dead: real_accuracy and fake_accuracy do not move"),
    ],
)
def test_a_dead_network_is_named_within_50_steps(picture_folder, tmp_path, breaks, message):
    module = sparing()
    with pytest.raises(TrainingDiverged, match=message):
        fit(module, picture_folder, tmp_path, 100, [Fault(breaks), Health()])
    assert FAULT_AT < module.steps <= SOON_ENOUGH


def test_a_sound_run_is_not_stopped(picture_folder, tmp_path):
    module = sparing()
    fit(module, picture_folder, tmp_path, 100, [Health()])
    assert module.steps == 100


# --- numbers as training would report them ----------------------------------------------------------------------

SOUND = {
    "reconstruction": 0.2,
    "adversarial": 1.0,
    "discriminator_loss": 1.0,
    "real_accuracy": 0.8,
    "fake_accuracy": 0.7,
    "saturated": 0.4,
    "generator_gradient": 0.8,
    "discriminator_gradient": 9.0,
    "skipped_steps": 0,
}
WON = {"real_accuracy": 1.0, "fake_accuracy": 1.0, "discriminator_loss": 1e-6, "discriminator_gradient": 1e-4}
BLIND = {"real_accuracy": 1.0, "fake_accuracy": 0.0, "discriminator_loss": 1.4}


def repeat(module: TrainingStage, watch: Health, steps: int, **values: float) -> None:
    show(module, watch, [SOUND | values] * steps)


def show(module: TrainingStage, watch: Health, steps: list[dict[str, float]]) -> None:
    for values in steps:
        module.steps += 1
        module.last_values = values
        watch.on_train_batch_end(None, module)


def test_a_discriminator_that_has_won_is_named_with_its_numbers_and_when_it_began():
    module, watch = draft_gan(), Health()
    repeat(module, watch, 10)
    message = r"discriminator has won.*began at step 11;.*discriminator_loss 1e-06"
    with pytest.raises(NetworkDied, match=message) as died:
        repeat(module, watch, 50, **WON)
    assert (died.value.began, module.steps) == (11, 50)


@pytest.mark.parametrize(
    "values",
    [
        {"real_accuracy": 1.0, "fake_accuracy": 1.0, "discriminator_loss": 0.01},
        {"saturated": 0.995, "reconstruction": 0.03},
        {"discriminator_loss": 1.386, "real_accuracy": 0.5, "fake_accuracy": 0.5, "discriminator_gradient": 0.01},
        {"generator_gradient": math.inf, "discriminator_gradient": math.inf},
    ],
    ids=["strong discriminator", "white paper", "equilibrium", "overflow"],
)
def test_what_is_extreme_but_alive_is_left_alone(values):
    repeat(draft_gan(), Health(), 1000, **values)


def test_one_sound_step_begins_the_count_anew():
    module, watch = draft_gan(), Health()
    for _ in range(20):
        repeat(module, watch, 39, **WON)
        repeat(module, watch, 1)


def test_a_discriminator_may_answer_the_same_while_the_rate_warms_up():
    module, watch = draft_gan(schedule=partial(schedules.constant, warmup=100)), Health()
    repeat(module, watch, 100, **BLIND)
    with pytest.raises(TrainingDiverged, match="discriminator is dead"):
        repeat(module, watch, 50, **BLIND)


def test_mixed_precision_that_skips_most_steps_for_long_is_named_and_finding_the_scale_is_not():
    module, watch = draft_gan(), Health()
    repeat(module, watch, 15, skipped_steps=1)
    repeat(module, watch, 100)
    skipped, stepped = SOUND | {"skipped_steps": 1}, SOUND
    with pytest.raises(TrainingDiverged, match="mixed precision skipped 21 of 40 steps"):
        show(module, watch, [skipped, skipped, stepped] * 40)


def test_without_an_adversarial_term_only_the_generator_is_watched():
    module, watch = draft_gan(), Health()
    numbers = {name: SOUND[name] for name in ("reconstruction", "saturated", "generator_gradient", "skipped_steps")}
    show(module, watch, [numbers] * 100)
    with pytest.raises(TrainingDiverged, match="generator_gradient is 0"):
        show(module, watch, [numbers | {"generator_gradient": 0.0}] * 50)


def test_an_empty_window_is_refused():
    with pytest.raises(ValueError, match=r"callbacks\.health\.window=0"):
        Health(window=0)
