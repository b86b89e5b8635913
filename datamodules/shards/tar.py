"""What goes into a shard: a drawing's files, read once, looked at, and added to the tar as they are."""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

from datamodules.shards.index import BLOCK
from datamodules.shards.plan import Planned
from datamodules.shards.rows import ShardedDrawing
from datamodules.sources.drawing import read_pair
from linecolor.images import MAX_PIXELS, EncodedPicture, UnreadableImage, encoded
from linecolor.images.formats import HEAD_BYTES, format_of
from linecolor.images.reading import opened, oriented_size

Member = tuple[str, bytes]
"""A member's suffix and its bytes."""


@dataclass(frozen=True)
class Checked:
    """A drawing's files as they were read.

    Attributes:
        planned: the drawing.
        color: its colour picture, None where that cannot be used.
        line: its line, None where it has none that can be used.
        size: (height, width) in pixels.
        complaints: one line for each file that is left out.
    """

    planned: Planned
    color: Member | None
    line: Member | None
    size: tuple[int, int]
    complaints: list[str]


def read_drawing(planned: Planned, decode: bool) -> Checked:
    """Read a drawing's files; by the rules of a folder's scan a bad line is left out, a bad picture everything.

    Args:
        planned: the drawing.
        decode: whether to decode the pictures, so that a truncated one is found; else the size only is looked at.
    """
    try:
        color, line, size, complaint = read_pair(planned.drawing, partial(_read, decode=decode))
    except UnreadableImage as error:
        return Checked(planned, None, None, (0, 0), [str(error)])
    return Checked(planned, color, line, size, [complaint] if complaint else [])


def _read(path: Path | EncodedPicture, decode: bool) -> tuple[Member, tuple[int, int]]:
    """A picture's kind and bytes, and its (height, width)."""
    assert isinstance(path, Path), "the plan refuses everything else"
    source = encoded(path)
    with opened(source, MAX_PIXELS) as picture:
        if decode:
            picture.load()
        # The suffix tells what a file is, whatever its own name says.
        suffix = format_of(source, source.data[:HEAD_BYTES]).suffixes[0].lstrip(".")
        return (suffix, source.data), oriented_size(picture)


def add(tar: tarfile.TarFile, shard: int, one: Checked) -> ShardedDrawing:
    """Append a usable drawing's members to a tar; returns its row of the index."""
    drawing = one.planned.drawing
    key = f"{one.planned.number:09d}"
    about = {"id": drawing.id, "split": drawing.split, "base": drawing.base, "path": one.planned.path}
    places = []
    for kind, member in (("color", one.color), ("line", one.line)):
        if member is not None:
            places.append(_add_member(tar, f"{key}.{kind}.{member[0]}", member[1]))
    _add_member(tar, f"{key}.json", json.dumps(about, sort_keys=True, ensure_ascii=True).encode())
    line = places[1] if one.line else None
    return ShardedDrawing(**about, shard=shard, color=places[0], line=line, size=one.size)


def _add_member(tar: tarfile.TarFile, name: str, data: bytes) -> tuple[int, int]:
    """Append a file without owner or time, so that the same input gives the same tar. Returns its offset and length."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    info.mtime = info.uid = info.gid = 0
    info.mode = 0o644
    tar.addfile(info, BytesIO(data))
    return tar.offset - -(-len(data) // BLOCK) * BLOCK, len(data)
