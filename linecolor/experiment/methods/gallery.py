"""The pictures of a measurement, for its page."""

from collections.abc import Sequence
from pathlib import Path

from datamodules.held_out import FullDrawings
from linecolor.arrays import Picture
from linecolor.evaluation.hint_levels import NO_HINTS, DrawingHints, HintLevels
from linecolor.evaluation.methods import Method, resized
from linecolor.experiment.methods.specs import picture_folder
from linecolor.images import read_color
from linecolor.samples import FullDrawing


class Gallery:
    """The pictures of a measurement: from its folder, if those there were `kept` by this one, or coloured again."""

    def __init__(
        self, methods: Sequence[Method], drawings: FullDrawings, hints: HintLevels, out: Path, kept: bool
    ) -> None:
        self.methods = {method.name: method for method in reversed(methods)}  # of several seeds the first is shown
        self.drawings, self.hints, self.out, self.kept = drawings, hints, out, kept
        self._at: tuple[str, FullDrawing, dict[str, DrawingHints]] | None = None

    def __call__(self, what: str, level: str, drawing: str) -> Picture | None:
        """The picture of a drawing by a method; or its "line", its "hints", its "truth"."""
        page, hintings = self._drawing(drawing)
        if what in ("line", "truth"):
            return page.line if what == "line" else page.color
        if what == "hints":
            return hintings[level].layer
        method = self.methods[what]
        path = self.out / "pictures" / picture_folder(method.name, method.seed) / level / f"{drawing}.png"
        if self.kept and path.is_file():
            return resized(read_color(path)[0], page.line.shape[:2])
        result = method.color(page, hintings[level] if method.uses_hints else NO_HINTS)
        return None if result is None else result.full

    def _drawing(self, name: str) -> tuple[FullDrawing, dict[str, DrawingHints]]:
        if self._at is None or self._at[0] != name:
            index = next(i for i, drawing in enumerate(self.drawings.drawings) if drawing.id == name)
            page = self.drawings[index]
            self._at = name, page, {hints.level: hints for hints in self.hints.of(page)}
        return self._at[1:]
