"""Loading from shards against loading from a folder, and what 700,000 drawings cost before the first batch.

    python -m benchmarks.shards

Ratios within one process, in turns: absolute times belong to the machine.
"""

import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import torch

from benchmarks.stopwatch import seconds_of, show
from benchmarks.training import named
from datamodules.illustrations import Illustrations, KeyedBatches
from datamodules.prepare.openmoji import openmoji_set
from datamodules.prepare.rendering import render_set
from datamodules.shards.drawings import load_shards
from datamodules.shards.write import write_shards
from datamodules.sources.drawing import Drawing, ids_of, of_split
from datamodules.sources.folder import scan_folder
from linecolor.experiment.preflight.meter import resident_memory

ROUNDS = 15
MANY = 700_000
"""Training pictures of Lee & Lee 2020, about."""


def measure(count: int = 120, rounds: int = ROUNDS) -> dict[str, float]:
    """Images a second that one loader process decodes and crops, from pictures of 512 px that are in memory already.

    What a loader process does, done here without its pipe to the training process, which costs all sources the same.
    The web server is a process of its own on this machine.

    Returns:
        `folder_images_per_s`; `disk_ratio` and `http_ratio`, images a second over the folder's (bar of the disk: 0.95);
        `sharding_images_per_s`, decoding each picture once; `header_scan_ms`, of a folder's scan, a drawing.
    """
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder, "set"), Path(folder, "shards")
        render_set(root, openmoji_set(limit=count, test_limit=0), progress=False)
        scan = partial(scan_folder, root, verify="header", progress=False)
        scanning = statistics.median(seconds_of(scan, 5)) / count
        drawings = scan().drawings
        sharding = seconds_of(lambda: write_shards(drawings, root, out, jobs=1, progress=False), 1)[0] / count
        with subprocess.Popen(
            [sys.executable, "-m", "benchmarks.shards", "serve", str(out)], stdout=subprocess.PIPE, text=True
        ) as server:
            try:
                assert server.stdout
                sources: dict[str, Sequence[Drawing]] = {
                    "folder": drawings,
                    "disk": load_shards(str(out)).drawings,
                    "http": load_shards(server.stdout.readline().strip()).drawings,
                }
                seconds = _in_turns({name: _loading(source) for name, source in sources.items()}, rounds)
            finally:
                server.terminate()
    return {
        "folder_images_per_s": count / statistics.median(seconds["folder"]),
        # Of each round: what else the machine does meets all sources of a round alike.
        "disk_ratio": statistics.median(a / b for a, b in zip(seconds["folder"], seconds["disk"])),
        "http_ratio": statistics.median(a / b for a, b in zip(seconds["folder"], seconds["http"])),
        "sharding_images_per_s": 1 / sharding,
        "header_scan_ms": 1000 * scanning,
    }


def measure_index(rows: int = MANY) -> dict[str, float]:
    """What this many drawings cost before the first batch; ids of 24 letters, every other drawing with a line.

    Returns:
        `index_mb`, of the index on disk; then for each step, done in a process of its own, seconds, MB of memory it
        leaves behind and, as `worker_mb`, MB that a forked loader process has to itself after an epoch: `table`,
        reading and checking the index; `order`, parting it and one epoch's order; `objects`, the same drawings as a
        list; `paths`, as the list of a folder's scan.
    """
    with tempfile.TemporaryDirectory() as folder:
        figures = {"index_mb": _write_index(Path(folder), rows) / 1e6}
        for what in ("table", "order", "objects", "paths"):
            words = [sys.executable, "-m", "benchmarks.shards", what, folder]
            done = subprocess.run(words, check=True, capture_output=True, text=True)
            figures |= {f"{what}_{name}": value for name, value in json.loads(done.stdout).items()}
    return figures


def _loading(drawings: Sequence[Drawing]) -> Callable[[], None]:
    dataset = Illustrations(drawings, named("demo").pairs, 128, 0, "draft")

    def load() -> None:
        for index in range(len(dataset)):
            dataset[0, index]

    return load


def _in_turns(works: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):
        names = list(works) if number % 2 else list(works)[::-1]
        for name in names:
            spent = seconds_of(works[name], 1)
            seconds[name] += spent if number else []  # the first round warms up
    return seconds


def _write_index(folder: Path, rows: int) -> int:
    """An index as `write_shards` leaves it, and its shards, which are holes."""
    import pyarrow as pa

    from datamodules.shards.index import FORMAT_VERSION, INDEX, SCHEMA, line_offset, to_bytes

    drawings, shards, offset = [], [0], 512
    for number in range(rows):
        name = f"illustrator_{number // 100:06d}/{number:08d}"
        length = 600_000 + number * 7919 % 400_000
        row = {"id": name, "split": "train" if number % 20 else "test", "path": name + ".png"}
        row |= {"shard": len(shards) - 1, "height": 1500, "width": 1200, "color_offset": offset, "color_length": length}
        end = offset + length
        if number % 2:
            row |= {"line_offset": line_offset(offset, length), "line_length": 100_000}
            end = row["line_offset"] + row["line_length"]
        drawings.append(row)
        shards[-1] = end + 2048
        offset = -(-end // 512) * 512 + 2048
        if offset > 512_000_000:
            shards.append(512)
            offset = 512
    listed = [{"name": f"shard-{number:06d}.tar", "bytes": size} for number, size in enumerate(shards)]
    data = to_bytes(pa.Table.from_pylist(drawings, SCHEMA), {"format": FORMAT_VERSION, "shards": listed})
    (folder / INDEX).write_bytes(data)
    for shard in listed:
        with (folder / str(shard["name"])).open("wb") as file:
            file.truncate(int(str(shard["bytes"])))
    return len(data)


def _cost(what: str, folder: str) -> dict[str, float]:
    """Seconds and megabytes of one step of `measure_index`."""
    import pyarrow.compute
    import pyarrow.parquet  # noqa: F401  # what the libraries take is not the index's

    drawings = None if what == "table" else load_shards(folder).drawings
    gc.collect()
    before = resident_memory("RssAnon")
    started = time.perf_counter()
    kept: Any
    if drawings is None:
        kept = load_shards(folder).drawings
    elif what == "order":
        training = of_split(drawings, "train")
        order = KeyedBatches(ids_of(training), 64, 1, 0, "draft")
        kept = (training, order, next(iter(order)))
    elif what == "objects":
        kept = list(drawings)
    else:
        root = "/data/illustrations"
        kept = [Drawing(name, Path(root, f"{name}.png"), None, "train", name) for name in drawings.ids()]
    figures = {"s": time.perf_counter() - started}
    gc.collect()
    figures["mb"] = (resident_memory("RssAnon") - before) / 2**20
    if not isinstance(kept, tuple):
        figures["worker_mb"] = _worker_megabytes(kept)
    return figures


def _worker_megabytes(drawings: Sequence[Drawing]) -> float:
    """Memory that a forked process does not share with its parent after it has read every drawing once."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        before = _private()
        for index in range(len(drawings)):
            str(drawings[index].id)
        os.write(writing, str(_private() - before).encode())
        os._exit(0)
    os.wait()
    return float(os.read(reading, 100))


def _private() -> float:
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="utf-8").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty")) / 1024


class _Ranges(BaseHTTPRequestHandler):
    """The least of a web server that knows ranges."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    root = Path()

    def do_GET(self) -> None:
        """Answer a range of a file."""
        first, last = (int(number) for number in self.headers["Range"].removeprefix("bytes=").split("-"))
        with (self.root / Path(self.path).name).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(first)
            data = file.read(last + 1 - first)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{first + len(data) - 1}/{size}")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Not between the figures."""


def _serve(folder: str) -> None:
    _Ranges.root = Path(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Ranges)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


def main() -> None:
    """Print the figures."""
    if len(sys.argv) > 2:
        if sys.argv[1] == "serve":
            _serve(sys.argv[2])
        else:
            print(json.dumps(_cost(sys.argv[1], sys.argv[2])))
        return
    show(measure() | measure_index())


if __name__ == "__main__":
    main()
