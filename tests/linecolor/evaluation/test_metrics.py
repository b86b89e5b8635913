import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from linecolor.evaluation.metrics import METRICS
from linecolor.evaluation.metrics.psnr import psnr
from linecolor.evaluation.metrics.ssim import ssim
from linecolor.evaluation.picture_statistics import PictureStatistics


@st.composite
def pairs(draw):
    """Two 8-bit pictures, the same or not, flat or noisy, and a mask with a pixel inside SSIM's border."""
    height, width = draw(st.integers(7, 75)), draw(st.integers(7, 20))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    image = rng.integers(draw(st.sampled_from([0, 250])), 256, (height, width, 3), dtype=np.uint8)
    image[: height // 2] = draw(st.sampled_from([0, 1, 128, 255]))
    noise = rng.integers(0, draw(st.sampled_from([1, 2, 256])), image.shape)
    mask = rng.random((height, width)) < draw(st.sampled_from([0.1, 0.9]))
    mask[3, 3] = True
    return image, np.clip(image + noise, 0, 255).astype(np.uint8), mask


@settings(max_examples=40, deadline=None)
@given(pairs())
def test_psnr_is_scikit_images(pair):
    image, truth, mask = pair
    for picture, reference, region in ((image, truth, None), (image[mask], truth[mask], mask)):
        if np.array_equal(picture, reference):
            expected = 100.0
        else:
            expected = min(100.0, peak_signal_noise_ratio(reference, picture, data_range=255))
        assert psnr(image, truth, region) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(pairs())
def test_ssim_is_scikit_images(pair):
    image, truth, mask = pair
    expected, full = structural_similarity(image, truth, data_range=255, channel_axis=-1, full=True)
    inside = (slice(3, -3), slice(3, -3))
    assert ssim(image, truth) == pytest.approx(expected, abs=1e-9)
    masked = full.mean(axis=2)[inside][mask[inside]].mean()
    assert ssim(image, truth, mask) == pytest.approx(masked, abs=1e-9)


def test_no_large_picture_overflows_psnr():
    black = np.zeros((2048, 2048, 3), np.uint8)
    mask = np.ones((2048, 2048), bool)
    assert psnr(black, black + 255) == psnr(black, black + 255, mask) == 0


def test_an_empty_foreground_is_no_number():
    image = np.zeros((9, 9, 3), np.uint8)
    rim = np.zeros((9, 9), bool)
    assert math.isnan(psnr(image, image, rim))
    rim[0] = True
    assert math.isnan(ssim(image, image, rim))


@pytest.mark.parametrize("measure", [psnr, ssim])
def test_pictures_that_do_not_compare_are_refused(measure):
    image = np.zeros((9, 9, 3), np.uint8)
    with pytest.raises(ValueError, match=r"truth should be \(H, W, 3\) uint8 RGB, is \(9, 9, 3\) float64"):
        measure(image, image.astype(float))
    with pytest.raises(ValueError, match=r"image should be .* is \(9, 9\) uint8"):
        measure(image[..., 0], image)
    with pytest.raises(ValueError, match=r"image is \(9, 9, 3\) and truth \(8, 9, 3\)"):
        measure(image, image[:8])
    with pytest.raises(ValueError, match=r"mask should be \(9, 9\) bool, is \(9, 9\) uint8"):
        measure(image, image, np.ones((9, 9), np.uint8))


def test_ssim_refuses_pictures_smaller_than_its_window():
    with pytest.raises(ValueError, match="at least 7 x 7 px, got 9 x 6"):
        ssim(np.zeros((6, 9, 3), np.uint8), np.zeros((6, 9, 3), np.uint8))


@pytest.fixture
def drawings():
    rng = np.random.default_rng(1)
    drawings = []
    for height, width, noise in ((20, 30, 2), (40, 15, 60), (25, 25, 9)):
        truth = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        image = np.clip(truth.astype(int) + rng.integers(-noise, noise + 1, truth.shape), 0, 255)
        drawings.append((image.astype(np.uint8), truth, rng.random((height, width)) < 0.5))
    return drawings


def figures_of(image, truth, foreground=None) -> dict[str, float]:
    figures = [metric.of_picture(image, truth, foreground) for metric in METRICS]
    return {name: value for of in figures for name, value in of.items()}


def test_each_picture_counts_once_whatever_its_size(drawings):
    pictures = PictureStatistics()
    for drawing in drawings:
        pictures.update(figures_of(*drawing))
    result = pictures.compute()
    for name, measure in (("psnr", psnr), ("ssim", ssim)):
        whole, inside = ([measure(*drawing[:parts]) for drawing in drawings] for parts in (2, 3))
        for key, values in ((name, whole), (f"{name}_foreground", inside)):
            assert result[f"{key}_mean"] == pytest.approx(np.mean(values), rel=1e-6)
            assert result[f"{key}_std"] == pytest.approx(np.std(values), rel=1e-5)
            assert result[f"{key}_median"] == pytest.approx(np.median(values), rel=1e-6)
    assert result["n"] == result["n_foreground"] == 3


def test_pictures_without_foreground_stay_out_of_its_statistics_alone(drawings):
    whole, other, third = drawings
    pictures = PictureStatistics()
    for drawing in (whole, other[:2], (*third[:2], np.zeros_like(third[2]))):
        pictures.update(figures_of(*drawing))
    result = pictures.compute()
    assert (result["n"], result["n_foreground"]) == (3, 1)
    assert result["psnr_foreground_mean"] == pytest.approx(psnr(*whole))


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_no_pictures_give_no_number_and_no_crash():
    result = PictureStatistics().compute()
    assert math.isnan(result["ssim_mean"])
    assert result["n"] == 0


@pytest.mark.filterwarnings("ignore:The ``compute`` method", "ignore:This process .* is multi-threaded")
def test_ranks_with_uneven_shares_or_none_agree_with_one_process(on_two_ranks):
    picture = np.zeros((8, 8, 3), np.uint8)
    everywhere = np.ones((8, 8), bool)

    def measure(rank):
        found = []
        for levels in ([(1,), (2, 3)], [(1, 2, 3), ()]):
            pictures = PictureStatistics()
            for level in levels[rank]:
                pictures.update(figures_of(picture, picture + level, everywhere))
            found.append(pictures.compute())
        return found

    first, second = on_two_ranks(measure)
    assert first == second
    values = [20 * math.log10(255 / level) for level in (1, 2, 3)]
    for result in first:
        assert result["n"] == result["n_foreground"] == 3
        assert result["psnr_mean"] == pytest.approx(np.mean(values), rel=1e-6)
        assert result["psnr_foreground_std"] == pytest.approx(np.std(values), rel=1e-5)
