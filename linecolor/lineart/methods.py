"""The line methods, one row a method: how line art is drawn from a colour picture. No torch until a batch is drawn.

A new method is a new row with a function for one picture. Its weight stands under its name in `pairs.line`; recipes,
pairs, previews and the lines of held-out drawings follow from the row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any

from linecolor.arrays import Line, Picture
from linecolor.lineart import lines, outlines

REAL, REAL_CODE = "real", 2
"""The line that an artist drew, where there is one: read, not drawn by any method."""


@dataclass(frozen=True)
class LineMethod:
    """How a line is drawn from colour.

    Attributes:
        code: number of the method in a recipe; no two methods share one, nor `REAL_CODE`.
        draw: colour (H, W, 3) uint8 RGB, and the parameter if there is one -> line (H, W) uint8, paper = 255.
        batch: path of the same for batches on any device, (B, 3, H, W) -> (B, 1, H, W), both uint8; a test holds both
            together. Empty where there is none: a GPU then waits while `draw` takes picture by picture.
        parameter: the list of `pairs.line` from which each sample draws a value; empty for none.
        held_out: the parameters that held-out drawings are drawn with; None for a method that draws none of them.
        is_line: False for a grey picture in a line's place. It is taken from the final colours, without jitter.
    """

    code: int
    draw: Callable[..., Line]
    batch: str = ""
    parameter: str = ""
    held_out: tuple[float, ...] | None = ()
    is_line: bool = True

    def draw_batch(self, color: Any, *parameters: float) -> Any:
        """`batch`, imported when it is needed: a tensor (B, 3, H, W) uint8 -> (B, 1, H, W) uint8."""
        return resolve_name(self.batch)(color, *parameters)

    def draw_held_out(self, color: Picture) -> Line:
        """The line (H, W) of a held-out drawing."""
        assert self.held_out is not None
        return self.draw(color, *self.held_out)


_TORCH = "linecolor.lineart.torch_lines"

METHODS = {
    "xdog": LineMethod(0, lines.xdog, f"{_TORCH}.xdog", parameter="sigmas", held_out=(0.4,)),
    "dilate": LineMethod(1, lines.dilate_abs_sub, f"{_TORCH}.dilate_abs_sub", parameter="kernels", held_out=None),
    "outline": LineMethod(3, outlines.outline),
    "grey": LineMethod(4, lines.grey_uint8, f"{_TORCH}.grey_uint8", is_line=False),
}
PARAMETERS = tuple(dict.fromkeys(method.parameter for method in METHODS.values() if method.parameter))
HELD_OUT = {name: method for name, method in METHODS.items() if method.held_out is not None}
"""Those that can draw the lines of held-out drawings."""
