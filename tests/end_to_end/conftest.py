"""A bundle of small random networks, and a tier: whatever starts whole programs is slow."""

from pathlib import Path

import pytest
import torch

from linecolor.networks.unet import ResNeXtUNet
from linecolor.rendering.options import RenderingOptions
from linecolor.systems.bundle import save_bundle

SMALL = RenderingOptions(resolution=32)
ARCHITECTURES = {
    "draft": {"in_channels": 9, "width": 4, "levels": 2, "blocks": 1, "cardinality": 2, "residual": False},
    "colorizer": {"in_channels": 4, "width": 4, "levels": 2, "blocks": 1, "cardinality": 2, "residual": True},
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder, and put it first: what takes longest must not be what is begun last."""
    ours = [item for item in items if item.path.is_relative_to(Path(__file__).parent)]
    for item in ours:
        item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item not in ours)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    networks = {name: ResNeXtUNet(**architecture) for name, architecture in ARCHITECTURES.items()}
    return save_bundle(tmp_path_factory.mktemp("bundle"), networks, ARCHITECTURES, SMALL, "reach", {"run": "test"})
