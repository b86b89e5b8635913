"""The result of colouring a page, and the output of the networks for a window of it. NumPy only."""

from dataclasses import dataclass, field

from linecolor.arrays import Channels, Picture


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
    """

    full: Picture
    colorized: Picture
    draft: Picture | None
    line: Picture
    hint: Picture
    ink: Picture
    extras: dict[str, Picture] = field(default_factory=dict)


@dataclass
class NetworkOutput:
    """The output of the networks for a window of a page; all in [-1, 1].

    Attributes:
        color: (3, h, w) RGB.
        draft: (3, h/2, w/2) RGB, the first of two stages; None of a system without one.
        extras: further pictures (1 or 3, h, w) by name.
    """

    color: Channels
    draft: Channels | None = None
    extras: dict[str, Channels] = field(default_factory=dict)
