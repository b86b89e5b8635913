"""The sections of a run's configuration as typed objects, each with its checks. What a setting means, conf/ says."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from linecolor.rendering.options import MAX_RESOLUTION, RenderingOptions

if TYPE_CHECKING:
    from linecolor.networks.distance_features import ExtractorName

MOST_HINTS = 999


@dataclass(frozen=True)
class DataConfig:
    """conf/data: which pictures there are."""

    root: str
    more: Sequence[str]
    lines: str | None
    manifest: str | None
    test_share: float
    verify: str
    workers: int
    overfit: int

    def __post_init__(self) -> None:
        if not isinstance(self.root, str):
            raise ValueError(f"data.root={self.root} is no folder: give the folder of your pictures")
        for name in ("workers", "overfit"):
            check_whole_number(f"data.{name}", getattr(self, name), 0)
        if type(self.test_share) not in (int, float) or not 0 <= self.test_share <= 1:
            raise ValueError(f"data.test_share={self.test_share} must be a number from 0 to 1")

    @property
    def roots(self) -> tuple[str, ...]:
        """All data sets."""
        return (self.root, *self.more)


@dataclass(frozen=True)
class ModelConfig:
    """conf/model: the networks, for training crops of `resolution` x `resolution` pixels; `settings` is all of it."""

    resolution: int
    hint_spread: str
    settings: Mapping[str, Any]

    def __post_init__(self) -> None:
        check_whole_number("model.resolution", self.resolution, 32)

    @property
    def networks(self) -> dict[str, Mapping[str, Any]]:
        """What has a `_target_`: the networks as conf/model describes them, by name."""
        return {name: of for name, of in self.settings.items() if isinstance(of, Mapping) and "_target_" in of}

    def architecture(self, network: str) -> dict[str, Any]:
        """The constructor arguments of a network."""
        return {key: value for key, value in self.settings[network].items() if key != "_target_"}


@dataclass(frozen=True)
class StageConfig:
    """conf/stage: how a stage is trained; `settings` is all of it.

    `batch_size` is the images of a step, of all devices together; `validation_drawings` of 0 validates never.
    """

    name: str
    steps: int
    batch_size: int
    micro_batches: int
    log_every_n_steps: int
    val_every_n_steps: int
    validation_drawings: int
    checkpoint_every: int
    checkpoint_minutes: float
    settings: Mapping[str, Any]

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.type is int:
                least = 0 if field.name == "validation_drawings" else 1
                check_whole_number(self.option(field.name), getattr(self, field.name), least)
        if type(self.checkpoint_minutes) not in (int, float) or not self.checkpoint_minutes >= 0:
            option = f"{self.option('checkpoint_minutes')}={self.checkpoint_minutes}"
            raise ValueError(f"{option} must be a number of minutes, or 0 for none")
        if self.batch_size % self.micro_batches:
            raise ValueError(
                f"{self.option('micro_batches')}={self.micro_batches} does not divide "
                f"{self.option('batch_size')}={self.batch_size}"
            )

    @classmethod
    def from_mapping(cls, name: str, settings: Mapping[str, Any]) -> "StageConfig":
        """From one stage of conf/stage; a missing or a wrong value is refused by a ValueError that names it."""
        own = own_values(cls, {key: value for key, value in settings.items() if key != "name"})
        missing = [field.name for field in fields(cls) if field.name not in (*own, "name", "settings")]
        if missing:
            raise ValueError(f"stage.{name}.{missing[0]} is missing: choose a stage=... that has the stage {name}")
        return cls(name, **own, settings=settings)

    @property
    def content_loss_interval(self) -> int:
        """Steps between two with the content loss; 1 for a stage without a say in it."""
        return self.settings.get("content_loss_interval", 1)

    @property
    def module(self) -> dict[str, Any]:
        """What describes the LightningModule: the settings without those of its data and its checkpoints."""
        others = ("batch_size", "validation_drawings", "checkpoint_every", "checkpoint_minutes")
        return {key: value for key, value in self.settings.items() if key not in others}

    def changed(self, **values: Any) -> "StageConfig":
        """The same with other numbers."""
        return replace(self, **values, settings={**self.settings, **values})

    def option(self, name: str) -> str:
        """What a setting is called on the command line."""
        return f"stage.{self.name}.{name}"

    def share_of_device(self, world_size: int) -> int:
        """Images of a step on one of the devices.

        Raises:
            ValueError: if they cannot be shared out.
        """
        each = world_size * self.micro_batches
        if self.batch_size % each:
            below, above = self.batch_size // each * each, -(-self.batch_size // each) * each
            raise ValueError(
                f"{self.option('batch_size')}={self.batch_size} is of all devices together and cannot be shared by "
                f"{world_size} devices in {self.micro_batches} micro-batches each: use "
                f"{f'{below} or ' if below else ''}{above}, or another {self.option('micro_batches')}"
            )
        return self.batch_size // world_size


@dataclass(frozen=True)
class EvaluationConfig:
    """The section `evaluation` of conf/train.yaml: what is measured on held-out drawings, `rendering` by how."""

    enabled: bool
    drawings: int
    hints: Sequence[int]
    features: "ExtractorName"
    rendering: RenderingOptions
    sheet: int
    must_reach_psnr: float

    def __post_init__(self) -> None:
        from linecolor.networks.distance_features import ExtractorName

        check_whole_number("evaluation.drawings", self.drawings, 1)
        check_whole_number("evaluation.sheet", self.sheet, 0)
        check_hints(self.hints)
        if self.features not in get_args(ExtractorName):
            known = " or ".join(get_args(ExtractorName))
            raise ValueError(f"evaluation.features={self.features} is unknown: use {known}")

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], resolution: int = MAX_RESOLUTION) -> "EvaluationConfig":
        """From the section; `resolution`, of the training crops, is where pages are seen if the section names none."""
        try:
            rendering = RenderingOptions.from_mapping(mapping, resolution)
        except ValueError as error:
            raise ValueError(f"evaluation.{error}") from None
        return cls(rendering=rendering, **own_values(cls, mapping))


def check_hints(hints: Any) -> None:
    """Refuse numbers of hints that are none, by a ValueError that names the value."""
    if not isinstance(hints, list) or not hints or not all(type(n) is int and 0 <= n <= MOST_HINTS for n in hints):
        raise ValueError(f"evaluation.hints={hints} must be a list of numbers from 0 to {MOST_HINTS}, such as [0,8,32]")


@dataclass(frozen=True)
class PreflightConfig:
    """conf/preflight: the card that the run should fit, in gigabytes, and a file for the figures, if any."""

    memory_gb: float
    json: Path | None

    def __post_init__(self) -> None:
        if type(self.memory_gb) not in (int, float) or not 0 < self.memory_gb < math.inf:
            raise ValueError(f"preflight.memory_gb={self.memory_gb} must be the gigabytes of a card, such as 11")
        if self.json is not None and (self.json.suffix != ".json" or self.json.is_dir()):
            raise ValueError(f"preflight.json={self.json} must be a file whose name ends in .json")

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "PreflightConfig | None":
        """From conf/preflight; None where a run is to be trained."""
        if not mapping["enabled"]:
            return None
        file = mapping["json"]
        return cls(mapping["memory_gb"], None if file is None else Path(str(file)).expanduser())


def check_whole_number(option: str, value: Any, least: int) -> None:
    """Refuse what is no whole number, or a smaller one, by a ValueError that names the option and its value."""
    if type(value) is not int or value < least:
        raise ValueError(f"{option}={value} must be a whole number, {least} or more")


def own_values(cls: Any, mapping: Mapping[str, Any]) -> dict[str, Any]:
    """What a mapping has of a dataclass's fields."""
    return {field.name: mapping[field.name] for field in fields(cls) if field.name in mapping}
