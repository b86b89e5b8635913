"""Pix2Pix and AlacGAN as stages: what a step computes, and that it can be repeated."""

from pathlib import Path

import pytest
import torch

from datamodules.sources.folder import scan_folder
from lightning_modules.stages.alacgan import AlacGAN
from lightning_modules.stages.pix2pix import Pix2Pix
from linecolor.networks.alacgan import AlacCritic, AlacGenerator
from linecolor.networks.features import VGG16Relu22
from linecolor.networks.pix2pix import PatchDiscriminator, Pix2PixUNet
from tests.lightning_modules.brief_training import (
    PAIRS,
    SIDE,
    STEPPING,
    assert_continues,
    assert_golden,
    train,
    weights,
)


def pix2pix(**changes) -> Pix2Pix:
    torch.manual_seed(0)
    weights = {"adversarial": 1.0, "reconstruction": 100.0}
    return Pix2Pix(Pix2PixUNet(5, 4, 6), PatchDiscriminator(4), weights, seed=7, **STEPPING | changes)


def alacgan(local_features: str = "none", **changes) -> AlacGAN:
    torch.manual_seed(0)
    generator = AlacGenerator(8, 1, 2, local_features)
    critic = AlacCritic(SIDE, 4, 2, local_features)
    weights = {"adversarial": 1e-4, "content": 1.0, "penalty": 10.0, "drift": 1e-3}
    return AlacGAN(generator, critic, VGG16Relu22(), weights, seed=7, **STEPPING | changes)


BOTH = pytest.mark.parametrize("make", [pix2pix, alacgan], ids=["pix2pix", "alacgan"])


def fit(module, folder: Path, *rest, **more) -> list[dict]:
    drawings = scan_folder(folder / "color", folder / "line", test_share=0.0, progress=False).drawings
    return train(module, drawings, PAIRS, "pix2pix", *rest, **more)


# The first and the sixth step. A change here is a change of what training does: say why in the commit that renews them.
GOLDEN = {
    "pix2pix": {
        "discriminator_loss": (1.40044, 1.22972),
        "adversarial": (0.709, 0.89219),
        "reconstruction": (0.84956, 0.85193),
    },
    "alacgan": {
        "critic_loss": (-0.00284, -0.22024),
        "gradient_penalty": (9.99993, 9.99907),
        "content": (5.14309, 4.41082),
    },
}


@BOTH
def test_golden_losses(make, picture_folder, tmp_path):
    record = fit(make(), picture_folder, tmp_path, 6)
    for name, golden in GOLDEN[make.__name__].items():
        assert_golden([line[name] for line in record], dict(zip((1, 6), golden, strict=True)), name)


def test_pix2pix_weighs_the_l1_a_hundred_times(picture_folder, tmp_path):
    for line in fit(pix2pix(), picture_folder, tmp_path, 2):
        assert line["generator_loss"] == pytest.approx(line["adversarial"] + 100 * line["reconstruction"], rel=1e-5)


def test_alacgan_weighs_the_critic_a_ten_thousandth_of_the_content(picture_folder, tmp_path):
    for line in fit(alacgan(), picture_folder, tmp_path, 2):
        assert line["generator_loss"] == pytest.approx(1e-4 * line["adversarial"] + line["content"], rel=1e-5)
        assert line["critic_loss"] == pytest.approx(-line["wasserstein"], abs=1e-2)


@BOTH
def test_both_networks_learn_and_the_counters_count_batches(make, picture_folder, tmp_path):
    module = make()
    before = weights(module.generator), weights(module.discriminator)
    fit(module, picture_folder, tmp_path, 2)
    assert (module.steps, module.images_seen) == (2, 8)
    for network, old in zip((module.generator, module.discriminator), before, strict=True):
        assert any(not torch.equal(a, b) for a, b in zip(old, weights(network), strict=True))


@BOTH
def test_a_stopped_stage_continues_as_if_it_had_not(make, picture_folder, tmp_path):
    """Dropout and the penalty's mixtures are keyed by the step, and a checkpoint holds BatchNorm's averages."""
    assert_continues(make, fit, picture_folder, tmp_path)


def test_alacgan_in_parts_steps_as_with_the_whole_batch(picture_folder, tmp_path):
    """There is no BatchNorm; only the mixtures of the penalty are drawn in another order."""
    whole, parts = alacgan(), alacgan(micro_batches=2)
    one = fit(whole, picture_folder, tmp_path / "whole", 1)
    other = fit(parts, picture_folder, tmp_path / "parts", 1)
    for name in ("content", "adversarial"):
        assert one[0][name] == pytest.approx(other[0][name], rel=1e-3)


def test_local_features_reach_both_networks(picture_folder, tmp_path):
    record = fit(alacgan("vgg"), picture_folder, tmp_path, 1)
    assert record[0]["content"] > 0
