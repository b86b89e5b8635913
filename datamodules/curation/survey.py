"""Every picture of a folder measured once, on all cores, resumable.

What is measured is kept in parts next to the manifest, so a stopped or killed run loses seconds. A file is measured
again if its size or its time of change is another.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datamodules.curation.manifest import (
    MANIFEST,
    ManifestRefused,
    read_measured,
    row_name,
    rows_as_table,
    write_table,
)
from datamodules.curation.measures import PIXELS, measure, perceptual_hash
from datamodules.curation.processes import in_processes
from datamodules.prepare.rendering import data_package
from linecolor.images import SUFFIXES, UnreadableImage, find_images
from linecolor.images.reading import read_thumbnail

if TYPE_CHECKING:
    import pyarrow as pa

PARTS = ".parts"
_CHUNK = 32
_PART_ROWS = 4096


@dataclass(frozen=True)
class Entry:
    """A file to be measured: `name` as the manifest calls it, its path, and what tells whether it has changed."""

    name: str
    path: str
    bytes: int
    modified_ns: int


@dataclass(frozen=True)
class Survey:
    """Numbers of every file, sorted by name (`manifest.measured_schema`), and how many were there already."""

    table: pa.Table
    reused: int


def survey(root: Path, out: Path, jobs: int, progress: bool = True, part_seconds: float = 10) -> Survey:
    """Measure what is below root and not yet measured.

    Args:
        root: the folder of pictures; only read.
        out: the folder of the manifest and its parts.
        jobs: processes.
        progress: show a progress bar on a terminal.
        part_seconds: what was measured is written at least this often.

    Raises:
        ValueError: no picture in root.
        ManifestRefused: out holds the manifest of another folder, or a damaged file.
    """
    from tqdm import tqdm

    entries = _entries(root)
    if not entries:
        raise ValueError(f"{root}: holds no picture ({' '.join(SUFFIXES)})")
    tables = _earlier_tables(entries, root, out)
    places = _places(entries, tables)
    missing = [entry for entry in entries if entry.name not in places]
    fresh: list[dict[str, Any]] = []

    def write_part() -> None:
        if fresh:
            tables.append(rows_as_table(fresh))
            write_table(out / PARTS / f"{secrets.token_hex(8)}.parquet", tables[-1])
            fresh.clear()

    bar = tqdm(
        desc="measuring pictures",
        unit="picture",
        total=len(entries),
        initial=len(places),
        smoothing=0.05,
        disable=None if progress else True,
    )
    last = time.monotonic()
    try:
        with bar:
            for rows in _measured(missing, jobs):
                fresh += rows
                bar.update(len(rows))
                if len(fresh) >= _PART_ROWS or time.monotonic() - last > part_seconds:
                    write_part()
                    last = time.monotonic()
    finally:
        write_part()
    return Survey(_in_order(entries, tables), len(places))


def drop_parts(out: Path) -> None:
    """Remove the parts, once the manifest that holds their rows is written."""
    for part in _parts(out):
        part.unlink(missing_ok=True)
    if (out / PARTS).is_dir() and not any((out / PARTS).iterdir()):
        (out / PARTS).rmdir()


def _entries(root: Path) -> list[Entry]:
    found = {}
    for path in find_images(root):
        name, status = row_name(path, root), path.stat()
        found[name] = Entry(name, str(path), status.st_size, status.st_mtime_ns)
    return [found[name] for name in sorted(found)]


def _parts(out: Path) -> list[Path]:
    return sorted((out / PARTS).glob("*.parquet"))


def _earlier_tables(entries: Sequence[Entry], root: Path, out: Path) -> list[pa.Table]:
    """What the manifest and the parts hold, of this version of the figures."""
    tables = []
    manifest = out / MANIFEST
    if manifest.exists() and (table := read_measured(manifest)) is not None:
        here = {entry.name for entry in entries}
        if here.isdisjoint(table.column("path").to_pylist()):
            raise ManifestRefused(
                f"{manifest} is of another folder: none of its files is in {root}; pass another --out"
            )
        tables.append(table)
    return tables + [table for part in _parts(out) if (table := read_measured(part)) is not None]


def _places(entries: Sequence[Entry], tables: Sequence[pa.Table]) -> dict[str, int]:
    """Name -> its row in all tables joined, for the files that have not changed since they were measured."""
    wanted = {entry.name: (entry.bytes, entry.modified_ns) for entry in entries}
    places: dict[str, int] = {}
    start = 0
    for table in tables:
        columns = (table.column(name).to_pylist() for name in ("path", "bytes", "modified_ns"))
        for row, (name, size, modified) in enumerate(zip(*columns), start=start):
            if wanted.get(name) == (size, modified):
                places.setdefault(name, row)
        start += len(table)
    return places


def _in_order(entries: Sequence[Entry], tables: Sequence[pa.Table]) -> pa.Table:
    pa = data_package("pyarrow")
    places = _places(entries, tables)
    return pa.concat_tables(tables).take(pa.array([places[entry.name] for entry in entries], pa.int64()))


def _measured(entries: Sequence[Entry], jobs: int) -> Iterator[list[dict[str, Any]]]:
    """Rows of all entries, in chunks."""
    if jobs == 1 or len(entries) <= _CHUNK:
        yield from (_measure_files([entry]) for entry in entries)
        return
    chunks = [entries[start : start + _CHUNK] for start in range(0, len(entries), _CHUNK)]
    yield from in_processes(_measure_files, chunks, min(jobs, len(chunks)), _crashed)


def _measure_files(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    return [_measure_file(entry) for entry in entries]


def _measure_file(entry: Entry) -> dict[str, Any]:
    row = _row(entry)
    try:
        rgb, (height, width) = read_thumbnail(entry.path, PIXELS)
    except UnreadableImage as error:
        return row | {"error": error.reason.encode("utf-8", "backslashreplace").decode()}
    return row | {"height": height, "width": width, "hash": perceptual_hash(rgb), **measure(rgb)}


def _crashed(entry: Entry) -> dict[str, Any]:
    return _row(entry) | {"error": "its decoder crashed, or the system ended it for lack of memory"}


def _row(entry: Entry) -> dict[str, Any]:
    return {"path": entry.name, "bytes": entry.bytes, "modified_ns": entry.modified_ns}
