"""What every source gives: a drawing with a stable name, and the split that its name alone decides."""

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from linecolor.images import EncodedPicture, UnreadableImage

Content = TypeVar("Content")


@dataclass(frozen=True, slots=True)
class Drawing:
    """One picture to learn from or to be measured on."""

    id: str  # stable name, the posix path relative to its folder without suffix ("girls/summer", "1F35B")
    # The colour picture, the path of its file or a slice of a shard: what `images.read_color` takes; its alpha, where
    # it has one, is the foreground.
    color: Path | EncodedPicture
    line: Path | EncodedPicture | None  # the artist's own line art of the same size, None where lines must be extracted
    split: str  # "train" or "test"
    base: str  # the drawing this one is a variant of (itself for most); variants never cross the split
    # The file of its true background, grey, 255 = background; None for nearly all. It measures and never trains:
    # `held_out.FullDrawings` alone reads it.
    background: Path | None = None


class DrawingTable(Sequence[Drawing]):
    """Drawings that are made from columns on access: 700,000 of them as objects take 400 MB."""

    @abstractmethod
    def of_split(self, split: str) -> "DrawingTable":
        """Those of a split, in their order."""

    @abstractmethod
    def ids(self) -> list[str]:
        """Their ids, in their order."""


def of_split(drawings: Sequence[Drawing], split: str) -> Sequence[Drawing]:
    """The drawings of a split, in their order; of a table another table."""
    if isinstance(drawings, DrawingTable):
        return drawings.of_split(split)
    return [drawing for drawing in drawings if drawing.split == split]


def ids_of(drawings: Sequence[Drawing]) -> list[str]:
    """The ids of drawings, in their order."""
    return drawings.ids() if isinstance(drawings, DrawingTable) else [drawing.id for drawing in drawings]


def keyed_fraction(name: str, purpose: str = "") -> float:
    """A number in [0, 1) that depends on a name (and what it is for) only, the same on every machine."""
    digest = hashlib.blake2b(
        name.encode("utf-8", "surrogateescape"), digest_size=8, person=purpose.encode()[:16]
    ).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def split_of(base: str, test_share: float) -> str:
    """Put test_share of all names into "test", the rest into "train"; a new drawing never moves another."""
    return "test" if keyed_fraction(base, "split") < test_share else "train"


def read_pair(
    drawing: Drawing, read: Callable[[Path | EncodedPicture], tuple[Content, tuple[int, int]]]
) -> tuple[Content, Content | None, tuple[int, int], str]:
    """A drawing's colour picture and line, and their (height, width), by a function that gives both of a file.

    A line that cannot be used counts as none; the last part then says why.

    Raises:
        UnreadableImage: if the colour picture cannot be used.
    """
    color, size = read(drawing.color)
    if drawing.line is None:
        return color, None, size, ""
    try:
        line, line_size = read(drawing.line)
    except UnreadableImage as error:
        return color, None, size, f"line ignored, {error}"
    if line_size == size:
        return color, line, size, ""
    complaint = (
        f"line ignored, {drawing.line}: {line_size[1]} x {line_size[0]} pixels, "
        f"but its picture has {size[1]} x {size[0]}; save both at one size"
    )
    return color, None, size, complaint
