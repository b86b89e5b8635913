"""What needs no training: every reference method under one signature, to be measured beside trained systems.

From colouring nothing at all to G'MIC's smart coloring: with the same hints, this is what a model has to beat. Two
oracles read the truth; they say what a single colour can reach.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from linecolor.arrays import Line, Mask, Picture
from linecolor.evaluation import gmic
from linecolor.evaluation.fills import bare_line, flood_fill, mean_color_fill, voronoi_fill, watershed_fill
from linecolor.evaluation.protocol import Hint


@dataclass(frozen=True)
class Reference:
    """A method that needs no training.

    Attributes:
        name: as tables and charts call it.
        uses_hints: False where the result is the same for any hints.
        oracle: whether it reads the truth and its foreground; the others get them and leave them alone.
        color: (line, truth, foreground, hints) -> picture: (H, W) uint8, (H, W, 3) uint8 RGB, (H, W) bool and a
            list -> (H, W, 3) uint8 RGB. It may raise RuntimeError where it runs a program of the machine.
    """

    name: str
    uses_hints: bool
    oracle: bool
    color: Callable[[Line, Picture, Mask, Sequence[Hint]], Picture]


SMART_COLORING = "G'MIC smart coloring"
REFERENCES = (
    Reference("bare line", False, False, lambda line, truth, inside, hints: bare_line(line)),
    Reference(
        "mean colour", False, True, lambda line, truth, inside, hints: mean_color_fill(line, truth, inside, True)
    ),
    Reference(
        "mean paint", False, True, lambda line, truth, inside, hints: mean_color_fill(line, truth, inside, False)
    ),
    Reference("Voronoi", True, False, lambda line, truth, inside, hints: voronoi_fill(line, hints)),
    Reference("watershed", True, False, lambda line, truth, inside, hints: watershed_fill(line, hints)),
    Reference("flood fill", True, False, lambda line, truth, inside, hints: flood_fill(line, hints)),
    Reference(SMART_COLORING, True, False, lambda line, truth, inside, hints: gmic.smart_coloring(line, hints)),
)
"""All of them, in the order of tables; see `available` for those that run here."""


def available() -> list[Reference]:
    """The references that run on this machine, in the order of `REFERENCES`."""
    without = unavailable()
    return [reference for reference in REFERENCES if reference.name not in without]


def unavailable() -> dict[str, str]:
    """The references that do not run on this machine: name -> why not, and what to install."""
    reason = gmic.missing()
    return {SMART_COLORING: reason} if reason else {}
