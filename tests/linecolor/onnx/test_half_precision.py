import copy

import pytest
import torch

from linecolor.networks.pix2pix import Pix2PixUNet
from linecolor.networks.unet import ResNeXtUNet
from linecolor.onnx.half_precision import HalfPrecision, convolution_levels


@pytest.fixture
def network() -> ResNeXtUNet:
    torch.manual_seed(0)
    return ResNeXtUNet(4, 4, 2, 1, 2, residual=True).eval()


@pytest.fixture
def inputs() -> list[torch.Tensor]:
    return [torch.rand(1, 1, 16, 24) * 2 - 1, torch.rand(1, 3, 16, 24) * 2 - 1]


def precisions(network: torch.nn.Module) -> dict[str, torch.dtype]:
    return {name: parameter.dtype for name, parameter in network.named_parameters()}


def test_levels_count_halvings(network, inputs):
    levels = convolution_levels(network, inputs)
    assert levels["stem.0"] == levels["to_color"] == levels["last.0"] == 0
    assert levels["down.0.0"] == levels["refine.0.0"] == levels["up.1.enter"] == levels["up.1.expand"] == 1
    assert levels["down.1.0"] == levels["up.0.blocks.0.grouped"] == 2
    assert not any(module._forward_hooks for module in network.modules())


def test_the_finest_levels_stay_in_float32(network, inputs):
    half = HalfPrecision(network, convolution_levels(network, inputs), finest=1)
    finest = {"stem.0.weight", "last.0.weight", "to_color.weight"}
    kinds = precisions(half.network)
    assert {kinds[name] for name in finest} == {torch.float32}
    assert {kind for name, kind in kinds.items() if name not in finest} == {torch.float16}


def test_colours_come_out_in_float32_and_close(network, inputs):
    levels = convolution_levels(network, inputs)
    with torch.no_grad():
        exact = network(*inputs)
        apart = [float((HalfPrecision(network, levels, finest)(*inputs) - exact).abs().max()) for finest in range(4)]
        assert HalfPrecision(network, levels, 0)(*inputs).dtype == torch.float32
    assert 0 < apart[0] < 2e-3
    assert apart[3] == 0


def test_the_network_itself_stays_as_it_was(network, inputs):
    before = copy.deepcopy(network.state_dict())
    HalfPrecision(network, convolution_levels(network, inputs), 0)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert set(precisions(network).values()) == {torch.float32}


def test_running_averages_go_along():
    network = Pix2PixUNet(5, 2, 4).eval()
    line, hint = torch.rand(1, 1, 32, 32), torch.rand(1, 4, 16, 16)
    half = HalfPrecision(network, convolution_levels(network, [line, hint]), 0)
    assert half.network.down[1][2].running_mean.dtype == torch.float16
    with torch.no_grad():
        assert torch.allclose(half(line, hint), network(line, hint), atol=2e-3)
