"""Writes a data set into shards: the original files, never encoded again, in plain tars; resumable and atomic.

Which drawing goes into which shard follows from the list of drawings and their files' sizes alone, so a shard is
written by itself, the same bytes every time, and one that is there is not written again. The index comes last: a
folder that has one is whole.
"""

import json
import logging
import os
import shutil
import tarfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
from tqdm import tqdm

from datamodules.shards.drawings import UNFINISHED
from datamodules.shards.index import FORMAT_VERSION, INDEX, SCHEMA, DamagedIndex, read_table, to_bytes
from datamodules.shards.tar import (
    Checked,
    ShardingRefused,
    add,
    deal,
    fingerprint,
    plan_drawings,
    read_drawing,
    tar_bytes,
)
from datamodules.sources.drawing import Drawing
from linecolor.images import write_atomically
from linecolor.runs.full_disk import naming

log = logging.getLogger("linecolor")

MIN_SHARD_MB, MAX_SHARD_MB = 1, 100_000
_SPARE = 50_000_000
"""Bytes that must stay free on the disk in addition to the shards: the index, and room to breathe."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Sharded:
    """What `write_shards` did."""

    out: Path
    drawings: dict[str, int]  # how many drawings lie in the shards, per split
    shards: int  # how many shards there are
    reused: int  # how many of them were there already
    size: int  # of all shards in bytes
    skipped: list[str]  # one line for each picture or line that could not be used


def write_shards(
    drawings: Sequence[Drawing],
    root: str | Path,
    out: str | Path,
    licence: dict[str, Any] | None = None,
    shard_mb: int = 512,
    verify: str = "decode",
    jobs: int | None = None,
    force: bool = False,
    progress: bool = True,
) -> Sharded:
    """Write drawings on disk into shards; what an earlier, interrupted call finished is kept.

    What cannot be used is named on the "linecolor" logger and left out, as `scan_folder` does it.

    Args:
        drawings: of a folder, as `scan_folder` finds them, each with its split.
        root: that folder.
        out: folder of the shards: new, empty, or one that this function made.
        licence: of the data set, from `folder.read_licence`; goes into the index.
        shard_mb: size of a shard in millions of bytes, about: a drawing is never divided.
        verify: "decode" decodes every picture once, so that a truncated one is found now; "header" reads sizes only.
        jobs: threads that read and decode; None takes one a core, four at most: each may hold a page of 0.9 GB.
        force: drop the shards that are there and write all anew.
        progress: show a progress bar on a terminal.

    Raises:
        ShardingRefused: bad options, another data set or foreign files in `out`, too little room, nothing usable.
    """
    root, out = Path(root).expanduser(), Path(out).expanduser()
    if not MIN_SHARD_MB <= shard_mb <= MAX_SHARD_MB:
        raise ShardingRefused(f"--shard-mb {shard_mb} is not between {MIN_SHARD_MB} and {MAX_SHARD_MB}")
    if verify not in ("decode", "header"):
        raise ShardingRefused(f"--verify {verify} is unknown: use decode or header")
    if jobs is not None and jobs < 1:
        raise ShardingRefused(f"--jobs {jobs} must be 1 or more")
    planned, refused = plan_drawings(drawings, root)
    for complaint in refused:
        log.warning("skipped %s", complaint)
    plan = deal(planned, shard_mb * 1_000_000)
    mark = fingerprint(planned, licence, shard_mb, verify)
    whole = _make_ready(out, mark, force)
    if whole is not None:
        return whole
    done = [_finished(out, number, len(shard)) for number, shard in enumerate(plan)]
    _check_room(out, sum(tar_bytes(shard) for shard, part in zip(plan, done) if part is None))
    write_atomically(out / UNFINISHED, json.dumps({"fingerprint": mark}).encode())

    there = sum(len(shard) for shard, part in zip(plan, done) if part is not None)
    quiet = None if progress else True
    bar = tqdm(total=len(planned), initial=there, desc="writing shards", unit="drawing", disable=quiet)
    read, parts = partial(read_drawing, decode=verify == "decode"), []
    pool = ThreadPoolExecutor(jobs or min(4, os.cpu_count() or 1))
    try:
        with bar:
            for number, (shard, part) in enumerate(zip(plan, done)):
                parts.append(part or _write_shard(out, number, _in_order(pool, read, shard), bar.update))
    finally:
        pool.shutdown(cancel_futures=True)
    skipped = refused + [complaint for _, facts in parts for complaint in facts["skipped"]]
    table = pa.concat_tables([table for table, _ in parts])
    if not table.num_rows:
        raise ShardingRefused(f"{root}: none of its {len(drawings)} drawings can be used; the first: {skipped[0]}")
    metadata = {
        "format": FORMAT_VERSION,
        "shards": [{"name": _name(number), "bytes": facts["bytes"]} for number, (_, facts) in enumerate(parts)],
        "licence": licence,
        "fingerprint": mark,
        "skipped": skipped,
    }
    write_atomically(out / INDEX, to_bytes(table, metadata))
    _tidy(out)
    return _summary(out, table, metadata, sum(part is not None for part in done))


def _make_ready(out: Path, mark: str, force: bool) -> Sharded | None:
    """Refuse foreign folders and other data sets; what is there whole is the result."""
    if out.exists() and not out.is_dir():
        raise ShardingRefused(f"{out} is a file; pass another --out")
    started = [path for path in (out / INDEX, out / UNFINISHED) if path.is_file()]
    if not started:
        if out.is_dir() and any(out.iterdir()):
            raise ShardingRefused(f"{out} holds other files and no shards; pass another --out")
    elif force:
        # An index.parquet need not be ours: files of others are never dropped.
        if not any(isinstance(_fingerprint_of(path), str) for path in started):
            raise ShardingRefused(f"{out}: its {started[0].name} is not linecolor's; pass another --out")
        _tidy(out, also=("shard-[0-9]*.tar", INDEX))
    else:
        for path in started:
            if _fingerprint_of(path) != mark:
                raise ShardingRefused(
                    f"{out} was written from other drawings or with other options; pass another --out, or --force to "
                    "write it anew"
                )
        if (out / INDEX).is_file():
            _tidy(out)
            table, metadata = read_table((out / INDEX).read_bytes(), str(out / INDEX))
            if all(_has_size(out / shard["name"], shard["bytes"]) for shard in metadata["shards"]):
                return _summary(out, table, metadata, len(metadata["shards"]))
            raise ShardingRefused(f"{out}: shards are missing or cut short; --force writes all anew")
    return None


def _fingerprint_of(path: Path) -> object:
    try:
        if path.name == INDEX:
            return read_table(path.read_bytes(), str(path), ["id"])[1].get("fingerprint")
        return json.loads(path.read_bytes())["fingerprint"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _check_room(out: Path, needed: int) -> None:
    free = shutil.disk_usage(next(folder for folder in (out, *out.absolute().parents) if folder.is_dir())).free
    if needed + _SPARE > free:
        raise ShardingRefused(
            f"{out}: the shards take {needed / 1e9:,.1f} GB, the disk has {free / 1e9:,.1f} GB free; make room or pass "
            "an --out on another disk"
        )


def _in_order(pool: ThreadPoolExecutor, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """What `pool.map` gives, a few ahead only: the files of a whole shard need not wait in memory."""
    waiting: deque[Future[Result]] = deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) > 8:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _write_shard(
    out: Path, number: int, checked: Iterable[Checked], tell: Callable[[int], object]
) -> tuple[Any, dict[str, Any]]:
    """Write one tar and, when it is whole, the part of the index that belongs to it."""
    temporary = out / f".{_name(number)}.tmp"
    rows: list[dict[str, Any]] = []
    skipped: list[str] = []
    try:
        with naming(out / _name(number)), temporary.open("wb") as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
                for one in checked:
                    skipped += one.complaints
                    for complaint in one.complaints:
                        log.warning("skipped %s", complaint)
                    if one.color is not None:
                        rows.append(add(tar, number, one))
                    tell(1)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(out / _name(number))
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    facts = {"bytes": (out / _name(number)).stat().st_size, "skipped": skipped}
    table = pa.Table.from_pylist(rows, SCHEMA)
    write_atomically(_part(out, number), to_bytes(table, facts))
    return table, facts


def _finished(out: Path, number: int, most: int) -> tuple[Any, dict[str, Any]] | None:
    """A shard's part of the index, of `most` drawings at most, if it and the shard are there and whole."""
    path = _part(out, number)
    if not path.is_file():
        return None
    try:
        table, facts = read_table(path.read_bytes(), str(path))
    except DamagedIndex:
        return None
    numbers = table["shard"].unique().to_pylist()
    whole = _has_size(out / _name(number), facts.get("bytes")) and numbers in ([], [number])
    return (table, facts) if whole and len(table) <= most and isinstance(facts.get("skipped"), list) else None


def _has_size(path: Path, size: object) -> bool:
    return path.is_file() and path.stat().st_size == size


def _tidy(out: Path, also: tuple[str, ...] = ()) -> None:
    """Remove what only an unfinished sharding needs, by its own names; `also` more, by pattern."""
    for pattern in (".shard-*.tar.tmp", ".shard-*.parquet", UNFINISHED, *also):
        for path in out.glob(pattern):
            path.unlink()


def _name(number: int) -> str:
    return f"shard-{number:06d}.tar"


def _part(out: Path, number: int) -> Path:
    return out / f".shard-{number:06d}.parquet"


def _summary(out: Path, table: Any, metadata: dict[str, Any], reused: int) -> Sharded:
    counts = {entry["values"]: entry["counts"] for entry in table["split"].value_counts().to_pylist()}
    return Sharded(
        out=out,
        drawings={split: counts.get(split, 0) for split in ("train", "test")},
        shards=len(metadata["shards"]),
        reused=reused,
        size=sum(shard["bytes"] for shard in metadata["shards"]),
        skipped=metadata["skipped"],
    )
