"""No pixel of the PixelCNN sees itself or a later one, all see what came before, and the cache changes nothing."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from linecolor.networks import logistic_mixture
from linecolor.networks.pixelcnn import FIRST_REACH, ActivationCache, PixelCNN


def network(channels: int = 3, layers: int = 2, kernel: int = 3, mixtures: int = 3, width: int = 6) -> PixelCNN:
    torch.manual_seed(0)
    return PixelCNN(channels, 4, width, layers, kernel, mixtures).double()


def inputs(net: PixelCNN, batch: int, h: int, w: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """A condition and uniforms, float64."""
    random = torch.Generator().manual_seed(seed)
    condition = torch.randn(batch, 4, h, w, generator=random, dtype=torch.float64)
    uniforms = torch.rand(batch, net.mixtures + net.channels, h, w, generator=random, dtype=torch.float64)
    return condition, uniforms


def seen_from(net: PixelCNN, y: int, x: int, h: int, w: int) -> set[tuple[int, int]]:
    """The pixels that the mixture of pixel (y, x) depends on."""
    colors = torch.randn(1, net.channels, h, w, dtype=torch.float64, requires_grad=True)
    condition, _ = inputs(net, 1, h, w)
    net(colors, condition)[0, :, y, x].square().sum().backward()
    return {tuple(place) for place in colors.grad.abs().sum((0, 1)).nonzero().tolist()}


@pytest.mark.parametrize(("layers", "kernel"), [(1, 3), (2, 3), (3, 3), (1, 5), (2, 5), (1, 7)])
def test_a_pixel_sees_all_before_it_within_reach_and_nothing_else(layers, kernel):
    net = network(layers=layers, kernel=kernel)
    reach = FIRST_REACH + layers * (kernel // 2)
    h, w = reach + 4, 2 * reach + 5
    for y, x in ((h - 2, w // 2), (h - 2, 0), (h - 1, w - 1), (0, 2), (0, 0)):
        before = {
            (row, column)
            for row in range(h)
            for column in range(w)
            if (row, column) < (y, x) and y - row <= reach and abs(x - column) <= reach
        }
        assert seen_from(net, y, x, h, w) == before


def test_every_pixel_sees_the_condition_at_its_own_place():
    net = network(layers=1)
    condition = inputs(net, 1, 4, 5)[0].requires_grad_()
    net(torch.zeros(1, 3, 4, 5, dtype=torch.float64), condition)[0, :, 2, 3].square().sum().backward()
    assert (condition.grad[0, :, 2, 3] != 0).all()


@torch.no_grad()
def sampled_by_whole_passes(
    net: PixelCNN, condition: torch.Tensor, uniforms: torch.Tensor, temperature: float
) -> torch.Tensor:
    noise = logistic_mixture.noise(uniforms.movedim(1, -1), net.channels, temperature)
    colors = torch.zeros_like(uniforms[:, : net.channels])
    for y in range(colors.shape[2]):
        for x in range(colors.shape[3]):
            parameters = net(colors, condition)[:, :, y, x]
            colors[:, :, y, x] = logistic_mixture.draw(parameters, noise[:, y, x], net.channels)
    return colors


@settings(max_examples=12)
@given(
    channels=st.sampled_from([2, 3]),
    size=st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 7)),
    kernel=st.sampled_from([3, 5]),
    layers=st.integers(1, 3),
    temperature=st.sampled_from([0.0, 0.7, 1.0]),
)
def test_cached_samples_are_those_of_whole_passes(channels, size, kernel, layers, temperature):
    net = network(channels, layers, kernel)
    condition, uniforms = inputs(net, *size)
    cached = net.sample(condition, uniforms, temperature)
    assert cached.shape == (size[0], channels, *size[1:])
    assert torch.equal(cached, sampled_by_whole_passes(net, condition, uniforms, temperature))


@pytest.mark.parametrize("channels", [2, 3])
def test_cached_parameters_are_those_of_forward_in_float32(channels):
    net = network(channels, layers=4, kernel=5, mixtures=10, width=32).float()
    condition = inputs(net, 3, 6, 9)[0].float()
    colors = logistic_mixture.quantise(torch.rand(3, channels, 6, 9) * 2 - 1)
    with torch.no_grad():
        expected = net(colors, condition)
        cache = ActivationCache(net, condition)
        for y in range(6):
            cache.enter_row(y)
            for x in range(9):
                torch.testing.assert_close(cache.parameters(x), expected[:, :, y, x], rtol=0, atol=1e-5)
                cache.put(x, colors[:, :, y, x])
    assert torch.equal(cache.colors, colors)


def test_the_same_uniforms_give_the_same_picture_alone_or_in_a_batch():
    net = network()
    condition, uniforms = inputs(net, 3, 4, 5)
    together = net.sample(condition, uniforms)
    assert torch.equal(together, net.sample(condition, uniforms))
    assert torch.equal(together[1:2], net.sample(condition[1:2], uniforms[1:2]))
    assert not torch.equal(together, net.sample(condition, uniforms.flip(0)))


def test_training_can_go_on_after_sampling():
    net = network()
    condition, uniforms = inputs(net, 1, 3, 3)
    drawn = net.sample(condition, uniforms)
    assert not drawn.requires_grad
    logistic_mixture.negative_log_likelihood(net(drawn, condition), drawn).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_a_network_learns_which_pixel_follows_which():
    # Each pixel is its left neighbour inverted: one bit for the first of six, next to none for the rest.
    torch.manual_seed(0)
    net = PixelCNN(1, 1, width=8, layers=1, kernel=3, mixtures=2)
    first = torch.randint(0, 2, (16, 1, 4, 1)) * 2.0 - 1
    colors = first * torch.tensor([1.0, -1, 1, -1, 1, -1])
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss = logistic_mixture.negative_log_likelihood(net(colors, torch.zeros(16, 1, 4, 6)), colors)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.4


def test_under_autocast_the_mixture_is_float32_and_samples_stay_the_same():
    net = network().float()
    condition, uniforms = (part.float() for part in inputs(net, 1, 4, 4))
    expected = net.sample(condition, uniforms)
    with torch.autocast("cpu", torch.bfloat16):
        assert net(torch.zeros(1, 3, 4, 4), condition).dtype == torch.float32
        assert torch.equal(net.sample(condition, uniforms), expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel": 4}, "kernel=4.*odd"),
        ({"kernel": 1}, "kernel=1.*odd kernel of at least 3"),
        ({"layers": 0}, "layers=0"),
        ({"channels": 5}, "channels=5"),
    ],
)
def test_what_cannot_be_built_is_refused_with_its_value(arguments, message):
    with pytest.raises(ValueError, match=message):
        network(**arguments)


def test_uniforms_of_another_size_are_refused():
    net = network()
    condition, uniforms = inputs(net, 1, 4, 5)
    with pytest.raises(ValueError, match=r"uniforms are \(1, 6, 4, 4\).*need \(1, 6, 4, 5\)"):
        net.sample(condition, uniforms[..., :-1])
