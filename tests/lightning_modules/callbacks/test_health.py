"""Dead networks are named within 50 steps of their death; healthy training is left alone."""

import math
from pathlib import Path

import lightning as L
import pytest
import torch
from hydra.utils import instantiate
from torch import nn

from datamodules.datamodule import LineArtDataModule
from datamodules.sources.folder import scan_folder
from lightning_modules.callbacks.health import Health, NetworkDied
from lightning_modules.stages.training_stage import TrainingDiverged, TrainingStage
from linecolor.experiment.composition import compose_training
from linecolor.experiment.config import RunConfig
from linecolor.experiment.stage import build_stage

FAULT_AT = 3
SOON_ENOUGH = FAULT_AT + 50


def tiny(*overrides: str) -> RunConfig:
    return RunConfig.from_hydra(compose_training(["experiment=demo", "debug=tiny", "data.root=unused", *overrides]))


def draft_gan(warmup: int = 0) -> TrainingStage:
    config = tiny(f"stage.draft.schedule.warmup={warmup}", "model.resolution=32", "stage.draft.steps=1000")
    torch.manual_seed(0)
    return build_stage("draft", config, {})


def health() -> Health:
    """As conf/callbacks/default.yaml has it."""
    return instantiate(tiny().callbacks["health"])


class Fault(L.Callback):
    """Breaks a network before one step, and notes how far training came."""

    def __init__(self, breaks) -> None:
        self.breaks = breaks

    @torch.no_grad()
    def on_train_batch_start(self, trainer, pl_module, *_) -> None:
        if pl_module.steps == FAULT_AT:
            self.breaks(pl_module)


def train(module: TrainingStage, folder: Path, steps: int, *callbacks: L.Callback) -> None:
    config = tiny("model.resolution=32")
    drawings = scan_folder(folder / "color", folder / "line", test_share=0.0, progress=False).drawings
    data = LineArtDataModule(drawings, config.pairs, 32, config.model.hint_spread, "draft", 2, steps, 0, 0, 0)
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        callbacks=[*callbacks, health()],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
    )
    trainer.fit(module, datamodule=data)


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
    ("breaks", "said"),
    [
        (lose_a_weight, r"reconstruction.* is nan"),
        (run_to_the_ends_of_tanh, r"generator is dead: saturated is 0.98 or more"),
        (draw_the_same_always, r"generator is dead: generator_gradient is 0"),
        (see_nothing, r"discriminator is dead: real_accuracy and fake_accuracy do not move"),
        (call_everything_real, r"discriminator is dead: real_accuracy and fake_accuracy do not move"),
    ],
)
def test_a_dead_network_is_named_within_50_steps(picture_folder, breaks, said):
    module = draft_gan()
    with pytest.raises(TrainingDiverged, match=said):
        train(module, picture_folder, 100, Fault(breaks))
    assert FAULT_AT < module.steps <= SOON_ENOUGH


def test_a_sound_run_is_not_stopped(picture_folder):
    module = draft_gan()
    train(module, picture_folder, 100)
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


def look(module: TrainingStage, watch: Health, steps: int, **values: float) -> None:
    show(module, watch, [SOUND | values] * steps)


def show(module: TrainingStage, watch: Health, steps: list[dict[str, float]]) -> None:
    for values in steps:
        module.steps += 1
        module.last_values = values
        watch.on_train_batch_end(None, module)


def test_a_discriminator_that_has_won_is_named_with_its_numbers_and_when_it_began():
    module, watch = draft_gan(), health()
    look(module, watch, 10)
    said = r"discriminator has won.*began at step 11;.*discriminator_loss 1e-06"
    with pytest.raises(NetworkDied, match=said) as died:
        look(module, watch, 50, **WON)
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
    look(draft_gan(), health(), 1000, **values)


def test_one_sound_step_begins_the_count_anew():
    module, watch = draft_gan(), health()
    for _ in range(20):
        look(module, watch, 39, **WON)
        look(module, watch, 1)


def test_a_discriminator_may_answer_the_same_while_the_rate_warms_up():
    module, watch = draft_gan(warmup=100), health()
    look(module, watch, 100, **BLIND)
    with pytest.raises(TrainingDiverged, match="discriminator is dead"):
        look(module, watch, 50, **BLIND)


def test_mixed_precision_that_skips_most_steps_for_long_is_named_and_finding_the_scale_is_not():
    module, watch = draft_gan(), health()
    look(module, watch, 15, skipped_steps=1)
    look(module, watch, 100)
    skipped, stepped = SOUND | {"skipped_steps": 1}, SOUND
    with pytest.raises(TrainingDiverged, match="mixed precision skipped 21 of 40 steps"):
        show(module, watch, [skipped, skipped, stepped] * 40)


def test_without_an_adversarial_term_only_the_generator_is_watched():
    module, watch = draft_gan(), health()
    numbers = {name: SOUND[name] for name in ("reconstruction", "saturated", "generator_gradient", "skipped_steps")}
    show(module, watch, [numbers] * 100)
    with pytest.raises(TrainingDiverged, match="generator_gradient is 0"):
        show(module, watch, [numbers | {"generator_gradient": 0.0}] * 50)


def test_an_empty_window_is_refused():
    with pytest.raises(ValueError, match=r"callbacks\.health\.window=0"):
        Health(0, 0.98, 1e-6, 1e-4, 0.5, 0.02)
