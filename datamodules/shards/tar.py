"""What lies in which tar: dealt by the drawings' ids and their files' sizes alone, and the files added as they are."""

import hashlib
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

from datamodules.shards.index import BLOCK, FORMAT_VERSION, is_safe_id
from datamodules.sources.drawing import Drawing, read_pair
from linecolor.images import MAX_PIXELS, EncodedPicture, UnreadableImage, encoded
from linecolor.images.formats import format_of
from linecolor.images.headers import HEAD_BYTES
from linecolor.images.reading import opened, oriented_size

Member = tuple[str, bytes]
"""A member's suffix and its bytes."""


class ShardingRefused(ValueError):
    """The folder cannot take these shards; the message says why and what to do."""


@dataclass(frozen=True)
class Planned:
    """A drawing on its way: its number in the data set, its path below the folder, its files' sizes in bytes."""

    number: int
    drawing: Drawing
    path: str
    sizes: tuple[int, int]


def plan_drawings(drawings: Sequence[Drawing], root: Path) -> tuple[list[Planned], list[str]]:
    """The drawings by id with their files' sizes, and one line for each that no index could hold."""
    planned: list[Planned] = []
    refused: list[str] = []
    last = None
    for drawing in sorted(drawings, key=lambda drawing: drawing.id):
        color, line = drawing.color, drawing.line
        if not isinstance(color, Path) or not (line is None or isinstance(line, Path)):
            raise ShardingRefused(f"{root}: its pictures lie in shards already; shards are made from a folder")
        path = color.relative_to(root).as_posix()
        if not (is_safe_id(drawing.id) and is_safe_id(drawing.base) and is_safe_id(path)):
            refused.append(f"{str(color)!r}: its name cannot stand in an index; rename it: plain text, no backslashes")
        elif drawing.id == last:
            refused.append(f"{color}: another picture is called {drawing.id} too; rename one")
        else:
            try:
                sizes = (color.stat().st_size, line.stat().st_size if line else 0)
            except OSError as error:
                refused.append(f"{color}: {error.strerror}")
                continue
            planned.append(Planned(len(planned), drawing, path, sizes))
            last = drawing.id
    if not planned:
        raise ShardingRefused(f"{root}: holds no picture that can be put into shards")
    return planned, refused


def deal(planned: Sequence[Planned], size: int) -> list[list[Planned]]:
    """Deal the drawings out in order; a shard ends before it would become larger than `size` bytes."""
    shards: list[list[Planned]] = [[]]
    filled = 0
    for drawing in planned:
        members = _member_bytes(drawing)
        if shards[-1] and filled + members > size:
            shards.append([])
            filled = 0
        shards[-1].append(drawing)
        filled += members
    return shards


def _member_bytes(planned: Planned) -> int:
    """What a drawing takes in a tar: header and padding of each member, and 2 kB, which no common JSON exceeds."""
    return sum(BLOCK + -(-size // BLOCK) * BLOCK for size in planned.sizes if size) + 2048


def tar_bytes(shard: Sequence[Planned]) -> int:
    """Bytes of a shard's tar, about."""
    return sum(map(_member_bytes, shard)) + tarfile.RECORDSIZE


def fingerprint(planned: Sequence[Planned], licence: dict[str, Any] | None, shard_mb: int, verify: str) -> str:
    """Of everything the shards' bytes follow from, but the pictures' content, which it would take hours to read."""
    digest = hashlib.blake2b(repr((FORMAT_VERSION, licence, shard_mb, verify)).encode(), digest_size=16)
    for drawing in planned:
        fields = (drawing.drawing.id, drawing.drawing.split, drawing.drawing.base, drawing.path, drawing.sizes)
        digest.update(repr(fields).encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class Checked:
    """A drawing's files as they were read."""

    planned: Planned
    color: Member | None  # its colour picture, None where that cannot be used
    line: Member | None  # its line, None where it has none that can be used
    size: tuple[int, int]  # (height, width) in pixels
    complaints: list[str]  # one line for each file that is left out


def read_drawing(planned: Planned, decode: bool) -> Checked:
    """Read a drawing's files; by the rules of a folder's scan a bad line is left out, a bad picture everything.

    `decode` finds truncated pictures too; without it, only the size is looked at.
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


def add(tar: tarfile.TarFile, shard: int, one: Checked) -> dict[str, Any]:
    """Append a usable drawing's members to a tar; returns its row of the index."""
    drawing = one.planned.drawing
    key = f"{one.planned.number:09d}"
    about = {"id": drawing.id, "split": drawing.split, "base": drawing.base, "path": one.planned.path}
    base = None if drawing.base == drawing.id else drawing.base
    row = about | {"base": base, "shard": shard, "height": one.size[0], "width": one.size[1]}
    for kind, member in (("color", one.color), ("line", one.line)):
        if member is not None:
            suffix, data = member
            row |= {f"{kind}_offset": _add_member(tar, f"{key}.{kind}.{suffix}", data), f"{kind}_length": len(data)}
    _add_member(tar, f"{key}.json", json.dumps(about, sort_keys=True, ensure_ascii=True).encode())
    return row


def _add_member(tar: tarfile.TarFile, name: str, data: bytes) -> int:
    """Append a file without owner or time, so that the same input gives the same tar. Returns its offset."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    info.mtime = info.uid = info.gid = 0
    info.mode = 0o644
    tar.addfile(info, BytesIO(data))
    return tar.offset - -(-len(data) // BLOCK) * BLOCK
