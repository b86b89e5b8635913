"""The index of a sharded data set: where each drawing lies, in one Parquet file next to the shards.

A shard is a plain tar. A drawing's members follow each other: KEY.color.(png|jpg|...), KEY.line.(...) if it has a
line, KEY.json; KEY is the drawing's number, so it holds no dot and sorts as the shards do. The index has a row for
each drawing, sorted by id, and says in its metadata which shards there are, how long each is, and the licence.

An index comes from outside: nothing in it leads to a byte or a file that is not the data set's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from datamodules.shards.rows import CURE, MAX_ID_BYTES, UNSAFE_ID, DamagedIndex, pyarrow, read_table, schema
from linecolor.images import MAX_FILE_BYTES, MAX_PIXELS

if TYPE_CHECKING:
    import pyarrow as pa

INDEX = "index.parquet"
FORMAT_VERSION = 1
MAX_INDEX_BYTES = 2_000_000_000
BLOCK = 512
"""Everything in a tar begins at a multiple of this, and a member's header takes one."""
_SHARD_NAME = re.compile(r"shard-\d{6,8}\.tar")


@dataclass(frozen=True)
class Shard:
    """A tar of the data set: its file's name and its length in bytes."""

    name: str
    size: int


@dataclass(frozen=True)
class ShardIndex:
    """An index in memory, as columns: some 60 bytes for a drawing."""

    ids: pa.StringArray
    bases: pa.StringArray  # null where a drawing is its own base
    is_test: NDArray[np.bool_]
    shard: NDArray[np.int32]  # number of the shard
    color_offset: NDArray[np.int64]  # in bytes
    color_length: NDArray[np.uint32]  # in bytes
    line_length: NDArray[np.uint32]  # in bytes; 0 where there is no line; its offset follows, see `line_offset`
    shards: tuple[Shard, ...]
    facts: dict[str, Any]  # what else the metadata holds: licence, fingerprint, skipped


def line_offset(color_offset: Any, color_length: Any) -> Any:
    """Where the line's file begins: behind the colour picture's, padded, and one header."""
    return color_offset + -(-color_length // BLOCK) * BLOCK + BLOCK


def read_index(data: bytes, name: str) -> ShardIndex:
    """An index, every row checked.

    Args:
        data: the Parquet file.
        name: what messages call it.

    Raises:
        DamagedIndex: a row that leads outside its shard, an id that leads outside a folder, and the like.
    """
    pa = pyarrow()
    # Without `path`, which training does not need.
    table, metadata = read_table(data, name, [field.name for field in schema() if field.name != "path"])
    if metadata.get("format") != FORMAT_VERSION:
        raise DamagedIndex(
            f"{name}: has format {metadata.get('format')!r}, this version of linecolor reads {FORMAT_VERSION}; {CURE}"
        )
    shards = _shards(metadata, name)

    def strings(column: str) -> Any:
        # In one piece of its own: a piece of a decoded column keeps the memory of all it was decoded with.
        return pa.concat_arrays([pa.array([], pa.string()), *table[column].chunks])

    def numbers(column: str) -> NDArray[np.int64]:
        return table[column].fill_null(0 if column.startswith("line_") else -1).to_numpy().astype(np.int64)

    ids, bases, splits = strings("id"), strings("base"), strings("split")
    names = ("shard", "color_offset", "color_length", "line_offset", "line_length", "height", "width")
    column = {name: numbers(name) for name in names}
    _check_rows(name, ids, splits, bases, column, np.array([shard.size for shard in shards], np.int64))
    import pyarrow.compute as pc

    return ShardIndex(
        ids=ids,
        bases=bases,
        is_test=pc.equal(splits, "test").to_numpy(zero_copy_only=False),
        shard=column["shard"].astype(np.int32),
        color_offset=column["color_offset"],
        color_length=column["color_length"].astype(np.uint32),
        line_length=column["line_length"].astype(np.uint32),
        shards=shards,
        facts=metadata,
    )


def _check_rows(
    name: str, ids: Any, splits: Any, bases: Any, column: dict[str, NDArray[np.int64]], sizes: NDArray[np.int64]
) -> None:
    import pyarrow.compute as pc

    def refuse(bad: Any, what: str) -> None:
        # Anything that is not plainly false is bad: a comparison with a missing value gives a missing value.
        wrong = np.flatnonzero(np.asarray(bad, bool) if isinstance(bad, np.ndarray) else _not_false(bad))
        if len(wrong):
            row = int(wrong[0])
            raise DamagedIndex(f"{name}: row {row} ({str(ids[row].as_py())[:80]!r}) {what}; {CURE}")

    for strings, what in ((ids, "id"), (bases, "base")):
        if what == "id":
            refuse(pc.is_null(strings), "has no id")
        known = strings.fill_null("-")
        refuse(pc.greater(pc.binary_length(known), MAX_ID_BYTES), f"has an {what} of over {MAX_ID_BYTES} bytes")
        refuse(pc.match_substring_regex(known, UNSAFE_ID), f"has an {what} that could lead out of a folder")
    if len(ids) > 1:
        refuse(pc.greater_equal(ids[:-1], ids[1:]), "is not before the next: ids must be sorted and differ")
    refuse(pc.invert(pc.is_in(splits, value_set=pyarrow().array(["train", "test"]))), "is in no known split")
    shard = column["shard"]
    refuse((shard < 0) | (shard >= len(sizes)), "lies in a shard that is not listed")
    size = sizes[shard] if len(shard) else shard
    start, length = column["color_offset"], column["color_length"]
    # Lengths first: with them and the offset known to be small, no sum below can overflow.
    refuse((length < 1) | (length > MAX_FILE_BYTES), "has a colour picture of an impossible length")
    refuse((start < BLOCK) | (start > size) | (start + length > size), "has a colour picture outside its shard")
    line_start, line_length = column["line_offset"], column["line_length"]
    has_line = line_length != 0
    refuse((line_length < 0) | (line_length > MAX_FILE_BYTES), "has a line of an impossible length")
    refuse(has_line & (line_start != line_offset(start, length)), "has a line that does not follow its colour picture")
    refuse(has_line & (line_start + line_length > size), "has a line outside its shard")
    height, width = column["height"], column["width"]
    refuse((height < 1) | (width < 1) | (height > MAX_PIXELS) | (width > MAX_PIXELS), "has an impossible size")
    refuse(height * width > MAX_PIXELS, f"has more than {MAX_PIXELS:,} pixels")


def _not_false(bad: Any) -> NDArray[np.bool_]:
    return bad.fill_null(True).to_numpy(zero_copy_only=False)


def _shards(metadata: dict[str, Any], name: str) -> tuple[Shard, ...]:
    listed = metadata.get("shards")
    if not isinstance(listed, list):
        raise DamagedIndex(f"{name}: lists no shards; {CURE}")
    shards = []
    for entry in listed:
        fields = entry if isinstance(entry, dict) else {}
        shard, size = fields.get("name"), fields.get("bytes")
        if not (isinstance(shard, str) and _SHARD_NAME.fullmatch(shard) and type(size) is int and 0 < size < 2**62):
            raise DamagedIndex(f"{name}: lists a bad shard, {str(entry)[:80]}; {CURE}")
        shards.append(Shard(shard, size))
    return tuple(shards)
