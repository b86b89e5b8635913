import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import nn

from linecolor.metrics import FeatureDistance, FullSizePSNR, FullSizeSSIM, psnr, ssim


@st.composite
def pairs(draw):
    """Two 8-bit pictures, alike or not, flat or noisy, and a mask with a pixel inside SSIM's border."""
    height, width = draw(st.integers(7, 75)), draw(st.integers(7, 20))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    image = rng.integers(draw(st.sampled_from([0, 250])), 256, (height, width, 3), dtype=np.uint8)
    image[: height // 2] = draw(st.sampled_from([0, 1, 128, 255]))
    noise = rng.integers(0, draw(st.sampled_from([1, 2, 256])), image.shape)
    mask = rng.random((height, width)) < draw(st.sampled_from([0.1, 0.9]))
    mask[3, 3] = True
    return image, np.clip(image + noise, 0, 255).astype(np.uint8), mask


class Flat(nn.Module):
    """An extractor that returns the pixels."""

    def __init__(self, num_features, name="flat-stub"):
        super().__init__()
        self.num_features = num_features
        self.name = name
        self.calls = 0
        self.register_buffer("anchor", torch.zeros(1))

    def forward(self, images):
        self.calls += 1
        return images.flatten(1).float()


def sample_with_exactly(mean, covariance, count, seed=0):
    """(count, d) numbers whose sample mean and covariance are exactly those given."""
    points = np.random.default_rng(seed).normal(size=(count, len(mean)))
    points -= points.mean(axis=0)
    whitened = points @ np.linalg.inv(np.linalg.cholesky(np.cov(points.T))).T
    return torch.tensor(whitened @ np.linalg.cholesky(covariance).T + mean)


def metric_of(real, generated, **kwargs):
    metric = FeatureDistance(Flat(real.shape[1]), **kwargs)
    metric.update(real, real=True)
    metric.update(generated, real=False)
    return metric


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


def test_identical_pictures_score_100_db_and_1():
    image = np.random.default_rng(0).integers(0, 256, (40, 9, 3), dtype=np.uint8)
    mask = np.ones((40, 9), bool)
    assert psnr(image, image) == psnr(image, image, mask) == 100
    assert ssim(image, image) == pytest.approx(1, abs=1e-12)
    assert ssim(image, image, mask) == pytest.approx(1, abs=1e-12)


def test_no_large_picture_overflows_psnr():
    black = np.zeros((2048, 2048, 3), np.uint8)
    mask = np.ones((2048, 2048), bool)
    assert psnr(black, black + 255) == psnr(black, black + 255, mask) == 0


def test_foreground_scores_ignore_everything_else():
    rng = np.random.default_rng(0)
    truth = np.full((30, 30, 3), 255, np.uint8)
    image = truth.copy()
    image[20:, 20:] = 0
    mask = np.zeros((30, 30), bool)
    mask[4:10, 4:10] = True
    assert psnr(image, truth, mask) == 100
    assert ssim(image, truth, mask) == pytest.approx(1, abs=1e-12)
    image[mask] = rng.integers(0, 256, (36, 3))
    assert psnr(image, truth, mask) < psnr(image, truth)


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


@pytest.mark.parametrize(("metric_class", "measure"), [(FullSizePSNR, psnr), (FullSizeSSIM, ssim)])
def test_each_picture_counts_once_whatever_its_size(drawings, metric_class, measure):
    metric = metric_class()
    for drawing in drawings:
        metric.update(*drawing)
    result = metric.compute()
    name = metric.quantity
    for key, values in (
        (name, [measure(image, truth) for image, truth, _ in drawings]),
        (f"{name}_foreground", [measure(*drawing) for drawing in drawings]),
    ):
        assert result[f"{key}_mean"] == pytest.approx(np.mean(values), rel=1e-6)
        assert result[f"{key}_std"] == pytest.approx(np.std(values), rel=1e-5)
        assert result[f"{key}_median"] == pytest.approx(np.median(values), rel=1e-6)
    assert result["n"] == result["n_foreground"] == 3


@pytest.mark.parametrize("metric_class", [FullSizePSNR, FullSizeSSIM])
def test_tensors_score_as_the_8_bit_pictures_they_become(drawings, metric_class):
    image, truth, mask = drawings[0]
    batch = [torch.from_numpy(picture).permute(2, 0, 1)[None].repeat(2, 1, 1, 1) for picture in (image, truth)]
    region = torch.from_numpy(mask)[None, None].repeat(2, 1, 1, 1)
    of_array, of_levels, of_floats = metric_class(), metric_class(), metric_class()
    of_array.update(image, truth, mask)
    of_array.update(image, truth, mask)
    of_levels.update(*batch, region)
    of_floats.update(*(levels / 127.5 - 1 for levels in batch), region[:, 0])
    assert of_array.compute() == of_levels.compute() == of_floats.compute()
    assert of_array.compute()["n"] == 2


def test_pictures_without_foreground_stay_out_of_its_statistics_alone(drawings):
    (image, truth, mask), other, third = drawings
    metric = FullSizePSNR()
    metric.update(image, truth, mask)
    metric.update(other[0], other[1])
    metric.update(third[0], third[1], np.zeros_like(third[2]))
    result = metric.compute()
    assert (result["n"], result["n_foreground"]) == (3, 1)
    assert result["psnr_foreground_mean"] == pytest.approx(psnr(image, truth, mask))


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_no_pictures_give_no_number_and_no_crash():
    result = FullSizeSSIM().compute()
    assert math.isnan(result["ssim_mean"])
    assert result["n"] == 0


def test_unpaired_batches_are_refused(drawings):
    image, truth, _ = drawings[0]
    batch = torch.from_numpy(truth).permute(2, 0, 1)[None].repeat(2, 1, 1, 1)
    with pytest.raises(ValueError, match="1 images, 2 truths and 1 foregrounds do not pair up"):
        FullSizePSNR().update(image, batch)


def gather_on(rank, file, queue):
    torch.distributed.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2)
    picture = np.zeros((8, 8, 3), np.uint8)
    everywhere = np.ones((8, 8), bool)
    uneven, lopsided, distance = FullSizePSNR(), FullSizePSNR(), FeatureDistance(Flat(3))
    points = torch.arange(15.0).reshape(5, 3) ** 2 % 7
    if rank == 0:
        uneven.update(picture, picture + 1, everywhere)
        for level in (1, 2, 3):
            lopsided.update(picture, picture + level, everywhere)
        distance.update(points[:1], real=True)
        distance.update(points[:3], real=True)
        distance.update(points, real=False)
    else:
        uneven.update(picture, picture + 2, everywhere)
        uneven.update(picture, picture + 3, everywhere)
        distance.update(points[3:], real=True)
    results = [uneven.compute(), lopsided.compute(), distance.compute()]
    queue.put((rank, results))
    torch.distributed.destroy_process_group()


@pytest.mark.filterwarnings("ignore:The ``compute`` method", "ignore:This process .* is multi-threaded")
def test_ranks_with_uneven_shares_or_none_agree_with_one_process(tmp_path):
    context = torch.multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    processes = [context.Process(target=gather_on, args=(rank, tmp_path / "store", queue)) for rank in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    by_rank = dict(queue.get() for _ in processes)
    assert by_rank[0] == by_rank[1]
    values = [20 * math.log10(255 / level) for level in (1, 2, 3)]
    for result in by_rank[0][:2]:
        assert result["n"] == result["n_foreground"] == 3
        assert result["psnr_mean"] == pytest.approx(np.mean(values), rel=1e-6)
        assert result["psnr_foreground_std"] == pytest.approx(np.std(values), rel=1e-5)
    points = torch.arange(15.0).reshape(5, 3) ** 2 % 7
    expected = metric_of(torch.cat([points[:1], points[:3], points[3:]]), points).compute()
    assert by_rank[0][2] == pytest.approx(expected, rel=1e-6)


def test_fid_of_gaussians_is_the_closed_form():
    rng = np.random.default_rng(3)
    means = rng.normal(size=(2, 4))
    covariances = [a @ a.T + np.eye(4) for a in rng.normal(size=(2, 4, 4))]
    real, generated = (
        sample_with_exactly(mean, cov, 50, seed) for seed, (mean, cov) in enumerate(zip(means, covariances))
    )
    root = sqrtm(covariances[0] @ covariances[1]).real
    expected = ((means[0] - means[1]) ** 2).sum() + np.trace(covariances[0] + covariances[1] - 2 * root)
    result = metric_of(real, generated).compute()
    assert result["fid_flat_stub"] == pytest.approx(expected, rel=1e-4)
    assert (result["n"], result["n_real"]) == (50, 50)


def test_identical_sets_have_no_distance():
    points = sample_with_exactly(np.zeros(6), np.eye(6), 40)
    result = metric_of(points, points.flip(0)).compute()
    assert result["fid_flat_stub"] == pytest.approx(0, abs=1e-5)
    assert result["kid_flat_stub"] <= 0


def test_kid_is_without_bias_for_few_pictures():
    """Two samples of one distribution: their FID grows as they shrink, their KID is 0 on average."""
    rng = np.random.default_rng(0)
    pairs = torch.from_numpy(rng.normal(size=(100, 2, 8, 3)))
    alike = np.array([metric_of(*pair).compute()["kid_flat_stub"] for pair in pairs])
    assert abs(alike.mean()) < 3 * alike.std() / len(alike) ** 0.5
    apart = metric_of(pairs[0, 0], pairs[0, 1] + 2).compute()["kid_flat_stub"]
    assert apart > alike.max()


@pytest.mark.parametrize("counts", [(2, 2), (3, 5), (30, 12)])
def test_small_sets_are_compared_as_a_whole(counts):
    points = sample_with_exactly(np.zeros(2), np.eye(2), 40)
    result = metric_of(points[: counts[0]], points[-counts[1] :]).compute()
    assert (result["n_real"], result["n"]) == counts
    assert all(math.isfinite(value) for value in result.values())


def test_measuring_repeats_exactly_and_leaves_the_random_stream_alone():
    points = sample_with_exactly(np.zeros(3), np.eye(3), 60)
    metric = metric_of(points[:40], points[30:], subset_size=10, subsets=7)
    before = torch.get_rng_state()
    first = metric.compute()
    assert torch.equal(before, torch.get_rng_state())
    torch.rand(5)
    assert metric_of(points[:40], points[30:], subset_size=10, subsets=7).compute() == first


def test_only_inception_may_be_called_fid():
    points = sample_with_exactly(np.zeros(3), np.eye(3), 10)
    assert set(metric_of(points, points).compute()) == {"fid_flat_stub", "kid_flat_stub", "n", "n_real"}
    inception = FeatureDistance(Flat(3, name="inception"))
    inception.update(points, real=True)
    inception.update(points, real=False)
    assert set(inception.compute()) == {"fid", "kid", "n", "n_real"}
    lite0 = FeatureDistance(Flat(3, name="efficientnet-lite0"))
    lite0.update(points, real=True)
    lite0.update(points, real=False)
    assert "fid_efficientnet_lite0" in lite0.compute()


def test_an_extractor_without_a_name_is_refused():
    with pytest.raises(ValueError, match="Identity cannot name its metric"):
        FeatureDistance(nn.Identity())


def test_one_pass_of_the_extractor_serves_fid_and_kid():
    extractor = Flat(3)
    metric = FeatureDistance(extractor)
    metric.update(torch.rand(4, 3), real=True)
    metric.update(torch.rand(4, 3), real=False)
    metric.compute()
    assert extractor.calls == 2


def test_reset_forgets_both_sets():
    metric = metric_of(torch.rand(4, 3), torch.rand(4, 3))
    metric.reset()
    metric.update(torch.rand(4, 3), real=True)
    with pytest.raises(ValueError, match="at least 2 pictures in each set, got 4 real and 0 generated"):
        metric.compute()


def test_the_extractor_follows_the_metric_but_is_never_saved_with_it():
    extractor = Flat(3)
    owner = nn.Sequential(FeatureDistance(extractor))
    assert not owner.state_dict()
    assert "anchor" not in dict(owner.named_buffers())
    owner.to("meta")
    assert extractor.anchor.is_meta


def test_an_extractor_that_breaks_its_promise_is_named():
    with pytest.raises(ValueError, match=r"promised \(4, 5\) features, gave \(4, 3\)"):
        FeatureDistance(Flat(5)).update(torch.rand(4, 3), real=True)
