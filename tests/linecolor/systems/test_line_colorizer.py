from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from linecolor.networks.unet import ResNeXtUNet
from linecolor.rendering.options import RenderingOptions
from linecolor.systems.bundle import CARD, WEIGHTS, read_card, save_bundle
from linecolor.systems.line_colorizer import LineColorizer

SMALL = RenderingOptions(resolution=32)
UNBLENDED = replace(SMALL, blend="none")
ARCHITECTURES = {
    "draft": {"in_channels": 5, "width": 4, "levels": 2, "blocks": 1, "cardinality": 2, "residual": False},
    "colorizer": {"in_channels": 4, "width": 4, "levels": 2, "blocks": 1, "cardinality": 2, "residual": False},
}


ALACGAN = {"width": 8, "deep_blocks": 1, "cardinality": 2, "local_features": "illustration2vec"}


def networks() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    return {name: ResNeXtUNet(**architecture) for name, architecture in ARCHITECTURES.items()}


class PaintsTheHints(nn.Module):
    """A draft that copies hints, so that what comes out tells where they went."""

    multiple = 4

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.where(inputs[:, 4:5] > 0, inputs[:, 1:4], torch.ones_like(inputs[:, 1:4]))


class KeepsTheDraft(nn.Module):
    multiple = 4

    def forward(self, line: torch.Tensor, draft: torch.Tensor) -> torch.Tensor:
        return draft


def page(height: int, width: int) -> np.ndarray:
    line = np.full((height, width), 255, np.uint8)
    line[height // 3] = 0
    return line


@settings(max_examples=25)
@given(st.integers(1, 200), st.integers(1, 200))
def test_any_size_in_the_same_size_out(height, width):
    made = networks()
    colored = LineColorizer(made, "none", SMALL).colorize_with_steps(page(height, width))
    assert colored.full.shape == (height, width, 3)
    assert colored.full.dtype == np.uint8
    assert colored.colorized.shape[:2] == colored.line.shape
    assert colored.draft.shape[:2] == (colored.line.shape[0] // 2, colored.line.shape[1] // 2)


@pytest.mark.parametrize("shape", [(90, 120), (400, 60), (60, 400), (64, 64)])
def test_a_hint_is_painted_where_it_was_put_and_white_stays_white(shape):
    colorizer = LineColorizer({"draft": PaintsTheHints(), "colorizer": KeepsTheDraft()}, "none", SMALL)
    bare, layer = np.full(shape, 255, np.uint8), np.zeros((*shape, 4), np.uint8)
    assert (colorizer.colorize(bare) == 255).all()
    y, x = shape[0] * 2 // 3, shape[1] // 4
    layer[y - 4 : y + 4, x - 4 : x + 4] = (250, 0, 0, 255)
    result = colorizer.colorize(bare, layer)
    ys, xs = np.nonzero(result[..., 1] < 128)
    assert abs(ys.mean() - (y - 0.5)) < 2.5
    assert abs(xs.mean() - (x - 0.5)) < 2.5
    assert result[y, x, 0] > 200


def test_overlapping_windows_leave_no_seam():
    """A network that looks at single pixels must give the same picture with windows as in one piece."""
    line = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (320, 1))
    networks = {"draft": PaintsTheHints(), "colorizer": GreyLine()}
    whole = LineColorizer(networks, "none", UNBLENDED, page_pixels=2 * 32 * 32).colorize_with_steps(line)
    assert whole.colorized.shape == (160, 32, 3)
    np.testing.assert_array_equal(whole.colorized[..., 0], whole.line)


@pytest.mark.parametrize("lying", [False, True])
def test_a_long_strip_in_windows_has_no_seam_of_more_than_two_levels(lying):
    """At every row where a window begins or ends, the picture steps no more than it does in one piece."""
    strip = page(2048, 32)
    strip[::37, 5:20] = 0
    strip = np.ascontiguousarray(strip.T) if lying else strip
    made = networks()
    whole, windowed = (LineColorizer(made, "none", UNBLENDED, page_pixels=pixels) for pixels in (1 << 20, 32 * 512))
    edges = {edge for window in windowed._windows(*strip.shape) for edge in (window[lying].start, window[lying].stop)}
    assert len(edges) > 6
    colored = [colorizer.colorize(strip) for colorizer in (whole, windowed)]
    colored = [picture.transpose(1, 0, 2) if lying else picture for picture in colored]
    steps = [np.abs(np.diff(picture.astype(int), axis=0)) for picture in colored]
    inner = sorted(edge - 1 for edge in edges if 0 < edge < 2048)
    assert (steps[1][inner] - steps[0][inner]).max() <= 2


class GreyLine(nn.Module):
    """Paints the line, whatever comes with it."""

    def __init__(self, multiple: int = 4) -> None:
        super().__init__()
        self.multiple = multiple

    def forward(self, line: torch.Tensor, draft_or_hint: torch.Tensor) -> torch.Tensor:
        return line.expand(-1, 3, -1, -1)


@pytest.mark.parametrize("length", range(128, 1100, 50))
def test_windows_overlap_however_coarse_the_multiple(length):
    colorizer = LineColorizer(
        {"page": GreyLine(64)}, "none", replace(UNBLENDED, resolution=64), page_pixels=2 * 64 * 64
    )
    padded = -(-length // 64) * 64
    windows = [(rows.start, rows.stop) for rows, _, _ in colorizer._windows(padded, 64)]
    assert windows[0][0] == 0
    assert windows[-1][1] == padded
    for (_, end), (start, _) in pairwise(windows):
        assert end - start >= 32, windows


def test_a_multiple_beyond_the_resolution_still_colours():
    colorizer = LineColorizer({"page": GreyLine(256)}, "none", replace(UNBLENDED, resolution=64))
    assert colorizer.colorize_with_steps(page(300, 64)).colorized.shape == (300, 64, 3)


def test_colouring_leaves_live_networks_in_training_mode():
    made = networks()
    made["draft"].train()
    made["colorizer"].eval()
    LineColorizer(made, "none", SMALL).colorize(page(32, 32))
    assert made["draft"].training
    assert not made["colorizer"].training


def test_a_spread_draft_gets_three_more_channels():
    torch.manual_seed(0)
    colorizer = LineColorizer({"draft": ResNeXtUNet(8, 4, 2, 1, 2)}, "watershed", SMALL)
    assert colorizer.colorize(page(40, 40), [(30, 30, (0, 200, 0))]).shape == (40, 40, 3)


@pytest.fixture
def bundle(tmp_path) -> Path:
    """A bundle in a run's folder, which is its parent."""
    return save_bundle(tmp_path / "bundle", networks(), ARCHITECTURES, SMALL, "none", {"run": "test"})


def test_a_bundle_colours_as_the_live_networks_do_and_a_run_stands_for_it(bundle):
    live = LineColorizer(networks(), "none", SMALL)
    for folder in (bundle, bundle.parent):
        np.testing.assert_array_equal(LineColorizer.load(folder).colorize(page(50, 70)), live.colorize(page(50, 70)))
    assert read_card(bundle)["provenance"] == {"run": "test"}


def test_a_bundle_in_half_precision_is_half_as_large_and_colours_alike(bundle, tmp_path):
    half = save_bundle(tmp_path / "half", networks(), ARCHITECTURES, SMALL, "none", {}, half=True)
    assert (half / WEIGHTS).stat().st_size < 0.6 * (bundle / WEIGHTS).stat().st_size
    difference = LineColorizer.load(half).colorize(page(50, 70)).astype(int) - LineColorizer.load(bundle).colorize(
        page(50, 70)
    )
    assert np.abs(difference).max() <= 1


def test_pages_may_be_seen_in_finer_detail_on_any_device_that_is_there(bundle):
    colorizer = LineColorizer.load(bundle, resolution=48, device="auto")
    assert colorizer.colorize_with_steps(page(96, 96)).line.shape == (48, 48)
    assert colorizer.device.type in ("cpu", "cuda", "mps")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resolution": 8}, "resolution=8"),
        ({"device": "quantum"}, "quantum is not available"),
        ({"blend": "multiply"}, "blend=multiply"),
    ],
)
def test_a_device_that_is_not_there_and_impossible_options_are_refused_at_once(bundle, change, message):
    with pytest.raises(ValueError, match=message):
        LineColorizer.load(bundle, **change)


def test_a_missing_bundle_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no bundle here"):
        LineColorizer.load(tmp_path)


@pytest.mark.parametrize("damage", [b"", b"\x00" * 100, b"not weights"])
def test_damaged_weights_are_named(bundle, damage):
    (bundle / WEIGHTS).write_bytes(damage)
    with pytest.raises(ValueError, match=WEIGHTS):
        LineColorizer.load(bundle)


def test_weights_of_another_architecture_are_named(tmp_path):
    other = {**ARCHITECTURES, "draft": {**ARCHITECTURES["draft"], "levels": 3}}
    save_bundle(tmp_path, networks(), other, SMALL, "none", {})
    with pytest.raises(ValueError, match="does not hold the draft network"):
        LineColorizer.load(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 99},
        {"networks": {"draft": {"in_channels": 5, "width": 100000, "levels": 2, "blocks": 1, "cardinality": 2}}},
        {"networks": {"draft": {"in_channels": 5}}},
        {"networks": []},
        {"resolution": 10**9},
        {"hint_spread": "magic"},
        {"enforce_hints": "yes"},
        {"hint_spread": "watershed"},
        {"blend": "magic"},
        {"networks": {"draft": ARCHITECTURES["draft"] | {"cardinality": 0}}},
        {"networks": {"draft": ARCHITECTURES["draft"] | {"in_channels": 7}}},
        {"networks": {"draft": ARCHITECTURES["draft"] | {"width": 256, "levels": 9, "blocks": 64}}},
        {"networks": {"draft": ARCHITECTURES["draft"] | {"upsample": "magic"}}},
        {"networks": {"pix2pix": {"in_channels": 5, "width": 8, "levels": 3}}},
        {"networks": {"alacgan": ALACGAN}},
        {"networks": {"pix2pix": {"in_channels": 5, "width": 8, "levels": 6}, "draft": ARCHITECTURES["draft"]}},
    ],
)
def test_a_hostile_card_is_refused_before_anything_is_built(bundle, change):
    card = yaml.safe_load((bundle / CARD).read_text())
    (bundle / CARD).write_text(yaml.safe_dump(card | change))
    with pytest.raises(ValueError, match=CARD):
        LineColorizer.load(bundle)


@pytest.mark.parametrize("card", ["resolution: .inf", "resolution: '256'", "resolution: 32.7", "a: " + "[" * 5000])
def test_a_hostile_card_is_told_not_thrown(bundle, card):
    text = (bundle / CARD).read_text()
    (bundle / CARD).write_text(card if card[0] == "a" else text.replace("resolution: 32", card))
    with pytest.raises(ValueError, match=r"bundle\.yaml: (describes a bundle|is no description)"):
        LineColorizer.load(bundle)


def test_merge_keys_that_name_each_other_are_refused_at_once(bundle):
    bomb = "m0: &m0 {a: 1}\n"
    for number in range(1, 20):
        bomb += f"m{number}: &m{number} {{<<: [{', '.join([f'*m{number - 1}'] * 6)}]}}\n"
    (bundle / CARD).write_text(bomb + (bundle / CARD).read_text())
    with pytest.raises(ValueError, match="no merge keys"):
        LineColorizer.load(bundle)


def test_the_draft_alone_does_not_pay_for_the_second_network():
    made = networks()
    colorizer = LineColorizer(made, "none", SMALL)
    colorizer.draft_only = True
    made["colorizer"].forward = None  # would be called
    assert colorizer.colorize(page(40, 40)).shape == (40, 40, 3)
