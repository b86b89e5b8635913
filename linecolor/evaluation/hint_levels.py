"""The hints that everybody gets: by the protocol, or as layers from a folder."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from linecolor.arrays import Picture
from linecolor.evaluation import protocol
from linecolor.images import SUFFIXES, read_hint_layer
from linecolor.samples import FullDrawing

WITHOUT = "none"
"""The level of a result that no hint can change."""


@dataclass(frozen=True)
class DrawingHints:
    """The hints of one drawing at one level.

    Attributes:
        level: as folders are named by it: "008", "0.10".
        layer: (H, W, 4) uint8 RGBA of any size; None without hints.
        hints: the same as a list, where they come from the protocol; None where only a layer is known.
    """

    level: str
    layer: Picture | None
    hints: Sequence[protocol.Hint] | None


NO_HINTS = DrawingHints(WITHOUT, None, [])


class HintLevels(Protocol):
    """Hints of any drawing at the same levels.

    Attributes:
        levels: from the fewest hints to the most.
        counts: numbers of hints by level, where they are known.
    """

    levels: list[str]
    counts: dict[str, int]

    def of(self, drawing: FullDrawing) -> list[DrawingHints]:
        """The hints of a drawing at every level."""


class ProtocolHints:
    """Hints by the protocol: the first n of each drawing for some numbers n; published tables have seed 0."""

    def __init__(self, counts: Sequence[int], seed: int = 0) -> None:
        self.counts = {f"{count:03d}": count for count in sorted(set(counts))}
        self.levels = list(self.counts)
        self.seed = seed

    def of(self, drawing: FullDrawing) -> list[DrawingHints]:
        """The hints of a drawing at every level; they are drawn once, for each level begins like the next.

        What keys them is the file's name without folders.
        """
        name = PurePosixPath(drawing.name).name + ".png"
        most = max(self.counts.values())
        every = protocol.protocol_hints(drawing.line, drawing.color, name, most, self.seed) if most else []
        shape = drawing.line.shape[:2]
        return [
            DrawingHints(level, protocol.paint_hints(every[:count], shape) if count else None, every[:count])
            for level, count in self.counts.items()
        ]


class LayerHints:
    """Hint layers from a folder: FOLDER/LEVEL/NAME.png, transparent where there is no hint.

    Raises:
        FileNotFoundError: if there is no such folder, or nothing in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.counts: dict[str, int] = {}
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder}: there is no such folder of hint layers")
        self.levels = sorted((path.name for path in folder.iterdir() if path.is_dir()), key=_as_number)
        if not self.levels:
            example = "give a folder such as HINTS with HINTS/008/NAME.png"
            raise FileNotFoundError(f"{folder}: holds no sub-folder; {example}")

    def of(self, drawing: FullDrawing) -> list[DrawingHints]:
        """The hints of a drawing; FileNotFoundError if a level has none, UnreadableImage if they cannot be read."""
        levels = []
        for level in self.levels:
            path = named_picture(self.folder / level, drawing.name)
            if path is None:
                raise FileNotFoundError(f"{self.folder / level}: has no hint layer of {drawing.name}")
            layer = read_hint_layer(path)
            levels.append(DrawingHints(level, layer if layer[..., 3].any() else None, None))
        return levels


def level_name(level: str) -> str:
    """A level of hints for people: "008" -> "8 hints", "000" -> "no hints", "0.10" -> "0.10"."""
    if len(level) == 3 and level.isdigit():
        return f"{int(level)} hint{'' if int(level) == 1 else 's'}" if int(level) else "no hints"
    return level


def named_picture(folder: Path, name: str) -> Path | None:
    """The picture of a drawing in a folder, by the drawing's name and any known suffix; no name leads out of it.

    A link that lies in the folder may lead anywhere: whoever laid it there meant it.
    """
    for suffix in SUFFIXES:
        path = Path(os.path.normpath(folder / f"{name}{suffix}"))
        if path.is_relative_to(os.path.normpath(folder)) and path.is_file():
            return path
    return None


def _as_number(label: str) -> tuple[float, str]:
    try:
        return float(label.rstrip("%")), label
    except ValueError:
        return float("inf"), label
