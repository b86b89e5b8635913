"""Which layer is probably the line and which the hints, by their names and the one that is selected."""

from __future__ import annotations

import re
from collections.abc import Sequence

_HINT = re.compile(r"hint|hinweis|colou?r[ _-]*(dots?|points?|marks?)", re.IGNORECASE)
_LINE = re.compile(r"(?<![a-z])(line|ink|linie|tusche|lineart|sketch|outline|pencil)", re.IGNORECASE)


def suggest_layers(names: Sequence[str], selected: int | None) -> tuple[int, int | None]:
    """Suggest the line layer and the hint layer; the artist has the last word.

    Args:
        names: the layers' names, the topmost first; one or more.
        selected: index of the selected layer, None if none is or several are.

    Returns:
        Index of the line layer; index of the hint layer, None where no name speaks of hints.
    """
    hints = next((index for index, name in enumerate(names) if _HINT.search(name)), None)
    lines = [index for index, name in enumerate(names) if index != hints and _LINE.search(name)]
    if len(names) == 1:
        return 0, None
    if selected is not None and selected != hints and (selected in lines or not lines):
        return selected, hints
    return (lines or [index for index in range(len(names)) if index != hints])[0], hints
