import sys
import types

import pytest
import torch

from linecolor.networks.distance_features import INCEPTION_CHECKPOINT, EfficientNetLite0Features, make_feature_extractor
from linecolor.networks.features import VGG16Relu22
from tests.linecolor.networks.test_features import photograph


@pytest.fixture(scope="module")
def lite0():
    return make_feature_extractor("efficientnet-lite0")


@pytest.mark.parametrize("frozen", [EfficientNetLite0Features, VGG16Relu22])
def test_a_frozen_network_never_enters_training_mode(frozen):
    owner = torch.nn.Sequential(frozen()).train()
    assert owner.training
    assert not any(module.training for module in owner[0].modules())


def test_lite0_turns_pictures_of_any_size_into_1280_numbers(lite0):
    assert isinstance(lite0, EfficientNetLite0Features)
    assert lite0.num_features == 1280
    assert lite0.name == "efficientnet-lite0"
    for height, width in ((40, 300), (1, 1)):
        output = lite0(torch.zeros(2, 3, height, width, dtype=torch.uint8))
        assert output.shape == (2, 1280)
        assert output.dtype == torch.float32
        assert output.isfinite().all()


def test_lite0_sees_the_same_picture_in_8_bits_and_in_float(lite0):
    image = photograph("chelsea")[..., :120, :90]
    torch.testing.assert_close(lite0(image), lite0(image / 255), rtol=1e-4, atol=1e-4)


def test_lite0_input_is_scaled_as_its_batch_norm_expects(lite0):
    """The mean ImageNet colour must land near the running means that training left in that layer."""
    seen = []
    hook = lite0.network._conv_stem.register_forward_hook(lambda *args: seen.append(args[2]))
    lite0(torch.tensor([123.675, 116.28, 103.53]).view(1, 3, 1, 1).expand(1, 3, 224, 224) / 255)
    hook.remove()
    inner = seen[0][0, :, 50, 50]
    expected = lite0.network._bn0.running_mean
    assert torch.corrcoef(torch.stack([inner, expected]))[0, 1] > 0.95
    assert (inner - expected).square().mean() < 0.3 * expected.square().mean()


def test_lite0_recognises_an_espresso(lite0):
    pooled = lite0(photograph("coffee"))
    assert lite0.network._fc(pooled).argmax() == 967


def test_lite0_has_nothing_to_train(lite0):
    assert not any(parameter.requires_grad for parameter in lite0.parameters())
    assert not lite0(torch.zeros(1, 3, 8, 8, requires_grad=True)).requires_grad


def test_a_picture_in_the_wrong_range_is_refused_and_not_measured(lite0):
    with pytest.raises(ValueError, match=r"in \[0, 1\], got -1 to -1; convert \[-1, 1\] with \(x \+ 1\) / 2"):
        lite0(-torch.ones(1, 3, 8, 8))
    with pytest.raises(ValueError, match=r"\(1, 4, 8, 8\)"):
        lite0(torch.ones(1, 4, 8, 8))
    with pytest.raises(ValueError, match=r"torch\.int64"):
        lite0(torch.ones(1, 3, 8, 8, dtype=torch.int64))


@pytest.mark.parametrize("fidelity", [None, types.ModuleType("torch_fidelity")])
def test_inception_says_what_to_install_and_what_to_fetch(hub, monkeypatch, fidelity):
    monkeypatch.setitem(sys.modules, "torch_fidelity", fidelity)
    with pytest.raises((ModuleNotFoundError, FileNotFoundError)) as error:
        make_feature_extractor("inception")
    assert isinstance(error.value, ModuleNotFoundError if fidelity is None else FileNotFoundError)
    message = str(error.value)
    assert "\n" not in message
    assert ".[inception]" in message
    assert f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{INCEPTION_CHECKPOINT}" in (message)
    assert str(hub / INCEPTION_CHECKPOINT) in message


def test_unknown_extractors_name_the_choices():
    with pytest.raises(ValueError, match="'vgg' is unknown; choose 'efficientnet-lite0' or 'inception'"):
        make_feature_extractor("vgg")
    with pytest.raises(ValueError, match=r"built in; drop weights_path='w\.pth'"):
        make_feature_extractor("efficientnet-lite0", "w.pth")
