"""The index of a sharded data set: where each drawing lies, in one Parquet file next to the shards.

A shard is a plain tar. A drawing's members follow each other: KEY.color.(png|jpg|...), KEY.line.(...) if it has a
line, KEY.json; KEY is the drawing's number, so it holds no dot and sorts as the shards do. The index has a row for
each drawing, sorted by id, and says in its metadata which shards there are, how long each is, and the licence.

An index comes from outside: nothing in it leads to a byte or a file that is not the data set's own.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from linecolor.images import MAX_FILE_BYTES, MAX_PIXELS

INDEX = "index.parquet"
FORMAT_VERSION = 1
MAX_INDEX_BYTES = 2_000_000_000
MAX_DRAWINGS = 20_000_000
MAX_ID_BYTES = 1_000
UNSAFE_ID = r"^$|^/|/$|//|(^|/)\.\.?(/|$)|^[A-Za-z]:|\\|\x00"
"""An id becomes part of file names (coloured pictures): it must not lead out of their folder, on any system."""
BLOCK = 512
"""Everything in a tar begins at a multiple of this, and a member's header takes one."""
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("split", pa.string()),
        ("base", pa.string()),  # null where a drawing is its own base
        ("path", pa.string()),  # of its colour picture in the folder it came from, for people
        ("shard", pa.int32()),
        ("color_offset", pa.int64()),
        ("color_length", pa.int64()),
        ("line_offset", pa.int64()),  # null where there is no line
        ("line_length", pa.int64()),
        ("height", pa.int32()),
        ("width", pa.int32()),
    ]
)
CURE = "copy the data set again, or make it anew with linecolor-data shard"
_SHARD_NAME = re.compile(r"shard-\d{6,8}\.tar")
_KEY = b"linecolor"
_MAX_COLUMN_BYTES = 8_000_000_000


class DamagedIndex(ValueError):
    """An index that is none of ours, or describes what cannot be; the message names it and says what to do."""


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
    """An index from its Parquet file, every row checked; `name` is what messages call it.

    Raises:
        DamagedIndex: a row that leads outside its shard, an id that leads outside a folder, and the like.
    """
    # Without `path`, which training does not need.
    table, metadata = read_table(data, name, [column for column in SCHEMA.names if column != "path"])
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
    def refuse(bad: Any, what: str) -> None:
        # Anything that is not plainly false is bad: a comparison with a missing value gives a missing value.
        known = bad if isinstance(bad, np.ndarray) else bad.fill_null(True).to_numpy(zero_copy_only=False)
        wrong = np.flatnonzero(known)
        if len(wrong):
            row = int(wrong[0])
            raise DamagedIndex(f"{name}: row {row} ({str(ids[row].as_py())[:80]!r}) {what}; {CURE}")

    refuse(pc.is_null(ids), "has no id")
    for strings, what in ((ids, "id"), (bases, "base")):
        known = strings.fill_null("-")
        refuse(pc.greater(pc.binary_length(known), MAX_ID_BYTES), f"has an {what} of over {MAX_ID_BYTES} bytes")
        refuse(pc.match_substring_regex(known, UNSAFE_ID), f"has an {what} that could lead out of a folder")
    if len(ids) > 1:
        refuse(pc.greater_equal(ids[:-1], ids[1:]), "is not before the next: ids must be sorted and differ")
    refuse(pc.invert(pc.is_in(splits, value_set=pa.array(["train", "test"]))), "is in no known split")
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


def is_safe_id(name: str) -> bool:
    """Whether an index takes this id: text, of a sane length, no path out of a folder."""
    try:
        length = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        return False
    return length <= MAX_ID_BYTES and not re.search(UNSAFE_ID, name)


def to_bytes(table: pa.Table, metadata: dict[str, Any]) -> bytes:
    """A table of SCHEMA with its metadata as a Parquet file."""
    buffer = BytesIO()
    marked = table.replace_schema_metadata({_KEY: json.dumps(metadata, sort_keys=True, ensure_ascii=True).encode()})
    pq.write_table(marked, buffer, compression="zstd", row_group_size=1 << 16)
    return buffer.getvalue()


def read_table(data: bytes, name: str, columns: Sequence[str] = SCHEMA.names) -> tuple[pa.Table, dict[str, Any]]:
    """The wanted columns of a table that `to_bytes` made, and its metadata; `name` is what messages call it.

    Raises:
        DamagedIndex: anything else than such a table.
    """
    try:
        file = pq.ParquetFile(BytesIO(data), thrift_string_size_limit=100_000_000, thrift_container_size_limit=1 << 20)
        if file.metadata.num_rows > MAX_DRAWINGS:
            raise DamagedIndex(f"{name}: lists {file.metadata.num_rows:,} drawings; the limit is {MAX_DRAWINGS:,}")
        if not file.schema_arrow.remove_metadata().equals(SCHEMA):
            raise DamagedIndex(f"{name}: has other columns than an index of linecolor's; {CURE}")
        metadata = _from_json((file.schema_arrow.metadata or {}).get(_KEY, b""), name)
        batches, size = [], 0
        for batch in file.iter_batches(columns=list(columns)):
            size += batch.nbytes
            if size > _MAX_COLUMN_BYTES:
                raise DamagedIndex(f"{name}: unpacks to more than {_MAX_COLUMN_BYTES:,} bytes")
            batches.append(batch)
        table = pa.Table.from_batches(batches, pa.schema([SCHEMA.field(column) for column in columns]))
        table.validate(full=True)  # text that is no text would fail much later, in a loader
        return table, metadata
    except DamagedIndex:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DamagedIndex(f"{name}: is damaged ({str(error).splitlines()[0][:200]}); {CURE}") from None


def _from_json(data: bytes, name: str) -> dict[str, Any]:
    try:
        metadata = json.loads(data)
    except (ValueError, RecursionError):
        metadata = None
    if not isinstance(metadata, dict):
        raise DamagedIndex(f"{name}: is no index of linecolor's, its metadata are missing; {CURE}")
    return metadata
