"""The stages of the comic colorizer: what they sample, what they mask, and that a collapse has a name."""

import pytest
import torch

from lightning_modules.callbacks.health import Health, NetworkDied
from lightning_modules.stages.training_stage import seed_step
from tests.lightning_modules.every_stage import colors, detector, fit, polishing

pytestmark = pytest.mark.slow


def test_the_detector_learns_from_another_sample_at_every_step(picture_folder, tmp_path):
    module, seen = detector(), []
    line, sampled = torch.ones(1, 1, 32, 32), module.sampled
    module.sampled = lambda lines: seen.append(sampled(line)) or sampled(lines)
    fit(module, picture_folder, tmp_path, 2)
    seed_step(7, "background", 1, 0)
    assert seen[0].shape == (1, 3, 32, 32)
    assert not torch.equal(seen[0], seen[1])
    assert torch.equal(seen[1], sampled(line))  # and the same again at the same step


def test_both_polishing_networks_see_the_same_masks(picture_folder, tmp_path):
    seen: dict[str, list[torch.Tensor]] = {"polishing": [], "plain_polishing": []}
    for name, inputs in seen.items():
        module = polishing(name)
        prepared = module.prepared

        def keep(batch, inputs=inputs, prepared=prepared):
            inputs.append(prepared(batch))
            return inputs[-1]

        module.prepared = keep
        fit(module, picture_folder, tmp_path / name, 2)
        assert list(module.inference_networks) == ["low_resolution", "background", name]
    for one, other in zip(*seen.values(), strict=True):
        assert torch.equal(one[:, 6:7], other[:, 6:7])
        assert 0 < one[:, 6:7].mean() < 1


@pytest.mark.parametrize(("bias", "name"), [(9.0, "all foreground"), (-9.0, "all background")])
def test_a_collapse_of_the_detector_has_a_name(bias, name, picture_folder, tmp_path):
    module = detector()
    with torch.no_grad():
        module.generator.up[0][1].bias.fill_(bias)
    with pytest.raises(NetworkDied, match=name):
        fit(module, picture_folder, tmp_path, 10, [Health(window=3)])
    assert module.steps == 3


def test_a_healthy_detector_is_left_alone(picture_folder, tmp_path):
    fit(detector(), picture_folder, tmp_path, 5, [Health(window=3)])
    fit(colors(), picture_folder, tmp_path / "colors", 5, [Health(window=3)])
