"""The rows of a shard index as a Parquet file: written, and read from files that may be anybody's."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

MAX_DRAWINGS = 20_000_000
MAX_ID_BYTES = 1_000
UNSAFE_ID = r"^$|^/|/$|//|(^|/)\.\.?(/|$)|^[A-Za-z]:|\\|\x00"
"""An id becomes part of file names (coloured pictures): it must not lead out of their folder, on any system."""
CURE = "copy the data set again, or make it anew with linecolor-data shard"
_KEY = b"linecolor"
_MAX_COLUMN_BYTES = 8_000_000_000


class DamagedIndex(ValueError):
    """An index that is none of ours, or describes what cannot be; the message names it and says what to do."""


@dataclass(frozen=True)
class ShardedDrawing:
    """One row of an index."""

    id: str  # of the drawing
    split: str  # "train" or "test"
    base: str  # the drawing it is a variant of
    path: str  # of its colour picture in the folder it came from, for people
    shard: int  # number of its shard
    color: tuple[int, int]  # offset and length in bytes of the colour picture's file within the shard
    line: tuple[int, int] | None  # those of the line, None where there is none
    size: tuple[int, int]  # (height, width) in pixels


def is_safe_id(name: str) -> bool:
    """Whether an index takes this id: text, of a sane length, no path out of a folder."""
    try:
        length = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        return False
    return length <= MAX_ID_BYTES and not re.search(UNSAFE_ID, name)


def to_table(rows: Sequence[ShardedDrawing], metadata: dict[str, Any]) -> pa.Table:
    """Rows as a table, with its metadata."""
    pa = pyarrow()
    columns: dict[str, list[Any]] = {
        "id": [row.id for row in rows],
        "split": [row.split for row in rows],
        "base": [None if row.base == row.id else row.base for row in rows],
        "path": [row.path for row in rows],
        "shard": [row.shard for row in rows],
        "color_offset": [row.color[0] for row in rows],
        "color_length": [row.color[1] for row in rows],
        "line_offset": [row.line[0] if row.line else None for row in rows],
        "line_length": [row.line[1] if row.line else None for row in rows],
        "height": [row.size[0] for row in rows],
        "width": [row.size[1] for row in rows],
    }
    return pa.table(columns, schema=schema()).replace_schema_metadata({_KEY: _to_json(metadata)})


def joined(tables: Sequence[pa.Table], metadata: dict[str, Any]) -> pa.Table:
    """The tables of all shards as one."""
    pa = pyarrow()
    return pa.concat_tables(tables).replace_schema_metadata({_KEY: _to_json(metadata)})


def to_bytes(table: pa.Table) -> bytes:
    """A table as a Parquet file."""
    import pyarrow.parquet as pq

    buffer = BytesIO()
    pq.write_table(table, buffer, compression="zstd", row_group_size=1 << 16)
    return buffer.getvalue()


def read_table(data: bytes, name: str, columns: Sequence[str] | None = None) -> tuple[pa.Table, dict[str, Any]]:
    """A table that `to_bytes` made, and its metadata.

    Args:
        data: the Parquet file.
        name: what messages call it.
        columns: those wanted; None for all.

    Raises:
        DamagedIndex: anything else than such a table.
    """
    pa = pyarrow()
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(BytesIO(data), thrift_string_size_limit=100_000_000, thrift_container_size_limit=1 << 20)
        if file.metadata.num_rows > MAX_DRAWINGS:
            raise DamagedIndex(f"{name}: lists {file.metadata.num_rows:,} drawings; the limit is {MAX_DRAWINGS:,}")
        known = schema()
        if not file.schema_arrow.remove_metadata().equals(known):
            raise DamagedIndex(f"{name}: has other columns than an index of linecolor's; {CURE}")
        metadata = _from_json((file.schema_arrow.metadata or {}).get(_KEY, b""), name)
        batches, size = [], 0
        for batch in file.iter_batches(columns=None if columns is None else list(columns)):
            size += batch.nbytes
            if size > _MAX_COLUMN_BYTES:
                raise DamagedIndex(f"{name}: unpacks to more than {_MAX_COLUMN_BYTES:,} bytes")
            batches.append(batch)
        wanted = known if columns is None else pa.schema([known.field(column) for column in columns])
        table = pa.Table.from_batches(batches, wanted)
        table.validate(full=True)  # text that is no text would fail much later, in a loader
        return table, metadata
    except DamagedIndex:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DamagedIndex(f"{name}: is damaged ({str(error).splitlines()[0][:200]}); {CURE}") from None


def schema() -> pa.Schema:
    """The columns of an index."""
    pa = pyarrow()
    kinds = {
        "id": pa.string(),
        "split": pa.string(),
        "base": pa.string(),
        "path": pa.string(),
        "shard": pa.int32(),
        "color_offset": pa.int64(),
        "color_length": pa.int64(),
        "line_offset": pa.int64(),
        "line_length": pa.int64(),
        "height": pa.int32(),
        "width": pa.int32(),
    }
    return pa.schema(list(kinds.items()))


def _to_json(metadata: dict[str, Any]) -> bytes:
    return json.dumps(metadata, sort_keys=True, ensure_ascii=True).encode()


def _from_json(data: bytes, name: str) -> dict[str, Any]:
    try:
        metadata = json.loads(data)
    except (ValueError, RecursionError):
        metadata = None
    if not isinstance(metadata, dict):
        raise DamagedIndex(f"{name}: is no index of linecolor's, its metadata are missing; {CURE}")
    return metadata


def pyarrow() -> Any:
    """The module pyarrow.

    Raises:
        ImportError: it is not installed; the message says what to do.
    """
    try:
        import pyarrow
    except ModuleNotFoundError as error:
        raise ImportError("shards need pyarrow for their index; run: pip install pyarrow") from error
    return pyarrow
