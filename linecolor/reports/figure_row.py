"""A drawing on its way from the line to the result: one row of a figure."""

from linecolor.arrays import Picture
from linecolor.rendering.result import ColorizationResult
from linecolor.samples import FullDrawing
from linecolor.systems.comic import WITHOUT_BACKGROUND


def figure_row(drawing: FullDrawing, coloring: ColorizationResult) -> dict[str, Picture]:
    """The pictures from the line to the result, and the truth last, by the title of their column.

    Of the comic colorizer the columns of Kang et al. 2017, figure 2.
    """
    if coloring.extras:
        last = "with background network" if WITHOUT_BACKGROUND in coloring.extras else "result"
        kind = "outline" if drawing.ink is None else "grey page"
        return {kind: drawing.line, **coloring.extras, last: coloring.full, "truth": drawing.color}
    draft = {} if coloring.draft is None else {"draft": coloring.draft}
    result = {"colorized": coloring.colorized, "full size": coloring.full}
    return {"line": drawing.line, "hints": coloring.hint, **draft, **result, "truth": drawing.color}
