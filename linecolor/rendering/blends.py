"""The ways to join colour and line at full size: one row a blend. The standard library only.

Options, cards, configurations, command lines, the web app and their messages read this table. The functions of the
rows are in `blending`, which loads OpenCV.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linecolor.arrays import Floats, Picture

BlendMode = str
"""A name in `BLENDS`."""


@dataclass(frozen=True)
class Blend:
    """One way to join colour and line at full size.

    Attributes:
        name: in options, cards and configurations.
        summary: what it does, for --help and menus.
        function: puts rows of the line, (n, W) or (n, W, 3) uint8, on their resized colour, (n, W, 3) in steps of
            1 / (LEVEL * WEIGHT), which it may overwrite; rounds once, into its third argument, (n, W, 3) uint8.
        inpaints: the colour under ink is first replaced by the colour of the paper around it.
        blurs: the resized colour is blurred.
        as_layers: programs that multiply a line layer and a colour layer show the same.
        for_grey_pages: keeps the page's own greys, which a page of lines does not have.
    """

    name: str
    summary: str
    function: str
    inpaints: bool = False
    blurs: bool = False
    as_layers: bool = False
    for_grey_pages: bool = False

    @property
    def combine(self) -> "Callable[[Picture, Floats, Picture], None]":
        """The function, imported when it is needed."""
        return resolve_name(self.function)


_HERE = "linecolor.rendering.blending"

BLENDS = {
    row.name: row
    for row in (
        Blend("clean", "line times colour without ink", f"{_HERE}.multiply", inpaints=True, as_layers=True),
        Blend("paper", "linear light, as in the paper", f"{_HERE}.linear_light", blurs=True),
        Blend("none", "the colour alone", f"{_HERE}.color_alone"),
        Blend("luma", "the page's own greys, for grey pages", f"{_HERE}.own_luma", for_grey_pages=True),
    )
}


def check_blend(name: object) -> None:
    """ValueError for a blend that is not in the table."""
    if not isinstance(name, str) or name not in BLENDS:
        raise ValueError(f"blend={name} is unknown: use {', '.join(BLENDS)}")
