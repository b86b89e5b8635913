"""Which training stages there are, which of them make a system, and the LightningModule of each."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from linecolor.page_colorizer import COMIC

if TYPE_CHECKING:
    from torch import nn

    from lightning_modules.stage import StageSettings, TrainingStage

SYSTEMS = (("draft", "colorizer"), ("pix2pix",), ("alacgan",), COMIC)
"""The stages of each system, in the order they are trained in."""

EARLIER: dict[str, tuple[str, ...]] = {
    "colorizer": ("draft",),
    "background": ("low_resolution",),
    "polishing": ("low_resolution", "background"),
    "plain_polishing": ("low_resolution", "background"),
}
"""The stages whose networks a stage needs, frozen."""

WITH_BATCH_NORM = ("pix2pix", *COMIC)
"""Stages in which a picture's gradient depends on what else is in its part of the batch."""

NETWORKS = {
    "draft": ("draft", "discriminator"),
    "colorizer": ("colorizer",),
    "pix2pix": ("pix2pix", "discriminator"),
    "alacgan": ("alacgan", "critic"),
    **{stage: (stage,) for stage in COMIC},
}
"""What each stage builds of `conf/model`, its generator first."""


def system_of(stages: list[str]) -> tuple[str, ...]:
    """The system that these stages are the beginning of.

    Raises:
        ValueError: if there is none.
    """
    for system in SYSTEMS:
        if isinstance(stages, list) and stages and stages == list(system[: len(stages)]):
            return system
    raise ValueError(
        f"stages={stages} cannot be run: use [draft, colorizer], [draft], [pix2pix], [alacgan] or the first ones of "
        f"[{', '.join(COMIC)}]"
    )


def page_resolution(plain: dict[str, Any]) -> int:
    """The short side in pixels at which whole pages are seen: as asked for, or that of the training crops."""
    return plain["evaluation"]["resolution"] or plain["model"]["resolution"]


def build_module(
    stage: str,
    config: DictConfig,
    plain: dict[str, Any],
    earlier: dict[str, "nn.Module"],
    stepping: "StageSettings",
) -> "TrainingStage":
    """The LightningModule of a stage around new networks, and around those of earlier stages."""
    return _BUILDERS[stage](config, plain, earlier, stepping)


def _draft(config: DictConfig, plain: dict[str, Any], earlier: Any, stepping: "StageSettings") -> "TrainingStage":
    from hydra.utils import instantiate

    from lightning_modules.draft_gan import DraftGAN

    return DraftGAN(
        instantiate(config.model.draft),
        instantiate(config.model.discriminator),
        instantiate(config.model.features),
        plain["model"]["weights"],
        plain["stage"]["draft"]["content_every"],
        stepping,
    )


def _colorizer(config: DictConfig, plain: dict[str, Any], earlier: Any, stepping: "StageSettings") -> "TrainingStage":
    from hydra.utils import instantiate

    from lightning_modules.colorizer import Colorizer

    return Colorizer(instantiate(config.model.colorizer), earlier["draft"], stepping)


def _pix2pix(config: DictConfig, plain: dict[str, Any], earlier: Any, stepping: "StageSettings") -> "TrainingStage":
    from hydra.utils import instantiate

    from lightning_modules.pix2pix import Pix2Pix

    return Pix2Pix(
        instantiate(config.model.pix2pix),
        instantiate(config.model.discriminator),
        plain["model"]["weights"],
        plain["seed"],
        stepping,
    )


def _alacgan(config: DictConfig, plain: dict[str, Any], earlier: Any, stepping: "StageSettings") -> "TrainingStage":
    from hydra.utils import instantiate

    from lightning_modules.alacgan import AlacGAN

    return AlacGAN(
        instantiate(config.model.alacgan),
        instantiate(config.model.critic),
        instantiate(config.model.features),
        plain["model"]["weights"],
        plain["model"]["penalty_over"],
        plain["seed"],
        stepping,
    )


def _low_resolution(
    config: DictConfig, plain: dict[str, Any], earlier: Any, stepping: "StageSettings"
) -> "TrainingStage":
    from hydra.utils import instantiate

    from lightning_modules.low_resolution import LowResolutionColorizer

    return LowResolutionColorizer(instantiate(config.model.low_resolution), stepping)


def _background(config: DictConfig, plain: dict[str, Any], earlier: Any, stepping: "StageSettings") -> "TrainingStage":
    from hydra.utils import instantiate

    from lightning_modules.background_detector import BackgroundDetector

    return BackgroundDetector(
        instantiate(config.model.background),
        earlier["low_resolution"],
        plain["stage"]["background"]["temperature"],
        plain["seed"],
        stepping,
    )


def _polishing(
    stage: str, config: DictConfig, plain: dict[str, Any], earlier: Any, stepping: "StageSettings"
) -> "TrainingStage":
    from hydra.utils import instantiate

    from lightning_modules.polishing import Polishing

    network, ink = instantiate(config.model[stage]), plain["stage"][stage]["ink"]
    return Polishing(network, stage, earlier["low_resolution"], earlier["background"], ink, plain["seed"], stepping)


_BUILDERS: dict[str, Callable[[DictConfig, dict[str, Any], Any, "StageSettings"], "TrainingStage"]] = {
    "draft": _draft,
    "colorizer": _colorizer,
    "pix2pix": _pix2pix,
    "alacgan": _alacgan,
    "low_resolution": _low_resolution,
    "background": _background,
    "polishing": partial(_polishing, "polishing"),
    "plain_polishing": partial(_polishing, "plain_polishing"),
}
