"""Which training stages there are, which of them make a system, and the LightningModule of each."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

if TYPE_CHECKING:
    from torch import nn

    from lightning_modules.stages.training_stage import StageSettings, TrainingStage


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

    from lightning_modules.stages.draft import DraftGAN

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

    from lightning_modules.stages.colorizer import Colorizer

    return Colorizer(instantiate(config.model.colorizer), earlier["draft"], stepping)


def _pix2pix(config: DictConfig, plain: dict[str, Any], earlier: Any, stepping: "StageSettings") -> "TrainingStage":
    from hydra.utils import instantiate

    from lightning_modules.stages.pix2pix import Pix2Pix

    return Pix2Pix(
        instantiate(config.model.pix2pix),
        instantiate(config.model.discriminator),
        plain["model"]["weights"],
        plain["seed"],
        stepping,
    )


def _alacgan(config: DictConfig, plain: dict[str, Any], earlier: Any, stepping: "StageSettings") -> "TrainingStage":
    from hydra.utils import instantiate

    from lightning_modules.stages.alacgan import AlacGAN

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

    from lightning_modules.stages.low_resolution import LowResolutionColorizer

    return LowResolutionColorizer(instantiate(config.model.low_resolution), stepping)


def _background(config: DictConfig, plain: dict[str, Any], earlier: Any, stepping: "StageSettings") -> "TrainingStage":
    from hydra.utils import instantiate

    from lightning_modules.stages.background_detector import BackgroundDetector

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

    from lightning_modules.stages.polishing import Polishing

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
