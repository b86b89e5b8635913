"""The systems that can be trained and used: which stages each has, and where its networks and its pipeline are found.

A package of one's own adds a system by an entry point of the group `linecolor.systems` that names a `System`. Entry
points are looked up when a stage is not one of ours, and not before. Imports no torch.
"""

import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from typing import Any

ENTRY_POINTS = "linecolor.systems"
"""The group of the entry points by which other packages register their systems."""


@dataclass(frozen=True)
class Stage:
    """A training stage and the network it leaves.

    Attributes:
        name: of the stage, and of its network in conf/model, in a run and in a bundle; a Python identifier.
        generator: class of that network, such as "linecolor.networks.unet.ResNeXtUNet"; imported when needed.
        needs: earlier stages whose networks it trains with, frozen.
        batch_norm: whether the gradient of a picture depends on the other pictures of its micro-batch.
        least: whole-number arguments of the network and the least each may be.
    """

    name: str
    generator: str
    needs: tuple[str, ...] = ()
    batch_norm: bool = False
    least: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(f"a stage cannot be called {self.name!r}: use letters, digits and _")

    def generator_class(self) -> type[Any]:
        """The class of the network, an `nn.Module`.

        Raises:
            ValueError: if there is none by that path.
        """
        return _imported(self.generator)


@dataclass(frozen=True)
class System:
    """Networks that colour a page together, by the stages that train them.

    Attributes:
        name: in messages and documentation.
        stages: in the order they are trained in. The first ones alone colour as far as they go.
        pipeline: class that runs the networks, a `pipelines.Pipeline`; imported when needed.
        takes_hints: whether the networks read hints.
        drafts: whether the first network drafts at half the resolution, from line, hints and propagated hints.
        samples: whether the networks sample their colours, so that a page has candidates.
    """

    name: str
    stages: tuple[Stage, ...]
    pipeline: str = "linecolor.systems.pipelines.OneGenerator"
    takes_hints: bool = True
    drafts: bool = False
    samples: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its stages."""
        return tuple(stage.name for stage in self.stages)

    def pipeline_class(self) -> type[Any]:
        """The class that runs the networks, a `pipelines.Pipeline`.

        Raises:
            ValueError: if there is none by that path.
        """
        return _imported(self.pipeline)


_RESNEXT_UNET, _POLISHING = "linecolor.networks.unet.ResNeXtUNet", "linecolor.networks.comic.PolishingNetwork"
_OF_RESNEXT_UNET = {"width": 1, "levels": 1, "blocks": 0, "cardinality": 1}
_OF_UNET_256 = {"width": 1, "levels": 4}
_OF_PIXELCNN = {"depth": 1, "width": 1, "features": 1, "layers": 1, "kernel": 3, "mixtures": 1, "grid": 1}


_OURS = (
    System(
        "draft and colorizer",
        (
            Stage("draft", _RESNEXT_UNET, least=_OF_RESNEXT_UNET),
            Stage("colorizer", _RESNEXT_UNET, ("draft",), least=_OF_RESNEXT_UNET),
        ),
        "linecolor.systems.pipelines.DraftAndColorizer",
        drafts=True,
    ),
    System("pix2pix", (Stage("pix2pix", "linecolor.networks.pix2pix.Pix2PixUNet", (), True, _OF_UNET_256),)),
    System(
        "alacgan",
        (
            Stage(
                "alacgan",
                "linecolor.networks.alacgan.AlacGenerator",
                least={"width": 2, "deep_blocks": 0, "cardinality": 1},
            ),
        ),
        "linecolor.systems.pipelines.AlacGAN",
    ),
    System(
        "comic",
        (
            Stage("low_resolution", "linecolor.networks.low_resolution.LowResolutionColorizer", (), True, _OF_PIXELCNN),
            Stage("background", "linecolor.networks.comic.BackgroundDetector", ("low_resolution",), True, _OF_UNET_256),
            Stage("polishing", _POLISHING, ("low_resolution", "background"), True, _OF_UNET_256),
            # The same without the background's channels: what the detector is worth is measured against it.
            Stage("plain_polishing", _POLISHING, ("low_resolution", "background"), True, _OF_UNET_256),
        ),
        "linecolor.systems.comic.ComicColorizer",
        takes_hints=False,
        samples=True,
    ),
)
SYSTEMS = {system.name: system for system in _OURS}
"""Ours, by their names."""


def systems() -> dict[str, System]:
    """Every system by its name: ours, then those of installed packages that can be used."""
    return SYSTEMS | _installed()[0]


def packages() -> set[str]:
    """The names of other packages that register systems; none of them is imported."""
    return {entry.module.partition(".")[0] for entry in entry_points(group=ENTRY_POINTS)}


def system_of(stages: Sequence[str]) -> System:
    """The system that these stages are the first ones of.

    Raises:
        ValueError: if there is none; the message says which there are, and which packages cannot be used.
    """
    wanted = tuple(stages) if isinstance(stages, (list, tuple)) else ()
    for system in _one_after_the_other():
        if wanted and wanted == system.names[: len(wanted)]:
            return system
    known = ", ".join(f"[{', '.join(system.names)}]" for system in systems().values())
    names = f"[{', '.join(map(str, wanted))}]" if wanted else repr(stages)
    raise ValueError(f"no system has stages={names}: use {known}, or the first ones of them{_unusable()}")


def system_with(networks: Iterable[str]) -> System:
    """The system that has all of these stages' networks, whether or not others before them are missing.

    Raises:
        ValueError: if there is none.
    """
    wanted = set(networks)
    for system in _one_after_the_other():
        if wanted and wanted <= set(system.names):
            return system
    raise ValueError(f"no system has the networks {', '.join(sorted(wanted)) or '(none)'} together{_unusable()}")


def stage_of(name: str) -> Stage:
    """A stage by its name.

    Raises:
        ValueError: if there is none.
    """
    return next(stage for stage in system_with([name]).stages if stage.name == name)


def _one_after_the_other() -> Iterable[System]:
    """Ours first: those of other packages are looked up only when no system of ours will do."""
    yield from SYSTEMS.values()
    yield from _installed()[0].values()


@cache
def _installed() -> tuple[dict[str, System], list[str]]:
    """The systems of other packages by their names, and what is wrong with those that cannot be used."""
    found: dict[str, System] = {}
    unusable = []
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: (entry.name, entry.value)):
        try:
            system = entry.load()
            if not isinstance(system, System):
                raise ValueError(f"is a {type(system).__name__}, not a linecolor.systems.registry.System")
            _check_names(system, [*SYSTEMS.values(), *found.values()])
        except Exception as error:  # whatever a package of somebody else raises while it is imported
            package = f" of the package {entry.dist.name}" if entry.dist else ""
            unusable.append(f"{entry.name} = {entry.value}{package} ({type(error).__name__}: {error})")
        else:
            found[system.name] = system
    return found, unusable


def _check_names(system: System, others: Iterable[System]) -> None:
    """Refuse a name that is taken: a run and a bundle know a network by the name of its stage alone."""
    for other in others:
        if system.name == other.name:
            raise ValueError(f"there is a system {system.name} already")
        for stage in system.stages:
            if stage.name in other.names and stage not in other.stages:
                raise ValueError(f"the system {other.name} has a stage {stage.name} already; give yours another name")


def _unusable() -> str:
    """What to add to a message where a system was not found."""
    unusable = _installed()[1]
    return f"; an entry point of {ENTRY_POINTS} cannot be used: {'; '.join(unusable)}" if unusable else ""


def _imported(path: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"{path} cannot be imported ({type(error).__name__}: {error})") from error
