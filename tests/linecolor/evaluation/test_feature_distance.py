import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from linecolor.evaluation.feature_distance import FeatureDistance


def sample_with_exactly(mean, covariance, count, seed=0):
    """(count, d) numbers whose sample mean and covariance are exactly those given."""
    points = np.random.default_rng(seed).normal(size=(count, len(mean)))
    points -= points.mean(axis=0)
    whitened = points @ np.linalg.inv(np.linalg.cholesky(np.cov(points.T))).T
    return torch.tensor(whitened @ np.linalg.cholesky(covariance).T + mean)


def metric_of(real, generated, name="flat-stub", **kwargs):
    metric = FeatureDistance(name, real.shape[1], **kwargs)
    metric.update(real, real=True)
    metric.update(generated, real=False)
    return metric


@pytest.mark.filterwarnings("ignore:The ``compute`` method", "ignore:This process .* is multi-threaded")
def test_ranks_with_uneven_shares_or_none_agree_with_one_process(on_two_ranks):
    points = torch.arange(15.0).reshape(5, 3) ** 2 % 7

    def measure(rank):
        distance = FeatureDistance("flat-stub", 3)
        if rank == 0:
            distance.update(points[:1], real=True)
            distance.update(points[:3], real=True)
            distance.update(points, real=False)
        else:
            distance.update(points[3:], real=True)
        return distance.compute()

    first, second = on_two_ranks(measure)
    assert first == second
    expected = metric_of(torch.cat([points[:1], points[:3], points[3:]]), points).compute()
    assert first == pytest.approx(expected, rel=1e-6)


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


@pytest.mark.parametrize("count", [2, 8, 40])
def test_few_pictures_have_the_fid_of_all_their_features(count):
    """Computed within the pictures' span, with far fewer eigenvalues."""
    points = np.random.default_rng(count).normal(size=(2, count, 200))
    means, covariances = points.mean(axis=1), [np.cov(of.T) for of in points]
    root = np.sqrt(np.linalg.eigvals(covariances[0] @ covariances[1]).astype(complex)).real.sum()
    expected = ((means[0] - means[1]) ** 2).sum() + np.trace(covariances[0] + covariances[1]) - 2 * root
    assert metric_of(*map(torch.tensor, points)).compute()["fid_flat_stub"] == pytest.approx(expected, rel=1e-6)


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
    for name, suffix in (("flat-stub", "_flat_stub"), ("inception", ""), ("efficientnet-lite0", "_efficientnet_lite0")):
        assert set(metric_of(points, points, name).compute()) == {f"fid{suffix}", f"kid{suffix}", "n", "n_real"}


def test_reset_forgets_both_sets():
    metric = metric_of(torch.rand(4, 3), torch.rand(4, 3))
    metric.reset()
    metric.update(torch.rand(4, 3), real=True)
    with pytest.raises(ValueError, match="at least 2 pictures in each set, got 4 real and 0 generated"):
        metric.compute()


def test_features_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"promised 5 features a picture, gave \(4, 3\)"):
        FeatureDistance("flat-stub", 5).update(torch.rand(4, 3), real=True)
