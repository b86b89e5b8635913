"""Every stage, small, with the data it learns from and its first losses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import lightning as L
import torch
from torch import nn

from datamodules.datamodule import LineArtDataModule
from datamodules.pair_settings import (
    ArtifactSettings,
    ColorSettings,
    CropSettings,
    HintSettings,
    LineSettings,
    PairSettings,
)
from datamodules.sources.folder import scan_folder
from lightning_modules.stages.alacgan import AlacGAN
from lightning_modules.stages.background_detector import BackgroundDetector
from lightning_modules.stages.colorizer import Colorizer
from lightning_modules.stages.draft import DraftGAN
from lightning_modules.stages.low_resolution import LowResolutionColorizer
from lightning_modules.stages.pix2pix import Pix2Pix
from lightning_modules.stages.polishing import Polishing
from lightning_modules.stages.training_stage import TrainingStage
from linecolor.networks import comic, low_resolution
from linecolor.networks.alacgan import AlacCritic, AlacGenerator
from linecolor.networks.discriminator import Discriminator
from linecolor.networks.features import VGG16Relu22
from linecolor.networks.pix2pix import PatchDiscriminator, Pix2PixUNet
from linecolor.networks.unet import ResNeXtUNet
from linecolor.runs.record import read_record
from tests.lightning_modules.brief_training import trainer_for

# Written out, so that tuning conf/pairs does not change the golden losses below.
RICH = PairSettings(
    CropSettings("log_uniform", 0.0, 0.0, flip_prob=0.5, rotate_prob=0.5, rotation=8.0, zoom=0.1),
    ColorSettings(
        recolor=0.5, palette_swap=0.0, hue=0.5, saturation=0.4, gamma=0.25, background=0.5, background_areas=1
    ),
    LineSettings(
        {"xdog": 0.5, "dilate": 0.5, "real": 3.0}, {"sigmas": [0.3, 0.4, 0.5], "kernels": [4, 5]}, jitter=[0.7, 1.0]
    ),
    HintSettings(0.3, "log_uniform", least=1, most=96, strokes=0.3, sides=[1, 2, 3]),
    ArtifactSettings(paste=0.3, distort=0.3, spray=0.4, bleed=0.4),
)
# Nothing is random but the place of the crop, its mirroring and the hints.
PLAIN = PairSettings(
    CropSettings("whole", 0.0, 0.0, flip_prob=0.5, rotate_prob=0.0, rotation=0.0, zoom=0.0),
    ColorSettings(
        recolor=0.0, palette_swap=0.0, hue=0.0, saturation=0.0, gamma=0.0, background=0.0, background_areas=1
    ),
    LineSettings({"xdog": 1.0, "dilate": 1.0}, {"sigmas": [0.4], "kernels": [4]}),
    HintSettings(0.5, "alac", least=1, most=64, strokes=0.0, sides=[2]),
    ArtifactSettings(paste=0.0, distort=0.0, spray=0.0, bleed=0.0),
)
OUTLINES = replace(
    PLAIN,
    line=LineSettings({"outline": 1.0}, PLAIN.line.parameters),
    hints=replace(PLAIN.hints, no_hint_prob=1.0, most=4),
)
STEPPING = {"optimizer": partial(torch.optim.Adam, lr=1e-3, betas=(0.5, 0.9)), "log_every_n_steps": 1, "steps": 10**6}


def unet(channels: int = 5) -> ResNeXtUNet:
    torch.manual_seed(1)
    return ResNeXtUNet(channels, 8, 2, 1, 2)


def draft_gan(**changes) -> DraftGAN:
    torch.manual_seed(2)
    return DraftGAN(unet(), Discriminator(16, 4), VGG16Relu22(), **STEPPING | changes)


def colorizer(**changes) -> Colorizer:
    return Colorizer(unet(), unet(4), **STEPPING | changes)


def pix2pix(**changes) -> Pix2Pix:
    torch.manual_seed(0)
    weights = {"adversarial": 1.0, "reconstruction": 100.0}
    return Pix2Pix(Pix2PixUNet(5, 4, 6), PatchDiscriminator(4), weights, seed=7, **STEPPING | changes)


def alacgan(local_features: str = "none", **changes) -> AlacGAN:
    torch.manual_seed(0)
    generator, critic = AlacGenerator(8, 1, 2, local_features), AlacCritic(64, 4, 2, local_features)
    weights = {"adversarial": 1e-4, "content": 1.0, "penalty": 10.0, "drift": 1e-3}
    return AlacGAN(generator, critic, VGG16Relu22(), weights, seed=7, **STEPPING | changes)


def cells() -> nn.Module:
    torch.manual_seed(0)
    return low_resolution.LowResolutionColorizer(14, 4, 8, 2, 3, 3, "rgb", 4)


def colors(**changes) -> LowResolutionColorizer:
    return LowResolutionColorizer(cells(), **STEPPING | changes)


def detector(**changes) -> BackgroundDetector:
    below = cells()
    return BackgroundDetector(comic.BackgroundDetector(4, 4, True), below, seed=7, **STEPPING | changes)


def polishing(name: str = "polishing", **changes) -> Polishing:
    below = cells(), comic.BackgroundDetector(4, 4, True)
    network = comic.PolishingNetwork(4, 4, True, name == "polishing")
    return Polishing(network, *below, name=name, seed=7, **STEPPING | changes)


@dataclass(frozen=True)
class Case:
    """A stage in the tests.

    Attributes:
        make: with other settings than `STEPPING`, the stage.
        pairs: what it learns from, `real_lines` or not, as crops of `side` pixels, keyed by the name `data`.
        golden: losses by name and step. A change here is a change of what training does: say why in the commit that
            renews them.
    """

    make: Callable[..., TrainingStage]
    pairs: PairSettings
    data: str
    golden: dict[str, dict[int, float]]
    side: int = 64
    real_lines: bool = True


CASES = {
    "draft": Case(
        draft_gan,
        RICH,
        "draft",
        {
            "reconstruction": {1: 0.7684, 2: 0.73074, 10: 0.80822, 20: 0.68386},
            "adversarial": {1: 0.65368, 2: 0.65978, 10: 0.66758, 20: 0.52912},
            "content": {1: 7.72431, 2: 9.1767, 10: 6.22022, 20: 6.51224},
            "discriminator_loss": {1: 1.39143, 2: 1.36138, 10: 1.31619, 20: 1.31929},
        },
        side=32,
    ),
    "colorizer": Case(
        colorizer, RICH, "colorizer", {"reconstruction": {1: 0.67442, 2: 0.67725, 10: 0.50919, 20: 0.38742}}, side=32
    ),
    "pix2pix": Case(
        pix2pix,
        PLAIN,
        "pix2pix",
        {
            "discriminator_loss": {1: 1.40044, 6: 1.22972},
            "adversarial": {1: 0.709, 6: 0.89219},
            "reconstruction": {1: 0.84956, 6: 0.85193},
        },
    ),
    "alacgan": Case(
        alacgan,
        PLAIN,
        "pix2pix",
        {
            "critic_loss": {1: -0.00284, 6: -0.22024},
            "gradient_penalty": {1: 9.99993, 6: 9.99907},
            "content": {1: 5.14309, 6: 4.41082},
        },
    ),
    "low_resolution": Case(colors, OUTLINES, "comic", {"bits": {1: 6.59706, 4: 6.02203}}, real_lines=False),
    "background": Case(detector, OUTLINES, "comic", {"reconstruction": {1: 0.66839, 4: 0.68316}}, real_lines=False),
    "polishing": Case(polishing, OUTLINES, "comic", {"reconstruction": {1: 0.8518, 4: 0.83744}}, real_lines=False),
}


def fit(
    module: TrainingStage,
    pictures: Path,
    out: Path,
    steps: int,
    callbacks: Sequence[L.Callback] = (),
    consumed: int = 0,
    validation_drawings: int = 0,
) -> list[dict]:
    """Train with batches of four; returns the record."""
    case = CASES[module.name.removeprefix("plain_")]
    lines = pictures / "line" if case.real_lines else None
    share = 0.3 if validation_drawings else 0.0
    drawings = scan_folder(pictures / "color", lines, test_share=share, progress=False).drawings
    data = LineArtDataModule(
        drawings, case.pairs, case.side, "none", case.data, 4, steps, validation_drawings=validation_drawings
    )
    data.consumed = consumed
    trainer_for(out, callbacks, 1.0 if validation_drawings else 0).fit(module, datamodule=data)
    return read_record(out / "metrics.jsonl")


def weights(module: nn.Module) -> list[torch.Tensor]:
    return [tensor.detach().clone() for tensor in module.state_dict().values()]
