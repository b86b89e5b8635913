"""Which training stages there are, and which of them make a system."""

from linecolor.systems.names import COMIC

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
