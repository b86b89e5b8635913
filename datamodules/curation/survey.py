"""Every picture of a folder measured once, on all cores, resumable.

What is measured is kept in parts next to the manifest, so a stopped or killed run loses seconds. A file is measured
again if its size or its time of change is another.
"""

import logging
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from tqdm import tqdm

from datamodules.curation.manifest import MANIFEST, MEASURED, ManifestRefused, read_measured, row_name, write_table
from datamodules.curation.measures import PIXELS, measure, perceptual_hash
from datamodules.processes import in_processes
from linecolor.images import SUFFIXES, UnreadableImage, list_folder
from linecolor.images.reading import read_thumbnail

log = logging.getLogger("linecolor")

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


def survey(root: Path, out: Path, jobs: int, progress: bool = True, part_seconds: float = 10) -> tuple[pa.Table, int]:
    """Measure what is below `root` and not yet measured, in so many processes; `root` is only read.

    What was measured is written to `out` at least every `part_seconds`; `progress` shows a bar on a terminal. Gives the
    numbers of every file, sorted by name (`manifest.MEASURED`), and how many were there already.

    Raises:
        ValueError: no picture in root.
        ManifestRefused: out holds the manifest of another folder, or a damaged file.
    """
    entries = _entries(root)
    if not entries:
        raise ValueError(f"{root}: holds no picture ({' '.join(SUFFIXES)})")
    tables = _earlier_tables(entries, root, out)
    places = _places(entries, tables)
    missing = [entry for entry in entries if entry.name not in places]
    fresh: list[dict[str, Any]] = []

    def write_part() -> None:
        if fresh:
            tables.append(pa.Table.from_pylist(fresh, MEASURED))
            write_table(out / PARTS / f"{secrets.token_hex(8)}.parquet", tables[-1])
            fresh.clear()

    last, known, quiet = time.monotonic(), len(places), None if progress else True
    bar = tqdm(None, "measuring pictures", len(entries), unit="picture", initial=known, smoothing=0.05, disable=quiet)
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
    row_of = _places(entries, tables)
    in_order = pa.array([row_of[entry.name] for entry in entries], pa.int64())
    return pa.concat_tables(tables).take(in_order), len(places)


def drop_parts(out: Path) -> None:
    """Remove the parts, once the manifest that holds their rows is written."""
    for part in _parts(out):
        part.unlink(missing_ok=True)
    with suppress(OSError):  # it was never made, or holds other files
        (out / PARTS).rmdir()


def _entries(root: Path) -> list[Entry]:
    listing = list_folder(root)
    for line in listing.left_out():
        log.warning("%s: %s", root, line)
    files = {row_name(path, root): path for path in listing.images}
    states = {name: path.stat() for name, path in files.items()}
    return [Entry(name, str(files[name]), states[name].st_size, states[name].st_mtime_ns) for name in sorted(files)]


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
