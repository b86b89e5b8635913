"""Whatever colours drawings and is measured: trained networks, results of other programs, references."""

import math
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2

from linecolor.arrays import Picture
from linecolor.evaluation.hint_levels import DrawingHints, ProtocolHints, named_picture
from linecolor.evaluation.references import Reference
from linecolor.images import SUFFIXES, UnreadableImage, read_color
from linecolor.rendering.result import ColorizationResult
from linecolor.samples import FullDrawing
from linecolor.systems.line_colorizer import LineColorizer

LEAST_SIDE = 16
"""Pixels of the short side of a result that can be enlarged."""


@dataclass(frozen=True)
class Result:
    """What a method made of a drawing.

    Attributes:
        full: (H, W, 3) uint8 RGB at the line's size.
        network: (h, w, 3) as the last network left it, before enlarging; None where there is none.
        seconds: it took; NaN where that is not known.
        coloring: all that led to it, of networks of ours.
    """

    full: Picture
    network: Picture | None
    seconds: float
    coloring: ColorizationResult | None = None


class Method(Protocol):
    """Something that colours drawings.

    Attributes:
        name: in tables; methods of one name are one method, trained with different seeds.
        seed: tells those apart: a run's name, a seed; empty where there is one.
        kind: trained, foreign (another program's results), reference or oracle (a reference that reads the truth).
        uses_hints: whether hints can change its results.
    """

    name: str
    seed: str
    kind: str
    uses_hints: bool

    def color(self, drawing: FullDrawing, hints: DrawingHints) -> Result | None:
        """The result for a drawing; None if the method has none for such hints."""


class TrainedMethod:
    """Networks of ours, from a bundle or in training; the seed is that of the training, where there are several."""

    kind = "trained"

    def __init__(self, colorizer: LineColorizer, name: str = "", seed: str = "") -> None:
        self.uses_hints = colorizer.takes_hints or colorizer.options.enforce_hints
        self.name, self.seed, self.colorizer = name, seed, colorizer

    def colorize(self, drawing: FullDrawing, hints: DrawingHints) -> ColorizationResult:
        """Colour a drawing; what is sampled is keyed by its name, for one noise for all would be one sample of it."""
        key = zlib.crc32(drawing.name.encode())
        colorizer = self.colorizer.candidate(key) if self.colorizer.samples else self.colorizer
        return colorizer.colorize_with_steps(drawing.line, hints.layer)

    def color(self, drawing: FullDrawing, hints: DrawingHints) -> Result:
        """Colour a drawing and take the time."""
        started = time.perf_counter()
        coloring = self.colorize(drawing, hints)
        seconds = time.perf_counter() - started
        # Of a draft alone `colorized` is the draft enlarged, in which no pattern of its pixels is left.
        last = coloring.draft if self.colorizer.pipeline.ends_with_draft else coloring.colorized
        return Result(coloring.full, last, seconds, coloring)


def color_by_protocol(colorizer: LineColorizer, drawing: FullDrawing, count: int) -> ColorizationResult:
    """Colour a drawing with the first `count` hints of the protocol."""
    (hints,) = ProtocolHints([count]).of(drawing)
    return TrainedMethod(colorizer).colorize(drawing, hints)


class ExternalMethod:
    """Results of another program, as pictures: FOLDER/LEVEL/NAME.png, resized to the drawing's size where need be.

    A folder without sub-folders holds results without hints. The seed tells several sets of results of one method
    apart. FileNotFoundError if there is no such folder.
    """

    kind = "foreign"
    uses_hints = True

    def __init__(self, name: str, folder: Path, seed: str = "") -> None:
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder}: there is no such folder of results")
        self.name, self.seed, self.folder = name, seed, folder
        self.missing: list[str] = []
        self.flat = not any(path.is_dir() for path in folder.iterdir())

    def check(self, levels: Sequence[str]) -> None:
        """FileNotFoundError, which says how it should be laid out, if it has no results at any of these levels."""
        if self.flat:
            usable = any(path.suffix.lower() in SUFFIXES for path in self.folder.iterdir())
        else:
            usable = any((self.folder / level).is_dir() for level in levels)
        if not usable:
            wanted = f"expected {self.folder}/LEVEL/NAME.png with the levels {', '.join(levels)}"
            raise FileNotFoundError(f"{self.folder}: holds no run, no bundle and no results: {wanted}")

    def color(self, drawing: FullDrawing, hints: DrawingHints) -> Result | None:
        """Read the result; what is missing, broken or of another shape is noted in `missing`."""
        if self.flat and hints.layer is not None:
            self.missing.append(f"{self.folder} has no levels: its pictures count as those without hints")
            return None
        folder = self.folder if self.flat else self.folder / hints.level
        path = named_picture(folder, drawing.name)
        try:
            if path is None:
                raise FileNotFoundError(f"{folder}: has no result of {drawing.name}")
            picture, _ = read_color(path)
            _check_shape(path, picture, drawing.line.shape[:2])
        except (FileNotFoundError, UnreadableImage) as error:
            self.missing.append(str(error))
            return None
        return Result(resized(picture, drawing.line.shape[:2]), picture, math.nan)


class ReferenceMethod:
    """One of `references.REFERENCES`, which need no training."""

    seed = ""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self.name = reference.name
        self.kind = "oracle" if reference.oracle else "reference"
        self.uses_hints = reference.uses_hints
        self.missing: list[str] = []

    def color(self, drawing: FullDrawing, hints: DrawingHints) -> Result | None:
        """Fill a drawing; None where the hints are known as a layer only, or its program failed (see `missing`)."""
        if self.uses_hints and hints.hints is None:
            return None
        started = time.perf_counter()
        try:
            full = self.reference.color(drawing.line, drawing.color, drawing.foreground, hints.hints or [])
        except RuntimeError as error:
            self.missing.append(f"{drawing.name}: {error}")
            return None
        return Result(full, None, time.perf_counter() - started)


def _check_shape(path: Path, picture: Picture, size: tuple[int, int]) -> None:
    """UnreadableImage, with both sizes, for what is not the drawing: of another shape, or with hardly a pixel."""
    height, width = picture.shape[:2]
    off = abs(math.log((height / width) / (size[0] / size[1])))
    # A side that was rounded to a whole pixel, or to a multiple of 16, is no other shape.
    if off > 0.02 + 16 / min(height, width) or min(height, width) < LEAST_SIDE:
        raise UnreadableImage(path, f"is {width} x {height} px, the drawing {size[1]} x {size[0]}: another shape")


def resized(picture: Picture, size: tuple[int, int]) -> Picture:
    """A picture (h, w, 3) at (H, W), as low-resolution methods are brought to full size: area down, cubic up."""
    height, width = size
    if picture.shape[:2] == size:
        return picture
    shrinks = picture.shape[0] * picture.shape[1] > height * width
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(picture, (width, height), interpolation=how)  # type: ignore[return-value]
