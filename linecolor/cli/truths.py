"""Line and true colour of the drawings that runs were evaluated on, to show beside the results."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linecolor.comparison import RunResult
    from linecolor.line_art import FullDrawing


def read_truths(results: Sequence["RunResult"], count: int) -> dict[str, "FullDrawing"]:
    """The first drawings that all runs have in common, from the data of the first run, by name.

    Empty where the data is no longer where it was: the results are shown without them.
    """
    from datamodules.held_out import FullDrawings
    from datamodules.sources.drawing import of_split
    from linecolor.cli.sources import load_drawings
    from linecolor.comparison import common

    wanted = common([result.drawings for result in results if result.drawings])[:count]
    if not wanted:
        return {}
    settings = {key.removeprefix("data."): v for key, v in results[0].config.items() if key.startswith("data.")}
    try:
        held_out = [drawing for drawing in of_split(load_drawings(settings).drawings, "test") if drawing.id in wanted]
        return {drawing.name: drawing for drawing in FullDrawings(held_out)}
    except (OSError, ValueError, KeyError) as error:
        print(f"line and truth are not shown: {error}", file=sys.stderr)
        return {}
