"""Drawings that lie in shards: tars on disk, on a web server or in S3, read at random through their index."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from datamodules.shards.byte_ranges import ByteRanges, DiskRanges, changed, open_place
from datamodules.shards.index import INDEX, MAX_INDEX_BYTES, Shard, ShardIndex, line_offset, read_index
from datamodules.sources.drawing import Drawing, DrawingTable

UNFINISHED = ".sharding.json"
"""Marks a folder whose sharding has not ended."""


class NoShards(ValueError):
    """A place without a usable sharded data set; the message says what to do."""


@dataclass(frozen=True)
class ShardedSet:
    """A data set in shards: its drawings, sorted by id, and the licence it brought (None for a loose folder)."""

    drawings: "ShardDrawings"
    licence: dict[str, Any] | None


def is_sharded(root: str) -> bool:
    """Whether data.root names shards: an address, or a folder with an index or unfinished shards."""
    if "://" in root:
        return True
    folder = Path(root).expanduser()
    return (folder / INDEX).is_file() or (folder / UNFINISHED).is_file()


def load_shards(root: str) -> ShardedSet:
    """Read the index of a folder, http(s)://host/folder or s3://bucket/prefix; no shard is opened.

    Raises:
        NoShards: sharding has not ended, or the index lists no drawing.
        DamagedIndex: an index that is none, or that leads outside its shards.
        ChangedFile: a shard on disk whose length is not the index's.
        OSError: the index or a shard on disk is missing or cannot be read.
    """
    files = open_place(root)
    if isinstance(files, DiskRanges) and (files.root / UNFINISHED).is_file():
        raise NoShards(f"{root}: its sharding was interrupted; run the same linecolor-data shard again to finish it")
    index = read_index(files.read_whole(INDEX, MAX_INDEX_BYTES), files.place(INDEX))
    pa.default_memory_pool().release_unused()  # what decoding took, and every worker would inherit
    if not len(index.ids):
        raise NoShards(f"{files.place(INDEX)}: lists no drawing")
    if isinstance(files, DiskRanges):
        for shard in index.shards:
            if files.size(shard.name) != shard.size:
                raise changed(files.place(shard.name), files.size(shard.name), shard.size)
    return ShardedSet(ShardDrawings(index, files), _licence(index.facts))


@dataclass(slots=True, eq=False)
class ShardSlice:
    """A picture within a shard; see `linecolor.images.EncodedPicture`.

    Reading a colour picture fetches the line behind it in the same request: over a network, the time of one.
    """

    files: ByteRanges  # where the shards are
    shard: Shard  # the one it lies in
    offset: int  # of its first byte
    length: int  # in bytes
    what: str  # names it within the shard, for messages
    behind: "ShardSlice | None" = None  # the line's slice, for a colour picture that has one
    _fetched: bytes | None = field(default=None, init=False)

    def read(self) -> bytes:
        """The picture's file.

        Raises:
            OSError, ChangedFile: it cannot be read; see `ByteRanges.read`.
        """
        if self._fetched is not None:
            data, self._fetched = self._fetched, None
            return data
        behind = self.behind
        stop = self.offset + self.length if behind is None else behind.offset + behind.length
        data = self.files.read(self.shard.name, self.offset, stop - self.offset, self.shard.size)
        if behind is None:
            return data
        behind._fetched = data[behind.offset - self.offset :]
        return data[: self.length]

    def __str__(self) -> str:
        return f"{self.files.place(self.shard.name)}, byte {self.offset}, {self.what}"


class ShardDrawings(DrawingTable):
    """The drawings of an index, or those of its `rows`, in order, made on access; all parts share the columns."""

    def __init__(self, index: ShardIndex, files: ByteRanges, rows: NDArray[np.int32] | None = None) -> None:
        self._index = index
        self._files = files
        self._rows = np.arange(len(index.ids), dtype=np.int32) if rows is None else rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: Any) -> Any:
        """A drawing, or of a slice another table."""
        if isinstance(place, slice):
            return ShardDrawings(self._index, self._files, self._rows[place])
        index, row = self._index, int(self._rows[place])
        name = index.ids[row].as_py()
        shard = index.shards[index.shard[row]]
        offset, length = int(index.color_offset[row]), int(index.color_length[row])
        line_length = int(index.line_length[row])
        line = None
        if line_length:
            line = ShardSlice(self._files, shard, line_offset(offset, length), line_length, f"line of {name!r}")
        color = ShardSlice(self._files, shard, offset, length, f"colour of {name!r}", line)
        return Drawing(name, color, line, "test" if index.is_test[row] else "train", index.bases[row].as_py() or name)

    def of_split(self, split: str) -> "ShardDrawings":
        """Those of a split, in their order."""
        return ShardDrawings(self._index, self._files, self._rows[self._index.is_test[self._rows] == (split == "test")])

    def ids(self) -> list[str]:
        """Their ids, in their order."""
        return self._index.ids.take(pa.array(self._rows)).to_pylist()


def _licence(facts: dict[str, Any]) -> dict[str, Any] | None:
    """As `folder.read_licence` gives it: plain short strings."""
    licence = facts.get("licence")
    if not isinstance(licence, dict):
        return None
    return {key: str(licence.get(key, ""))[:2000] for key in ("name", "url", "attribution", "source")}
