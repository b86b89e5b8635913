"""Which drawing goes into which shard: from the list of drawings and their files' sizes alone."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datamodules.shards.index import BLOCK, FORMAT_VERSION, is_safe_id
from datamodules.sources.drawing import Drawing


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
