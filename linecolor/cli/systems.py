"""Which training stages there are, which of them make a system, and the LightningModule of each."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

if TYPE_CHECKING:
    from torch import nn

    from lightning_modules.stage import StageSettings, TrainingStage

SYSTEMS = (("draft", "colorizer"), ("pix2pix",), ("alacgan",))
"""The stages of each system, in the order they are trained in."""

NETWORKS = {
    "draft": ("draft", "discriminator"),
    "colorizer": ("colorizer",),
    "pix2pix": ("pix2pix", "discriminator"),
    "alacgan": ("alacgan", "critic"),
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
    raise ValueError(f"stages={stages} cannot be run: use [draft, colorizer], [draft], [pix2pix] or [alacgan]")


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


_BUILDERS: dict[str, Callable[[DictConfig, dict[str, Any], Any, "StageSettings"], "TrainingStage"]] = {
    "draft": _draft,
    "colorizer": _colorizer,
    "pix2pix": _pix2pix,
    "alacgan": _alacgan,
}
