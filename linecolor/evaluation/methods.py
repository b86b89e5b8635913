"""What is measured side by side: trained systems, results of foreign programs, references; and the hints they get."""

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

import cv2

from linecolor.arrays import Picture
from linecolor.evaluation import protocol
from linecolor.evaluation.references import Reference
from linecolor.images import SUFFIXES, UnreadableImage, read_color, read_hint_layer
from linecolor.samples import FullDrawing
from linecolor.systems.line_colorizer import LineColorizer

LEAST_SIDE = 16
"""Pixels of the short side of a result that can be enlarged."""

WITHOUT = "none"
"""The label of a result that no hint can change."""


@dataclass(frozen=True)
class Hinting:
    """The hints of one drawing at one level.

    Attributes:
        label: of the level, as folders are named by it: "008", "0.10".
        layer: (H, W, 4) uint8 RGBA of any size; None without hints.
        hints: the same as a list, where they come from the protocol; None where only a layer is known.
    """

    label: str
    layer: Picture | None
    hints: Sequence[protocol.Hint] | None


class ProtocolHints:
    """Hints by the protocol: the first n of each drawing.

    Args:
        counts: numbers of hints.
        seed: 0 for published tables.
    """

    def __init__(self, counts: Sequence[int], seed: int = 0) -> None:
        self.counts = {f"{count:03d}": count for count in sorted(set(counts))}
        """Numbers of hints by level."""
        self.seed = seed

    @property
    def labels(self) -> list[str]:
        """The levels, from the fewest hints to the most."""
        return list(self.counts)

    def of(self, drawing: FullDrawing) -> list[Hinting]:
        """The hints of a drawing at every level; they are drawn once, for each level begins like the next."""
        name = PurePosixPath(drawing.name).name + ".png"
        most = max(self.counts.values())
        every = protocol.protocol_hints(drawing.line, drawing.color, name, most, self.seed) if most else []
        shape = drawing.line.shape[:2]
        return [
            Hinting(label, protocol.paint_hints(every[:count], shape) if count else None, every[:count])
            for label, count in self.counts.items()
        ]


class LayerHints:
    """Hint layers from a folder: FOLDER/LEVEL/NAME.png, transparent where there is no hint.

    Args:
        folder: whose sub-folders are the levels.

    Raises:
        FileNotFoundError: if there is no such folder, or nothing in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.counts: dict[str, int] = {}
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder}: there is no such folder of hint layers")
        self.labels = sorted((path.name for path in folder.iterdir() if path.is_dir()), key=_as_number)
        if not self.labels:
            raise FileNotFoundError(
                f"{folder}: holds no sub-folder; give a folder such as HINTS with HINTS/008/NAME.png"
            )

    def of(self, drawing: FullDrawing) -> list[Hinting]:
        """The hints of a drawing at every level.

        Raises:
            FileNotFoundError: if a level has no layer of this drawing.
            UnreadableImage: if it cannot be read.
        """
        found = []
        for label in self.labels:
            path = named_picture(self.folder / label, drawing.name)
            if path is None:
                raise FileNotFoundError(f"{self.folder / label}: has no hint layer of {drawing.name}")
            layer = read_hint_layer(path)
            found.append(Hinting(label, layer if layer[..., 3].any() else None, None))
        return found


@dataclass(frozen=True)
class Result:
    """What a system made of a drawing.

    Attributes:
        full: (H, W, 3) uint8 RGB at the line's size.
        network: (h, w, 3) as the last network left it, before enlarging; None where there is none.
        seconds: it took; NaN where that is not known.
    """

    full: Picture
    network: Picture | None
    seconds: float


class System(Protocol):
    """Something that colours drawings.

    Attributes:
        name: in tables; systems of one name are one system, trained with different seeds.
        member: tells those apart: a run's name, a seed; empty where there is one.
        kind: trained, foreign, reference or oracle (a reference that reads the truth).
        uses_hints: whether hints can change its results.
    """

    name: str
    member: str
    kind: str
    uses_hints: bool

    def color(self, drawing: FullDrawing, hinting: Hinting) -> Result | None:
        """The result for a drawing; None if the system has none for such hints."""


class TrainedSystem:
    """Networks of ours, from a bundle.

    Args:
        name: in tables.
        member: of its seeds.
        colorizer: the whole chain.
    """

    kind = "trained"

    def __init__(self, name: str, member: str, colorizer: LineColorizer) -> None:
        self.uses_hints = colorizer.takes_hints or colorizer.options.enforce_hints
        self.name = name
        self.member = member
        self.colorizer = colorizer

    def color(self, drawing: FullDrawing, hinting: Hinting) -> Result:
        """Colour a drawing."""
        started = time.perf_counter()
        coloring = self.colorizer.color(drawing.line, hinting.layer)
        seconds = time.perf_counter() - started
        # Of a draft alone `colorized` is the draft enlarged, in which no pattern of its pixels is left.
        last = coloring.draft if self.colorizer.pipeline.ends_with_draft else coloring.colorized
        return Result(coloring.full, last, seconds)


class ForeignSystem:
    """Results of any other program, as pictures: FOLDER/LEVEL/NAME.png, resized to the drawing's size where need be.

    A folder without sub-folders holds results without hints.

    Args:
        name: in tables.
        folder: of the results.
        member: tells several sets of results of one system apart.

    Raises:
        FileNotFoundError: if there is no such folder.
    """

    kind = "foreign"
    uses_hints = True

    def __init__(self, name: str, folder: Path, member: str = "") -> None:
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder}: there is no such folder of results")
        self.name = name
        self.member = member
        self.folder = folder
        self.missing: list[str] = []
        self.flat = not any(path.is_dir() for path in folder.iterdir())

    def check(self, levels: Sequence[str]) -> None:
        """Refuse a folder that holds no results for any of these levels of hints.

        Raises:
            FileNotFoundError: saying how it should be laid out.
        """
        if self.flat:
            found = any(path.suffix.lower() in SUFFIXES for path in self.folder.iterdir())
        else:
            found = any((self.folder / level).is_dir() for level in levels)
        if not found:
            raise FileNotFoundError(
                f"{self.folder}: holds no run, no bundle and no results: expected {self.folder}/LEVEL/NAME.png with "
                f"the levels {', '.join(levels)}"
            )

    def color(self, drawing: FullDrawing, hinting: Hinting) -> Result | None:
        """Read the result; what is missing, broken or of another shape is noted in `missing`."""
        if self.flat and hinting.layer is not None:
            self.missing.append(f"{self.folder} has no levels: its pictures count as those without hints")
            return None
        folder = self.folder if self.flat else self.folder / hinting.label
        path = named_picture(folder, drawing.name)
        try:
            if path is None:
                raise FileNotFoundError(f"{folder}: has no result of {drawing.name}")
            picture, _ = read_color(path)
            _check_shape(path, picture, drawing.line.shape[:2])
        except (FileNotFoundError, UnreadableImage) as error:
            self.missing.append(str(error))
            return None
        return Result(resized(picture, drawing.line.shape[:2]), picture, float("nan"))


class ReferenceSystem:
    """A reference that needs no training.

    Args:
        reference: of `references.REFERENCES`.
    """

    member = ""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self.name = reference.name
        self.kind = "oracle" if reference.oracle else "reference"
        self.uses_hints = reference.uses_hints
        self.missing: list[str] = []

    def color(self, drawing: FullDrawing, hinting: Hinting) -> Result | None:
        """Fill a drawing; None where the hints are known as a layer only, or its program failed (see `missing`)."""
        if self.uses_hints and hinting.hints is None:
            return None
        started = time.perf_counter()
        try:
            full = self.reference.color(drawing.line, drawing.color, drawing.foreground, hinting.hints or [])
        except RuntimeError as error:
            self.missing.append(f"{drawing.name}: {error}")
            return None
        return Result(full, None, time.perf_counter() - started)


def named_picture(folder: Path, name: str) -> Path | None:
    """The picture of a drawing in a folder, by the drawing's name and any known suffix; no name leads out of it.

    A link that lies in the folder may lead anywhere: whoever laid it there meant it.
    """
    for suffix in SUFFIXES:
        path = Path(os.path.normpath(folder / f"{name}{suffix}"))
        if path.is_relative_to(os.path.normpath(folder)) and path.is_file():
            return path
    return None


def _check_shape(path: Path, picture: Picture, size: tuple[int, int]) -> None:
    """Refuse a result that is not the drawing: of another shape, or with hardly a pixel.

    Raises:
        UnreadableImage: naming both sizes.
    """
    height, width = picture.shape[:2]
    off = abs(math.log((height / width) / (size[0] / size[1])))
    # A side that was rounded to a whole pixel, or to a multiple of 16, is no other shape.
    if off > 0.02 + 16 / min(height, width) or min(height, width) < LEAST_SIDE:
        raise UnreadableImage(path, f"is {width} x {height} px, the drawing {size[1]} x {size[0]}: another shape")


def resized(picture: Picture, size: tuple[int, int]) -> Picture:
    """A picture (h, w, 3) at (H, W), as low-resolution systems are brought to full size: area down, cubic up."""
    height, width = size
    if picture.shape[:2] == size:
        return picture
    shrinks = picture.shape[0] * picture.shape[1] > height * width
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(picture, (width, height), interpolation=how)  # type: ignore[return-value]


def _as_number(label: str) -> tuple[float, str]:
    try:
        return float(label.rstrip("%")), label
    except ValueError:
        return float("inf"), label
