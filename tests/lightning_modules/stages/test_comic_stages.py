"""The stages of the comic colorizer: what a step computes, that it can be repeated, and that a collapse has a name."""

from pathlib import Path

import pytest
import torch
from torch import nn

from datamodules.sources.folder import scan_folder
from lightning_modules.callbacks.health import Health, NetworkDied
from lightning_modules.stages.background_detector import BackgroundDetector
from lightning_modules.stages.low_resolution import LowResolutionColorizer
from lightning_modules.stages.polishing import Polishing
from lightning_modules.stages.seeding import seed_step
from linecolor.networks import comic, low_resolution
from tests.lightning_modules.brief_training import (
    PAIRS,
    SIDE,
    STEPPING,
    assert_continues,
    assert_golden,
    train,
    weights,
)

OUTLINES = PAIRS | {
    "line": PAIRS["line"] | {"xdog": 0.0, "dilate": 0.0, "outline": 1.0},
    "hints": PAIRS["hints"] | {"no_hint_prob": 1.0, "most": 4},
}


def cells(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return low_resolution.LowResolutionColorizer(14, 4, 8, 2, 3, 3, "rgb", 4)


def colors(**changes) -> LowResolutionColorizer:
    return LowResolutionColorizer(cells(), **STEPPING | changes)


def detector(**changes) -> BackgroundDetector:
    below = cells()
    return BackgroundDetector(comic.BackgroundDetector(4, 4, True), below, seed=7, **STEPPING | changes)


def polishing(background: bool = True, **changes) -> Polishing:
    below = cells(), comic.BackgroundDetector(4, 4, True)
    network = comic.PolishingNetwork(4, 4, True, background)
    name = "polishing" if background else "plain_polishing"
    return Polishing(network, *below, name=name, seed=7, **STEPPING | changes)


ALL = pytest.mark.parametrize("make", [colors, detector, polishing], ids=["colors", "detector", "polishing"])


def fit(module, folder: Path, *rest, **more) -> list[dict]:
    drawings = scan_folder(folder / "color", test_share=0.0, progress=False).drawings
    return train(module, drawings, OUTLINES, "comic", *rest, **more)


# The first and the fourth step. A change here is a change of what training does: say why when they are renewed.
GOLDEN: dict[str, dict[str, tuple[float, float]]] = {
    "colors": {"bits": (6.59706, 6.02203)},
    "detector": {"reconstruction": (0.66839, 0.68316)},
    "polishing": {"reconstruction": (0.8518, 0.83744)},
}


@ALL
def test_golden_losses(make, picture_folder, tmp_path):
    record = fit(make(), picture_folder, tmp_path, 4)
    for name, golden in GOLDEN[make.__name__].items():
        assert_golden([line[name] for line in record], dict(zip((1, 4), golden, strict=True)), name)


@ALL
def test_the_network_learns_and_those_before_it_do_not(make, picture_folder, tmp_path):
    module = make()
    frozen = module.frozen.values()
    before, below = weights(module.generator), [weights(network) for network in frozen]
    fit(module, picture_folder, tmp_path, 2)
    assert (module.steps, module.images_seen) == (2, 8)
    assert any(not torch.equal(a, b) for a, b in zip(before, weights(module.generator), strict=True))
    for network, old in zip(frozen, below, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(old, weights(network), strict=True))
    assert not any(key.startswith("_") for key in module.state_dict())


@ALL
def test_a_stopped_stage_continues_as_if_it_had_not(make, picture_folder, tmp_path):
    """Samples, masks and dropout are keyed by the step, and a checkpoint holds BatchNorm's averages."""
    assert_continues(make, fit, picture_folder, tmp_path)


def test_the_detector_learns_from_another_sample_at_every_step(picture_folder, tmp_path):
    module, seen = detector(), []
    line, sampled = torch.ones(1, 1, SIDE // 2, SIDE // 2), module.sampled
    module.sampled = lambda lines: seen.append(sampled(line)) or sampled(lines)
    fit(module, picture_folder, tmp_path, 2)
    seed_step(7, "background", 1, 0)
    assert seen[0].shape == (1, 3, SIDE // 2, SIDE // 2)
    assert not torch.equal(seen[0], seen[1])
    assert torch.equal(seen[1], sampled(line))  # and the same again at the same step


def test_both_polishing_networks_see_the_same_masks(picture_folder, tmp_path):
    seen: dict[bool, list[torch.Tensor]] = {True: [], False: []}
    for background in (True, False):
        module = polishing(background)
        prepared = module.prepared

        def keep(batch, background=background, prepared=prepared):
            seen[background].append(prepared(batch))
            return seen[background][-1]

        module.prepared = keep
        fit(module, picture_folder, tmp_path / str(background), 2)
    for one, other in zip(seen[True], seen[False], strict=True):
        assert torch.equal(one[:, 6:7], other[:, 6:7])
        assert 0 < one[:, 6:7].mean() < 1


def health(window: int = 3) -> Health:
    return Health(window, 0.98, 1e-6, 1e-4, 0.5, 0.02)


@pytest.mark.parametrize(("bias", "name"), [(9.0, "all foreground"), (-9.0, "all background")])
def test_a_collapse_of_the_detector_has_a_name(bias, name, picture_folder, tmp_path):
    module = detector()
    with torch.no_grad():
        module.generator.up[0][1].bias.fill_(bias)
    with pytest.raises(NetworkDied, match=name):
        fit(module, picture_folder, tmp_path, 10, [health()])
    assert module.steps == 3


def test_a_healthy_detector_is_left_alone(picture_folder, tmp_path):
    fit(detector(), picture_folder, tmp_path, 5, [health()])
    fit(colors(), picture_folder, tmp_path / "colors", 5, [health()])
