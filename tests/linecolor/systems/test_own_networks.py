"""A bundle of networks that another package registered is as safe as one of ours."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor, nn

from linecolor.rendering.options import RenderingOptions
from linecolor.systems.bundle import CARD, MOST_OTHER, read_card, save_bundle
from linecolor.systems.line_colorizer import LineColorizer
from linecolor.systems.pipelines import OneGenerator, WindowColors, WindowOptions
from linecolor.systems.registry import SYSTEMS, Stage, System

ARCHITECTURE = {"shades": 3, "gain": 0.5, "bias": True, "mood": "gloomy"}


class Shades(nn.Module):
    def __init__(self, shades: int, gain: float, bias: "bool" = False, mood: str = "bright") -> None:
        super().__init__()
        self.gain = gain
        self.layer = nn.Conv2d(1, shades, 1, bias=bias)

    def forward(self, line: Tensor, hint: Tensor) -> Tensor:
        return torch.tanh(self.gain * self.layer(line))


class Inverted(OneGenerator):
    """A pipeline of one's own: paper turns into ink."""

    def color(self, line: Tensor, inputs: Tensor, options: WindowOptions) -> WindowColors:
        return WindowColors(-line.expand(-1, 3, -1, -1), extras={"line again": line})


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setitem(SYSTEMS, "shades", System("shades", (Stage("shades", f"{__name__}.Shades"),)))


@pytest.fixture
def bundle(tmp_path):
    torch.manual_seed(0)
    options = RenderingOptions(resolution=32)
    return save_bundle(tmp_path, {"shades": Shades(**ARCHITECTURE)}, {"shades": ARCHITECTURE}, options, "none", {})


def test_its_bundle_colours(bundle):
    picture = LineColorizer.load(bundle).colorize(np.full((40, 50), 255, np.uint8), [(5, 5, "#ff0000")])
    assert picture.shape == (40, 50, 3)


def test_a_pipeline_of_ones_own_runs_its_networks(bundle, monkeypatch):
    monkeypatch.setitem(SYSTEMS, "shades", replace(SYSTEMS["shades"], pipeline=f"{__name__}.Inverted"))
    result = LineColorizer.load(bundle, blend="none").colorize_with_steps(np.full((40, 50), 255, np.uint8))
    assert (result.full == 0).all()
    assert (result.extras["line again"] == 255).all()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"shades": MOST_OTHER + 1}, "a whole number up to"),
        ({"shades": -1}, "a whole number up to"),
        ({"shades": True}, "a whole number up to"),
        ({"shades": 3.0}, "a whole number up to"),
        ({"gain": float("nan")}, "a number up to"),
        ({"gain": float("inf")}, "a number up to"),
        ({"gain": "much"}, "a number up to"),
        ({"bias": 1}, "true or false"),
        ({"mood": ["gloomy"]}, "and words"),
        ({"more": 1}, "it takes shades, gain, bias, mood"),
    ],
)
def test_arguments_that_no_network_has_are_refused_before_it_is_built(bundle, change, why):
    card = yaml.safe_load((bundle / CARD).read_text())
    card["networks"]["shades"] |= change
    (bundle / CARD).write_text(yaml.safe_dump(card))
    with pytest.raises(ValueError, match=f"{CARD}.*{why}"):
        read_card(bundle)


def test_a_bundle_of_a_system_that_is_not_installed_says_so(bundle, monkeypatch):
    monkeypatch.delitem(SYSTEMS, "shades")
    with pytest.raises(ValueError, match=rf"{CARD}.*no system has stages=\[shades\]"):
        LineColorizer.load(bundle)
