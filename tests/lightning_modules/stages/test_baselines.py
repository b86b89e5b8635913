"""Pix2Pix and AlacGAN: what is theirs alone."""

import pytest

from tests.lightning_modules.every_stage import alacgan, fit, pix2pix

pytestmark = pytest.mark.slow


def test_pix2pix_weighs_the_l1_a_hundred_times(picture_folder, tmp_path):
    for line in fit(pix2pix(), picture_folder, tmp_path, 2):
        assert line["generator_loss"] == pytest.approx(line["adversarial"] + 100 * line["reconstruction"], rel=1e-5)


def test_alacgan_weighs_the_critic_a_ten_thousandth_of_the_content(picture_folder, tmp_path):
    for line in fit(alacgan(), picture_folder, tmp_path, 2):
        assert line["generator_loss"] == pytest.approx(1e-4 * line["adversarial"] + line["content"], rel=1e-5)
        assert line["critic_loss"] == pytest.approx(-line["wasserstein"], abs=1e-2)


def test_alacgan_in_micro_batches_steps_as_with_the_whole_batch(picture_folder, tmp_path):
    """There is no BatchNorm; only the mixtures of the penalty are drawn in another order."""
    one = fit(alacgan(), picture_folder, tmp_path / "whole", 1)
    other = fit(alacgan(micro_batches=2), picture_folder, tmp_path / "parts", 1)
    for name in ("content", "adversarial"):
        assert one[0][name] == pytest.approx(other[0][name], rel=1e-3)


def test_local_features_reach_both_networks(picture_folder, tmp_path):
    record = fit(alacgan("vgg"), picture_folder, tmp_path, 1)
    assert record[0]["content"] > 0
