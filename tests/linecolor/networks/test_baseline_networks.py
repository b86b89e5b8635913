"""Pix2Pix and AlacGAN: their published sizes and shapes, and that they see what they are told."""

import pytest
import torch
from torch import nn

from linecolor.hints.torch_hints import halve
from linecolor.networks.alacgan import AlacCritic, AlacGenerator
from linecolor.networks.pix2pix import PatchDiscriminator, Pix2PixUNet
from linecolor.networks.resnext import ResNeXtBlock
from tests.linecolor.networks.sizes import on_meta, parameters, shapes


def test_the_baselines_have_their_published_size():
    assert parameters(on_meta(Pix2PixUNet, 3, 64, 8)) == 54_413_955
    # 2,768,705 with a line of three channels.
    assert parameters(on_meta(PatchDiscriminator, 64)) == 2_768_705 - 2 * 16 * 64
    assert parameters(on_meta(AlacGenerator, 64, 20, 32, "illustration2vec")) == 21_936_003
    assert parameters(on_meta(AlacCritic, 512, 64, 8, "illustration2vec")) == 10_612_033


def test_the_u_net_halves_256_pixels_to_one_and_back():
    network = on_meta(Pix2PixUNet, 5, 64, 8)
    line, hint = torch.empty(2, 1, 256, 256, device="meta"), torch.empty(2, 4, 128, 128, device="meta")
    assert network(line, hint).shape == (2, 3, 256, 256)
    assert shapes([*network.down, *network.up], network, line, hint) == [
        (64, 128), (128, 64), (256, 32), (512, 16), (512, 8), (512, 4), (512, 2), (512, 1),
        (512, 2), (512, 4), (512, 8), (512, 16), (256, 32), (128, 64), (64, 128), (3, 256),
    ]  # fmt: skip


def test_dropout_is_in_the_first_three_decoder_blocks_and_batch_norm_not_at_the_ends():
    network = on_meta(Pix2PixUNet, 5, 64, 8)

    def holds(kind, part):
        return any(isinstance(layer, kind) for layer in part)

    assert [holds(nn.Dropout, up) for up in reversed(network.up)] == [True] * 3 + [False] * 5
    assert [holds(nn.BatchNorm2d, down) for down in network.down] == [False] + [True] * 6 + [False]
    assert [holds(nn.BatchNorm2d, up) for up in network.up] == [False] + [True] * 7


def test_a_logit_of_the_patch_discriminator_sees_70_pixels():
    discriminator = PatchDiscriminator(4).eval()
    color = torch.zeros(1, 3, 128, 128, requires_grad=True)
    logits = discriminator(torch.zeros(1, 1, 128, 128), color)
    assert logits.shape == (1, 1, 14, 14)
    logits[0, 0, 7, 7].backward()
    ys, xs = color.grad.abs().sum((0, 1)).nonzero().T
    assert int(ys.max() - ys.min()) + 1 == 70
    assert int(xs.max() - xs.min()) + 1 == 70


def test_initial_weights_of_pix2pix_have_a_deviation_of_002():
    torch.manual_seed(0)
    weights = torch.cat([m.weight.flatten() for m in Pix2PixUNet(5, 16, 8).modules() if isinstance(m, nn.Conv2d)])
    assert weights.std().item() == pytest.approx(0.02, rel=0.02)


def test_alacgans_layers_have_their_published_sizes():
    network = on_meta(AlacGenerator, 64, 20, 32, "illustration2vec")
    names = ("line_0", "line_1", "line_2", "hint", "joined_3", "joined_4", "up_4", "up_3", "up_2", "up_1")
    line, hint, local = (
        torch.empty(1, c, s, s, device="meta") for c, s in ((1, 512), (4, 256), (512, 32))
    )  # the hint comes on the draft's grid and is halved
    assert network(line, hint, local).shape == (1, 3, 512, 512)
    assert shapes([getattr(network, name) for name in names], network, line, hint, local) == [
        (32, 512), (64, 256), (128, 128), (64, 128), (256, 64), (512, 32), (256, 64), (128, 128), (64, 256), (32, 512),
    ]  # fmt: skip
    blocks = [[m for m in getattr(network, f"up_{n}") if isinstance(m, ResNeXtBlock)] for n in (4, 3, 2, 1)]
    assert [len(stack) for stack in blocks] == [20, 8, 8, 5]
    assert [block.grouped.dilation[0] for block in blocks[1]] == [1, 1, 2, 2, 4, 4, 2, 1]
    assert [block.grouped.dilation[0] for block in blocks[3]] == [1, 2, 4, 2, 1]
    assert [stack[0].grouped.groups for stack in blocks] == [32, 32, 32, 16]


@pytest.mark.parametrize("resolution", [64, 128, 256])
def test_the_critic_gives_one_score_a_picture_at_every_resolution(resolution):
    critic = AlacCritic(resolution, 4, 2, "none")
    assert critic(torch.zeros(2, 3, resolution, resolution), None).shape == (2, 1)


def test_the_critic_names_the_resolutions_it_can_judge():
    with pytest.raises(ValueError, match=r"model.resolution=192.*64, 128, 256"):
        AlacCritic(192, 4, 2, "none")


@pytest.mark.parametrize(
    "network", [Pix2PixUNet(5, 4, 6), AlacGenerator(8, 1, 2, "none")], ids=lambda network: type(network).__name__
)
def test_line_and_hint_both_reach_the_colour(network):
    line = torch.rand(1, 1, 64, 64).requires_grad_()
    hint = torch.rand(1, 4, 32, 32).requires_grad_()
    network.eval()(line, hint).square().sum().backward()
    assert line.grad.abs().sum() > 0
    assert (hint.grad.abs().sum((0, 2, 3)) > 0).all()


def test_local_features_come_from_the_line_and_stay_out_of_the_weights():
    network = AlacGenerator(8, 1, 2, "vgg")
    line = torch.rand(1, 1, 64, 64) * 2 - 1
    local = network.local_features(line)
    assert local.shape == (1, 128, 4, 4)
    assert not torch.equal(local, network.local_features(-line))
    hint = torch.zeros(1, 4, 32, 32)
    assert torch.equal(network(line, hint), network(line, hint, local))
    assert not any("vgg" in name or "_local" in name for name in network.state_dict())


def test_features_that_cannot_be_had_are_named():
    network = AlacGenerator(8, 1, 2, "illustration2vec")
    with pytest.raises(ValueError, match="512 channels of local features and got 0"):
        network(torch.zeros(1, 1, 64, 64), torch.zeros(1, 4, 32, 32))


def test_a_halved_hint_keeps_its_colour_and_is_never_lost():
    hint = torch.zeros(1, 4, 4, 4)
    hint[0, :, 1, 2] = torch.tensor([0.5, -1.0, 1.0, 1.0])
    hint[0, :, 2, 0], hint[0, :, 3, 1] = torch.tensor([1.0, 1.0, 1.0, 1.0]), torch.tensor([0.0, -1.0, 1.0, 1.0])
    halved = halve(hint)
    assert halved.shape == (1, 4, 2, 2)
    torch.testing.assert_close(halved[0, :, 0, 1], torch.tensor([0.5, -1.0, 1.0, 1.0]))
    torch.testing.assert_close(halved[0, :, 1, 0], torch.tensor([0.5, 0.0, 1.0, 1.0]))
    assert halved[0, :, 0, 0].abs().sum() == 0
