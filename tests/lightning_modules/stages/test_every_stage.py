"""What holds for every stage: its first losses, that it learns, and that it can be continued."""

import pytest
import torch

from lightning_modules.callbacks.stage_checkpoint import StageCheckpoint
from tests.lightning_modules.brief_training import assert_golden
from tests.lightning_modules.every_stage import CASES, fit, weights

pytestmark = pytest.mark.slow

EVERY = pytest.mark.parametrize("name", CASES)


@EVERY
def test_golden_losses(name, picture_folder, tmp_path):
    golden = CASES[name].golden
    record = fit(CASES[name].make(), picture_folder, tmp_path, max(max(steps) for steps in golden.values()))
    for term, expected in golden.items():
        assert_golden([line[term] for line in record], expected, term)


@EVERY
def test_its_networks_learn_and_the_frozen_ones_do_not(name, picture_folder, tmp_path):
    module = CASES[name].make()
    before = {part: weights(network) for part, network in module.trained_networks().items()}
    below = [weights(network) for network in module.frozen.values()]
    fit(module, picture_folder, tmp_path, 2)
    assert (module.steps, module.images_seen) == (2, 8)
    for part, old in before.items():
        assert any(not torch.equal(a, b) for a, b in zip(old, weights(module.trained_networks()[part]), strict=True))
    for network, old in zip(module.frozen.values(), below, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(old, weights(network), strict=True))
        assert not network.training
    assert {key.partition(".")[0] for key in module.state_dict()} == set(before), "what is frozen is in no checkpoint"


@EVERY
def test_it_continues_from_its_checkpoint_to_the_same_bits(name, picture_folder, tmp_path):
    """Dropout, masks and samples are keyed by the step; a checkpoint holds optimizers, BatchNorm and the average."""

    def checkpoint() -> StageCheckpoint:
        return StageCheckpoint(tmp_path / "checkpoints", 100, 0, {"width": 4}, tmp_path / "metrics.jsonl")

    straight, first = (CASES[name].make(ema_half_life=50) for _ in range(2))
    fit(straight, picture_folder, tmp_path / "straight", 4)
    fit(first, picture_folder, tmp_path / "first", 2, [checkpoint()])
    torch.manual_seed(99)
    second, resume = CASES[name].make(ema_half_life=50), checkpoint()
    torch.rand(17)  # whatever else has drawn meanwhile
    found = resume.find(second)
    assert (found["steps"], found["images_seen"]) == (2, 8)
    resume.restore(second)
    fit(second, picture_folder, tmp_path / "second", 4, [resume], consumed=8)
    assert second.steps == 4
    for one, other in zip(weights(straight), weights(second), strict=True):
        assert torch.equal(one, other)
