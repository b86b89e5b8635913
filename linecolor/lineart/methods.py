"""The line methods, one row a method: how line art is drawn from a colour picture. No torch until a batch is drawn.

A new method is a new row. Its weight stands under its name in `pairs.line`; recipes, pairs, previews and the lines of
held-out drawings follow from the row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
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
        torch_module: module of linecolor.lineart with a function of the same name as `draw` for batches on any device,
            (B, 3, H, W) -> (B, 1, H, W), both uint8. The two agree; a test holds them together.
        parameter: the list of `pairs.line` from which each sample draws a value; empty for none.
        held_out: the parameters that held-out drawings are drawn with; None for a method that draws none of them.
        is_line: False for a grey picture in a line's place. It is taken from the final colours, without jitter.
    """

    code: int
    draw: Callable[..., Line]
    torch_module: str
    parameter: str = ""
    held_out: tuple[float, ...] | None = ()
    is_line: bool = True

    def draw_batch(self, color: Any, *parameters: float) -> Any:
        """`draw` for a batch: a tensor (B, 3, H, W) uint8 on any device -> (B, 1, H, W) uint8."""
        module = import_module(f"linecolor.lineart.{self.torch_module}")
        return getattr(module, self.draw.__name__)(color, *parameters)

    def draw_held_out(self, color: Picture) -> Line:
        """The line (H, W) of a held-out drawing."""
        assert self.held_out is not None
        return self.draw(color, *self.held_out)


METHODS = {
    "xdog": LineMethod(0, lines.xdog, "torch_lines", parameter="sigmas", held_out=(0.4,)),
    "dilate": LineMethod(1, lines.dilate_abs_sub, "torch_lines", parameter="kernels", held_out=None),
    "outline": LineMethod(3, outlines.outline, "torch_outlines"),
    "grey": LineMethod(4, lines.grey_uint8, "torch_lines", is_line=False),
}
PARAMETERS = tuple(dict.fromkeys(method.parameter for method in METHODS.values() if method.parameter))
HELD_OUT = {name: method for name, method in METHODS.items() if method.held_out is not None}
"""Those that can draw the lines of held-out drawings."""
