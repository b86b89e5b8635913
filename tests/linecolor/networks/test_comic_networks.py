"""Background detector and polishing network: sizes, ranges, what they look at."""

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from linecolor.experiment.composition import configuration_folder, register_resolvers
from linecolor.networks.comic import BackgroundDetector, PolishingNetwork
from linecolor.systems.registry import SYSTEMS


@pytest.mark.parametrize("size", [(16, 16), (24, 40), (17, 33), (1, 50)])
def test_pages_of_any_size_and_in_use_a_result_repeats(size):
    line = torch.rand(2, 1, *size) * 2 - 1
    network = BackgroundDetector(4, 4, True).eval()
    foreground = network(line)
    assert torch.equal(network(line), foreground)
    assert foreground.shape == (2, 1, *size)
    assert foreground.min() >= 0
    assert foreground.max() <= 1
    color = PolishingNetwork(4, 4, True, True).eval()(torch.rand(2, 10, *size))
    assert color.shape == (2, 3, *size)
    assert color.abs().max() <= 1


@pytest.mark.parametrize("background", [True, False])
def test_the_plain_one_is_blind_to_the_background_and_nothing_else(background):
    network = PolishingNetwork(4, 4, False, background).eval()
    channels = torch.rand(1, 10, 16, 16, requires_grad=True)
    network(channels).square().sum().backward()
    seen = channels.grad.abs().sum((0, 2, 3)) > 0
    assert seen.tolist() == [background or channel in (0, 1, 2, 3, 6) for channel in range(10)]


def test_both_kinds_have_the_same_weights_on_disk():
    one, other = PolishingNetwork(4, 4, False, True), PolishingNetwork(4, 4, False, False)
    other.load_state_dict(one.state_dict())


@pytest.mark.slow
def test_model_comic_paper_is_the_published_size():
    """ResNet-101 to its third block at stride 8, ten gated layers of 64 over 28 x 28 cells, two U-Net-256."""
    register_resolvers()
    with initialize_config_dir(configuration_folder(), version_base="1.3"):
        model = compose("train", ["model=comic_paper"]).model
    with torch.device("meta"):
        networks = {name: instantiate(model[name]) for name in SYSTEMS["comic"].names}
        colors = networks["low_resolution"]
        line = torch.empty(1, 1, model.resolution // 2, model.resolution // 2)
        assert colors(line, torch.empty(1, 3, 28, 28)).shape == (1, 10 * 10, 28, 28)
    assert len(colors.pixelcnn.layers) == 10
    counts = [sum(p.numel() for p in network.parameters()) / 1e6 for network in networks.values()]
    assert counts == pytest.approx([30.05, 54.40, 54.42, 54.42], abs=0.02)
    assert networks["plain_polishing"].background is False
