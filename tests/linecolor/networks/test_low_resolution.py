"""The low-resolution colorizer: its published sizes, its cells, its two kinds of colour, and that it learns."""

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from linecolor.networks.logistic_mixture import negative_log_likelihood, quantise
from linecolor.networks.low_resolution import LowResolutionColorizer, chroma_of, rgb_of
from linecolor.networks.resnet import ConditioningNetwork
from tests.linecolor.networks.sizes import on_meta, parameters


def colorizer(channels: str = "rgb", grid: int = 4) -> LowResolutionColorizer:
    torch.manual_seed(0)
    return LowResolutionColorizer(14, 4, 8, 1, 3, 2, channels, grid)


def test_the_conditioning_network_is_resnet_101_up_to_its_third_block():
    network = on_meta(ConditioningNetwork, 101, 64)
    assert network(torch.empty(1, 1, 224, 224, device="meta")).shape == (1, 1024, 28, 28)
    # ResNet-101 has 44,549,160: less its classifier, its fourth block and two of three channels of the picture.
    assert parameters(network) == 44_549_160 - 2_049_000 - 14_964_736 - 2 * 64 * 7 * 7


@pytest.mark.slow
def test_the_published_network_has_30_million_parameters():
    network = on_meta(LowResolutionColorizer, 101, 64, 64, 10, 5, 10, "rgb", 28)
    assert parameters(network) == 30_047_908
    assert parameters(on_meta(LowResolutionColorizer, 101, 64, 64, 10, 5, 10, "chroma", 28)) == 30_043_772
    line, colors = torch.empty(2, 1, 224, 224, device="meta"), torch.empty(2, 3, 28, 28, device="meta")
    assert network.condition(line).shape == (2, 64, 28, 28)
    assert network(line, colors).shape == (2, 100, 28, 28)


@pytest.mark.parametrize(("depth", "blocks"), [(14, (1, 1, 2)), (50, (3, 4, 6)), (101, (3, 4, 23))])
def test_a_depth_is_its_number_of_blocks_and_the_last_ones_are_dilated(depth, blocks):
    network = on_meta(ConditioningNetwork, depth, 16)
    assert tuple(len(block) for block in (network.block_1, network.block_2, network.block_3)) == blocks
    assert all(bottleneck.spatial[0].dilation == (2, 2) for bottleneck in network.block_3)
    assert network(torch.empty(1, 1, 64, 40, device="meta")).shape == (1, 256, 8, 5)


SMALLEST = on_meta(LowResolutionColorizer, 14, 1, 1, 1, 3, 1, "rgb", 1)


@example(4, 5000, 4)
@example(16384, 2, 4)
@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 40))
def test_the_short_side_has_the_grid_and_the_long_one_its_proportion(height, width, grid):
    network = SMALLEST
    network.grid = grid
    h, w = network.cells(height, width)
    assert min(h, w) == grid
    assert abs(max(h, w) - grid * min(max(height, width) / min(height, width), 32)) <= 0.5
    assert network.cells(width, height) == (w, h)


@pytest.mark.parametrize("channels", ["rgb", "chroma"])
@pytest.mark.parametrize("size", [(32, 32), (37, 61), (5, 3), (100, 41)])
def test_any_size_goes_in_and_cells_come_out(channels, size):
    network = colorizer(channels).eval()
    line, color = torch.rand(2, 1, *size) * 2 - 1, torch.rand(2, 3, *size) * 2 - 1
    h, w = network.cells(*size)
    colors = network.reduce(color)
    assert colors.shape == (2, 3, h, w)
    assert network(line, colors).shape[-2:] == (h, w)
    uniforms = network.draw_uniforms(2, h, w, torch.Generator().manual_seed(1))
    drawn = network.sample(line, uniforms)
    assert drawn.shape == (2, 3, h, w)
    torch.testing.assert_close(drawn, quantise(drawn))
    assert torch.equal(drawn, network.sample(line, uniforms))


def test_a_cell_is_the_mean_of_its_area():
    network = colorizer(grid=2)
    color = torch.arange(3 * 4 * 6.0).view(1, 3, 4, 6)
    cells = network.reduce(color)
    assert cells.shape == (1, 3, 2, 3)
    torch.testing.assert_close(cells[0, 1, 1, 2], color[0, 1, 2:4, 4:6].mean())


def test_the_scale_of_a_drawing_does_not_change_its_condition_much():
    network = colorizer(grid=8).eval()
    line = torch.ones(1, 1, 128, 128)
    line[..., 40:60, 30:90] = -1
    small = network.condition(line)
    large = network.condition(line.repeat_interleave(3, 2).repeat_interleave(3, 3))
    assert (small - large).abs().mean() < 0.1 * small.std()


def bits(network: LowResolutionColorizer, line: torch.Tensor, colors: torch.Tensor) -> torch.Tensor:
    """What the colours cost, as the training stage has it."""
    return negative_log_likelihood(network(line, colors), network.encode(colors))


def test_loss_and_gradients_reach_every_weight():
    network = colorizer()
    loss = bits(network, torch.rand(2, 1, 32, 40) * 2 - 1, torch.rand(2, 3, 4, 5) * 2 - 1)
    loss.backward()
    assert loss.shape == ()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_the_loss_takes_colours_at_their_levels_and_is_about_the_same_float32_under_autocast():
    network = colorizer()
    line, colors = torch.rand(2, 1, 32, 32) * 2 - 1, torch.rand(2, 3, 4, 4) * 2 - 1
    expected = bits(network, line, colors)
    assert expected.item() == bits(network, line, quantise(colors)).item()
    with torch.autocast("cpu", torch.bfloat16):
        loss = bits(network, line, colors)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected.item(), rel=0.02)


@pytest.mark.slow
def test_a_colorizer_learns_to_go_by_the_drawing():
    torch.manual_seed(0)
    network = LowResolutionColorizer(14, 4, 16, 1, 3, 2, "rgb", 4)
    # Dark cells are red and bright ones cyan, in no order that a cell's neighbours would give away.
    cells = torch.randint(0, 2, (16, 1, 4, 4)) * 2.0 - 1
    line = cells.repeat_interleave(8, 2).repeat_interleave(8, 3)
    colors = cells * torch.tensor([-0.5, 0.25, 0.25]).view(1, 3, 1, 1)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        bits(network, line, colors).backward()
        optimizer.step()
    network.eval()
    drawn = network.sample(line, network.draw_uniforms(16, 4, 4, torch.Generator().manual_seed(0)), 0.0)
    assert (drawn.sign() == colors.sign()).float().mean() > 0.9
    assert bits(network, line, colors) + 1 < bits(network, line.flip(0), colors)


def test_one_drawing_gives_as_many_candidates_as_there_are_uniforms():
    network = colorizer().eval()
    line = torch.rand(1, 1, 32, 40) * 2 - 1
    uniforms = network.draw_uniforms(3, 4, 5, torch.Generator().manual_seed(0))
    candidates = network.sample(line, uniforms)
    assert candidates.shape == (3, 3, 4, 5)
    assert not torch.equal(candidates[0], candidates[1])


def test_a_seed_gives_the_same_uniforms_strictly_within_nought_and_one():
    network = colorizer()
    first, again = (network.draw_uniforms(2, 4, 5, torch.Generator().manual_seed(3)) for _ in range(2))
    assert first.shape == (2, 2 + 3, 4, 5)
    assert torch.equal(first, again)
    assert first.min() > 0
    assert first.max() < 1


def test_grey_has_a_chroma_of_its_own_level_and_comes_back_grey():
    levels = quantise(torch.linspace(-1, 1, 256)).view(1, 1, 1, 256)
    chroma = quantise(chroma_of(levels.expand(-1, 3, -1, -1)))
    assert ((chroma + 1) * 127.5).round().unique().tolist() == [128]
    torch.testing.assert_close(rgb_of(levels, chroma), levels.expand(-1, 3, -1, -1))


@given(st.lists(st.integers(0, 255), min_size=3, max_size=3))
def test_luma_and_chroma_are_the_colour_within_a_level(levels):
    rgb = (torch.tensor(levels) / 127.5 - 1).view(1, 3, 1, 1)
    luma = (rgb * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    chroma = chroma_of(rgb)
    assert chroma.abs().max() <= 1 + 1e-6
    torch.testing.assert_close(rgb_of(luma, chroma), rgb, rtol=0, atol=1e-5)
    torch.testing.assert_close(rgb_of(luma, quantise(chroma)), rgb, rtol=0, atol=1 / 127.5)


def test_with_chroma_the_grey_picture_gives_the_luma():
    network = colorizer("chroma").eval()
    # A cell darker than its neighbours; luma in the middle leaves room for the chroma.
    picture = torch.zeros(1, 1, 32, 32)
    picture[..., 8:16, 8:16] = -0.4
    with torch.no_grad():
        network.pixelcnn.to_parameters.weight.zero_()
        network.pixelcnn.to_parameters.bias.zero_()
    drawn = network.sample(picture, network.draw_uniforms(1, 4, 4), 0.0)
    luma = (drawn * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    torch.testing.assert_close(luma, network.reduce(picture), rtol=0, atol=2 / 255)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((18, 4, 8, 1, 3, 2, "rgb", 4), "depth=18 is unknown: use 101"),
        ((14, 4, 8, 1, 3, 2, "lab", 4), "channels='lab' is unknown: use rgb or chroma"),
        ((14, 4, 8, 1, 3, 2, "rgb", 0), "grid=0"),
    ],
)
def test_what_cannot_be_built_is_refused_with_its_value(arguments, message):
    with pytest.raises(ValueError, match=message):
        LowResolutionColorizer(*arguments)
