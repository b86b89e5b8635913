"""The result of colouring a page, and the output of the networks for a window of it. NumPy only."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from linecolor.arrays import Picture
from linecolor.rendering.blending import BlendGuide

Array = TypeVar("Array")


@dataclass
class ColorizationResult:
    """A coloured picture and what led to it.

    Attributes:
        full: (H, W, 3) uint8 RGB at the line's own size.
        colorized: (h, w, 3) uint8, as the last network left it, or with hints enforced, at network size.
        draft: (h/2, w/2, 3) uint8, the first of two stages; None of a system that has one.
        line: (h, w) uint8, the reduced line the networks saw.
        hint: (h/2, w/2, 4) uint8 RGBA, the hints on the draft's grid.
        ink: (H, W) or (H, W, 3) uint8, the line as it lies over the colour.
        extras: what else there is to see, by title: (h, w) or (h, w, 3) uint8 at network size, or at the line's where
            it is a result itself (`PageColorizer.variants`).
        guide: what else of the page a blend must know.
        notes: what was done to the page, or is odd about it, for people.
    """

    full: Picture
    colorized: Picture
    draft: Picture | None
    line: Picture
    hint: Picture
    ink: Picture
    extras: dict[str, Picture] = field(default_factory=dict)
    guide: BlendGuide = field(default_factory=BlendGuide)
    notes: tuple[str, ...] = ()


@dataclass
class NetworkOutput(Generic[Array]):
    """The output of the networks for a window of a page; all in [-1, 1]. Of a batch each has one dimension more.

    Attributes:
        color: (3, h, w) RGB.
        draft: (3, h/2, w/2) RGB, the first of two stages; None of a system without one.
        extras: further pictures to look at, (1 or 3, h, w), by their titles.
    """

    color: Array
    draft: Array | None = None
    extras: dict[str, Array] = field(default_factory=dict)
