import pytest
import torch
from torch import nn

from linecolor.networks.discriminator import Discriminator
from linecolor.networks.resnext import ResNeXtBlock, UpBlock
from linecolor.networks.unet import ResNeXtUNet
from tests.linecolor.networks.sizes import on_meta, parameters, shapes


def test_the_papers_networks_have_the_papers_size():
    draft = on_meta(ResNeXtUNet, 5, 32, 4, 10, 32)
    colorizer = on_meta(ResNeXtUNet, 4, 32, 3, 10, 32)
    assert parameters(draft) == 22_191_264
    assert parameters(colorizer) == 5_491_584
    assert parameters(on_meta(ResNeXtUNet, 4, 32, 4, 10, 32)) == pytest.approx(22.2e6, rel=0.005)
    assert parameters(on_meta(Discriminator, 256, 32)) == pytest.approx(0.95e6, rel=0.01)


def test_the_drafts_layers_follow_figure_3():
    draft = on_meta(ResNeXtUNet, 5, 32, 4, 10, 32)
    line, hint = (torch.empty(2, n, 256, 256, device="meta") for n in (1, 4))
    parts = [draft.stem, *draft.down, *draft.refine, *draft.up, draft.last]
    assert shapes(parts, draft, line, hint) == [
        (32, 256),
        (64, 128), (64, 128), (128, 64), (128, 64), (256, 32), (256, 32), (512, 16), (512, 16),
        (256, 32), (128, 64), (64, 128), (32, 256),
        (32, 256),
    ]  # fmt: skip
    assert draft(line, hint).shape == (2, 3, 256, 256)


def test_an_up_block_is_ten_resnext_blocks_between_two_convolutions_and_a_pixel_shuffle():
    up = on_meta(UpBlock, 1024, 512, 10, 32)
    assert up.enter.weight.shape == (512, 1024, 3, 3)
    assert len(up.blocks) == 10
    assert up.blocks[0].grouped.weight.shape == (256, 8, 3, 3)
    assert up.expand.weight.shape == (1024, 512, 3, 3)
    assert up(torch.empty(1, 1024, 16, 16, device="meta")).shape == (1, 256, 32, 32)


def test_the_discriminators_layers_follow_figure_3():
    discriminator = on_meta(Discriminator, 256, 32)
    convolutions = [layer for layer in discriminator.features if isinstance(layer, nn.Conv2d)]
    described = [(c.out_channels, c.kernel_size[0], c.stride[0]) for c in convolutions]
    assert described == [(32, 4, 2), (32, 3, 1), (64, 4, 2), (64, 3, 1), (128, 4, 2), (128, 3, 1), (256, 4, 2)]
    assert discriminator.judge.weight.shape == (1, 256 * 16 * 16)
    assert discriminator(torch.empty(3, 3, 256, 256, device="meta")).shape == (3, 1)


def test_no_network_has_normalisation_and_the_generators_have_no_bias():
    draft = on_meta(ResNeXtUNet, 5, 32, 4, 10, 32)
    names = {type(module).__name__ for module in [*draft.modules(), *on_meta(Discriminator, 256, 32).modules()]}
    assert not any("Norm" in name for name in names)
    assert all(m.bias is None for m in draft.modules() if isinstance(m, nn.Conv2d))
    assert {m.negative_slope for m in draft.modules() if isinstance(m, nn.LeakyReLU)} == {0.2}


def small_unet() -> ResNeXtUNet:
    torch.manual_seed(0)
    return ResNeXtUNet(5, 8, 2, 1, 4)


def test_output_is_in_range_and_not_saturated_at_the_start():
    torch.manual_seed(0)
    network = ResNeXtUNet(5, 16, 4, 2, 8)
    line, hint = torch.ones(2, 1, 64, 64), torch.zeros(2, 4, 64, 64)
    line[:, :, 20:40, 30] = -1
    color = network(line, hint)
    assert color.abs().max() <= 1
    assert (color.abs() > 0.98).float().mean() < 0.05


def test_a_fresh_decoder_has_no_checkerboard():
    up = small_unet().up[0]
    enlarged = up(torch.randn(1, up.enter.in_channels, 6, 6))
    # ICNR: every 2 x 2 block starts as one value, as nearest-neighbour enlargement would give.
    blocks = enlarged.unfold(2, 2, 2).unfold(3, 2, 2)
    assert torch.allclose(blocks, blocks[..., :1, :1].expand_as(blocks), atol=1e-6)


def test_every_weight_gets_a_gradient():
    network = small_unet()
    network(torch.randn(1, 1, 16, 16), torch.randn(1, 4, 16, 16)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_score_is_the_sigmoid_of_the_logit():
    torch.manual_seed(0)
    discriminator = Discriminator(32, 4)
    color = torch.randn(2, 3, 32, 32)
    assert torch.equal(discriminator.score(color), discriminator(color).sigmoid())


def test_impossible_sizes_are_refused_in_words():
    with pytest.raises(ValueError, match="cardinality 3 does not divide 4"):
        ResNeXtBlock(8, 3)
    with pytest.raises(ValueError, match="resolution 100"):
        Discriminator(100, 4)
    with pytest.raises(ValueError, match="levels=0"):
        ResNeXtUNet(5, 8, 0, 1, 4)


def test_a_residual_network_starts_from_its_draft_and_can_reach_any_colour():
    torch.manual_seed(0)
    network = ResNeXtUNet(4, 8, 2, 1, 4, residual=True)
    line, draft = torch.ones(1, 1, 16, 16), torch.rand(1, 3, 16, 16) * 1.6 - 0.8
    start = network(line, draft)
    assert (start - draft).abs().mean() < 0.1
    assert start.abs().max() <= 1 + 1e-6
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(120):
        loss = (network(line, draft) + 0.9).abs().mean()  # nearly black, whatever the draft says
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.05
