"""The outcome of a curation as a Parquet file: one row a file, with its numbers, and why it is kept or not."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from datamodules.curation.measures import FIGURES, VERSION
from datamodules.curation.reasons import Judgement
from linecolor.images import write_atomically

FORMAT = 1
MANIFEST = "manifest.parquet"
MEASURED = pa.schema(
    [
        ("path", pa.string()),
        ("bytes", pa.int64()),
        ("modified_ns", pa.int64()),
        ("height", pa.int32()),
        ("width", pa.int32()),
        ("error", pa.string()),
        ("hash", pa.string()),
        *((name, pa.float32()) for name in FIGURES),
    ]
)
"""Columns of what was measured, before it is judged."""
_JUDGED = pa.schema([("path", pa.string()), ("bytes", pa.int64()), ("kept", pa.bool_())])
_KEY = b"linecolor.curation"


class ManifestRefused(ValueError):
    """A manifest that is damaged, of another version, or of another folder; the message says what to do."""


def row_name(path: Path, root: Path) -> str:
    """What the manifest calls a file: its posix path below the folder; bytes that are no text are spelled out."""
    relative = path.relative_to(root).as_posix()
    return relative.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def write_manifest(path: Path, measured: pa.Table, judgement: Judgement, thresholds: Mapping[str, float]) -> None:
    """Write the judged rows; the same rows and thresholds give the same bytes."""
    names = measured.column("path").to_pylist()
    originals = [names[row] if row >= 0 else None for row in judgement.duplicate_of.tolist()]
    table = (
        measured.select(MEASURED.names)
        .append_column("kept", pa.array(judgement.kept))
        .append_column("reasons", pa.array(judgement.reasons(), pa.list_(pa.string())))
        .append_column("duplicate_of", pa.array(originals, pa.string()))
    )
    write_table(path, table, {"thresholds": dict(thresholds)})


def write_table(path: Path, table: pa.Table, facts: Mapping[str, Any] | None = None) -> None:
    """Write a table whole or not at all, marked as ours."""
    about = {"format": FORMAT, "measures": VERSION, **(facts or {})}
    marked = table.combine_chunks().replace_schema_metadata({_KEY: json.dumps(about).encode()})
    sink = pa.BufferOutputStream()
    pq.write_table(marked, sink, compression="zstd")
    write_atomically(path, sink.getvalue())


def read_measured(path: Path) -> pa.Table | None:
    """What a manifest or a part says of files, without the judgement; None if another version measured it.

    Raises:
        ManifestRefused: no manifest, or a damaged one.
    """
    return _columns(path, MEASURED) if read_facts(path)["measures"] == VERSION else None


def read_facts(path: Path) -> dict[str, Any]:
    """format, measures (the version of the figures) and, of a manifest, thresholds.

    Raises:
        ManifestRefused: no manifest, or one of a later format.
    """
    if not path.is_file():
        raise ManifestRefused(f"{path}: no such manifest; make it with linecolor-data curate")
    try:
        facts = json.loads((pq.read_schema(path).metadata or {})[_KEY])
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise ManifestRefused(f"{path}: no manifest of linecolor-data curate, or a damaged one") from error
    if not isinstance(facts, dict) or facts.get("format") != FORMAT or not isinstance(facts.get("measures"), int):
        raise ManifestRefused(f"{path}: a manifest of another version of linecolor; run linecolor-data curate again")
    return facts


def read_judged(path: Path) -> dict[str, tuple[int, bool]]:
    """Name -> (bytes of the file, kept) for every row of a manifest.

    Raises:
        ManifestRefused: no manifest, or a damaged one.
    """
    if "thresholds" not in read_facts(path):
        raise ManifestRefused(f"{path}: a part of an unfinished manifest; run linecolor-data curate again to finish it")
    names, sizes, kept = (column.to_pylist() for column in _columns(path, _JUDGED).columns)
    return dict(zip(names, zip(sizes, kept)))


def _columns(path: Path, schema: pa.Schema) -> pa.Table:
    try:
        return pq.read_table(path, columns=schema.names, partitioning=None).cast(schema)
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise ManifestRefused(f"{path}: a damaged manifest; run linecolor-data curate again") from error
