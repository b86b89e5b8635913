"""The mixture is a distribution over 256 levels, its samples follow it, and no gradient is lost however far out."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import logistic

from linecolor.networks.logistic_mixture import (
    draw,
    log_likelihood,
    negative_log_likelihood,
    noise,
    parameters_of,
    quantise,
    spread,
)

LEVELS = torch.arange(256, dtype=torch.float64) / 127.5 - 1


def sample(
    parameters: torch.Tensor, uniforms: torch.Tensor, temperature: float = 1.0, *, channels: int
) -> torch.Tensor:
    return draw(parameters, noise(uniforms, channels, temperature), channels)


def plain_probability(numbers: np.ndarray, color: np.ndarray) -> float:
    """One pixel, written out: numbers (P,), color (C,), float64."""
    channels = len(color)
    rows = numbers.reshape(1 + 2 * channels + channels * (channels - 1) // 2, -1)
    weights = np.exp(rows[0]) / np.exp(rows[0]).sum()
    total = 0.0
    for mixture, weight in enumerate(weights):
        rest = rows[1:, mixture].copy()
        means, log_scales = rest[:channels], np.maximum(rest[channels : 2 * channels], -7)
        c = np.tanh(rest[2 * channels :])
        if channels > 1:
            means[1] += c[0] * color[0]
        if channels > 2:
            means[2] += c[1] * color[0] + c[2] * color[1]
        for x, mean, log_scale in zip(color, means, log_scales):
            # From the side on which both ends are small: next to 1 nothing of a difference would be left.
            side = math.copysign(1, mean - x)
            spread_out = logistic(side * mean, math.exp(log_scale))
            near, far = side * x + 1 / 255, side * x - 1 / 255
            weight *= (spread_out.cdf(near) if near < 1 else 1) - (spread_out.cdf(far) if far > -1 else 0)
        total += weight
    return total


def pixels(channels: int, seed: int, mixtures: int = 4, count: int = 200) -> tuple[torch.Tensor, torch.Tensor]:
    """Parameters (count, P, 1, 1) and colours (count, C, 1, 1), float64, a third of the values on the ends."""
    random = torch.Generator().manual_seed(seed)
    rows = torch.randn(count, parameters_of(channels, 1), mixtures, generator=random, dtype=torch.float64)
    rows[:, 1 + channels : 1 + 2 * channels] -= 2
    levels = torch.randint(-64, 320, (count, channels), generator=random).clamp(0, 255)
    return rows.view(count, -1, 1, 1), LEVELS[levels][..., None, None]


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_it_is_the_formula_written_out(channels):
    parameters, colors = pixels(channels, channels)
    expected = [
        math.log(plain_probability(p.flatten().numpy(), c.flatten().numpy())) for p, c in zip(parameters, colors)
    ]
    np.testing.assert_allclose(log_likelihood(parameters, colors).flatten(), expected, rtol=1e-9, atol=1e-9)
    float32 = log_likelihood(parameters.float(), colors.float())
    assert float32.dtype == torch.float32
    np.testing.assert_allclose(float32.flatten(), expected, rtol=1e-4, atol=1e-4)
    assert log_likelihood(parameters.bfloat16(), colors.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize(("channels", "numbers"), [(3, 100), (2, 60), (1, 30)])
def test_ten_mixtures_are_as_many_numbers_as_in_pixelcnn_plus_plus(channels, numbers):
    assert parameters_of(channels, 10) == numbers


@pytest.mark.parametrize("log_scale", [-20.0, -7.0, -3.0, 0.0, 5.0, 100.0])
def test_the_levels_of_one_channel_sum_to_one(log_scale):
    parameters, _ = pixels(1, 0, count=8)
    parameters.view(8, 3, -1)[:, 2] = log_scale
    totals = log_likelihood(parameters.expand(-1, -1, 1, 256), LEVELS.expand(8, 1, 1, 256)).exp().sum((1, 2))
    torch.testing.assert_close(totals, torch.ones_like(totals), rtol=0, atol=1e-9)


def test_all_pairs_of_two_channels_sum_to_one():
    parameters, _ = pixels(2, 3, count=2)
    pairs = torch.cartesian_prod(LEVELS, LEVELS).T.reshape(1, 2, 256, 256).expand(2, -1, -1, -1)
    totals = log_likelihood(parameters.expand(-1, -1, 256, 256), pairs).exp().sum((1, 2))
    torch.testing.assert_close(totals, torch.ones_like(totals), rtol=0, atol=1e-9)


def test_the_last_of_three_channels_sums_to_its_share():
    parameters, _ = pixels(3, 4, count=1)
    first = torch.tensor([LEVELS[200], LEVELS[30]])
    colors = torch.cat([first.expand(256, 2), LEVELS[:, None]], dim=1)[..., None, None]
    shared = log_likelihood(parameters.expand(256, -1, -1, -1), colors).exp().sum()
    rows = parameters.view(10, 4)
    # The third channel's mean, log-scale and coefficients do not matter to the first two.
    two = torch.cat([rows[[0, 1, 2, 4, 5, 7]].view(1, -1, 1, 1)])
    assert shared.item() == pytest.approx(log_likelihood(two, first.view(1, 2, 1, 1)).exp().item(), rel=1e-9)


def test_a_level_far_out_in_the_tail_keeps_its_likelihood_in_float32():
    # One mixture at -0.9 with the narrowest scale, the level 1.7 away: sigma(a) - sigma(b) is 0 in any precision.
    parameters = torch.tensor([0.0, -0.9, -7.0]).view(1, 3, 1, 1)
    color = quantise(torch.tensor(0.8)).view(1, 1, 1, 1)
    scale = math.exp(-7)
    step = 2 / 255 / scale
    expected = -(color.item() + 0.9 - 1 / 255) / scale + math.log(1 - math.exp(-step))
    assert log_likelihood(parameters, color).item() == pytest.approx(expected, rel=1e-5)


extreme = st.one_of(
    st.floats(-10, 10, width=32), st.sampled_from([-1e30, -1e4, -104.0, -88.0, -7.0, 0.0, 88.0, 104.0, 1e4, 1e30])
)


@given(st.sampled_from([1, 2, 3]), st.data())
def test_likelihood_and_gradients_are_finite_whatever_the_parameters(channels, data):
    count = parameters_of(channels, 2)
    numbers = torch.tensor(data.draw(st.lists(extreme, min_size=count, max_size=count)), dtype=torch.float32)
    parameters = numbers.view(1, -1, 1, 1).requires_grad_()
    levels = data.draw(st.lists(st.sampled_from([0, 1, 127, 254, 255]), min_size=channels, max_size=channels))
    likelihood = log_likelihood(parameters, LEVELS[levels].float().view(1, -1, 1, 1))
    likelihood.sum().backward()
    assert likelihood.isfinite().all()
    assert likelihood.item() <= 1e-5
    assert parameters.grad.isfinite().all()


@pytest.mark.parametrize("log_scale", [-6.9, -3.2, -1.9, -1.8, 0.0, 3.0])
def test_the_gradient_is_the_slope_on_both_sides_of_the_series(log_scale):
    parameters = torch.tensor([0.3, 0.1, log_scale], dtype=torch.float64).view(1, 3, 1, 1).requires_grad_()
    color = LEVELS[140].view(1, 1, 1, 1)
    assert torch.autograd.gradcheck(lambda p: log_likelihood(p, color), parameters, eps=1e-6, atol=1e-5)


def test_an_even_guess_costs_eight_bits_a_value():
    # One logistic so wide that all levels inside are alike; the two ends, which take the tails, are left out.
    parameters = torch.tensor([0.0, *([0.0] * 3), *([2.0] * 3), *([0.0] * 3)]).view(1, 10, 1, 1).double()
    within = LEVELS[100].expand(1, 3, 1, 1)
    density = 2 / 255 / (4 * math.exp(2))
    bits = negative_log_likelihood(parameters, within)
    assert bits.item() == pytest.approx(-math.log2(density), abs=0.01)
    # The same over a batch: a mean, not a sum.
    assert negative_log_likelihood(parameters.expand(5, -1, 2, 3), within.expand(5, -1, 2, 3)).item() == pytest.approx(
        bits.item()
    )


@pytest.mark.parametrize(("channels", "mixtures"), [(1, 1), (2, 4), (3, 10)])
def test_a_training_starts_from_means_all_over_the_range(channels, mixtures):
    rows = spread(channels, mixtures).view(-1, mixtures)
    assert len(rows) * mixtures == parameters_of(channels, mixtures)
    for means in rows[1 : 1 + channels]:
        assert means.mean().item() == pytest.approx(0, abs=1e-6)
        assert means.max().item() == pytest.approx(1 - 1 / mixtures)
    assert (rows[1 + channels : 1 + 2 * channels] == -2).all()


def test_levels_are_those_of_eight_bits_and_stay_where_they_are():
    assert torch.equal(((quantise(LEVELS) + 1) * 127.5).round(), torch.arange(256).double())
    torch.testing.assert_close(quantise(LEVELS), LEVELS)
    assert quantise(torch.tensor([-3.0, 3.0])).tolist() == [-1, 1]


@pytest.mark.parametrize("first_log_scale", [-5.0, -3.0])
def test_samples_are_as_frequent_as_they_are_likely(first_log_scale):
    # Two mixtures; the second channel follows the first so narrowly that an unrounded or unclipped first would show.
    rows = torch.tensor(
        [[0.0, 0.7], [-0.3, 0.99], [0.1, -0.2], [first_log_scale, first_log_scale], [-7.0, -5.0], [1.0, -2.0]]
    )
    count = 200_000
    uniforms = torch.rand(count, 4, generator=torch.Generator().manual_seed(0))
    drawn = sample(rows.view(1, -1).expand(count, -1), uniforms, channels=2)
    levels = ((drawn + 1) * 127.5).round().long()
    frequency = torch.bincount(levels[:, 0] * 256 + levels[:, 1], minlength=65536).double() / count
    pairs = torch.cartesian_prod(LEVELS, LEVELS).T.reshape(1, 2, 256, 256)
    likelihood = log_likelihood(rows.double().view(1, -1, 1, 1).expand(1, -1, 256, 256), pairs).exp().flatten()
    assert (frequency - likelihood).abs().sum().item() / 2 < 0.04


def test_the_third_channel_follows_both_others():
    rows = torch.tensor([[0.0], [0.5], [0.1], [0.2], [-9.0], [-9.0], [-9.0], [0.5], [-1.0], [2.0]])
    red, green, blue = sample(rows.view(1, -1), torch.full((1, 4), 0.5), channels=3)[0].tolist()
    assert red == pytest.approx(0.5, abs=1 / 255)
    assert green == pytest.approx(0.1 + math.tanh(0.5) * red, abs=1 / 255)
    assert blue == pytest.approx(0.2 + math.tanh(-1) * red + math.tanh(2) * green, abs=1 / 255)


def test_temperature_zero_takes_the_mean_of_the_likeliest_mixture():
    rows = torch.tensor([[0.0, 1.0], [-0.5, 0.4], [3.0, 3.0]])
    for seed in range(5):
        uniforms = torch.rand(1, 3, generator=torch.Generator().manual_seed(seed))
        drawn = sample(rows.view(1, -1), uniforms, 0.0, channels=1)
        torch.testing.assert_close(drawn, quantise(torch.tensor([[0.4]])))


def test_uniforms_of_nought_and_one_give_colours_all_the_same():
    parameters, _ = pixels(3, 1, count=2)
    uniforms = torch.tensor([[0.0], [1.0]]).expand(2, 7)
    drawn = sample(parameters.float().flatten(1), uniforms, channels=3)
    assert drawn.isfinite().all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: parameters_of(4, 10), "channels=4"),
        (lambda: parameters_of(3, 0), "mixtures=0"),
        (lambda: log_likelihood(torch.zeros(1, 99, 1, 1), torch.zeros(1, 3, 1, 1)), "99 parameters.*multiple of 10"),
        (lambda: sample(torch.zeros(1, 60), torch.rand(1, 12), -1.0, channels=2), "temperature=-1.0 is negative"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()
