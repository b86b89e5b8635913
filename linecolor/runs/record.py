"""metrics.jsonl: the record of a training stage, one JSON object a line, each with `images_seen`."""

import json
import math
import os
from pathlib import Path
from typing import Any

from linecolor.runs.full_disk import naming


def append_record(path: Path, images_seen: int | None, metrics: dict[str, float]) -> None:
    """Append one line; it is complete as soon as it is written. NaN and infinity become null: JSON has neither."""
    finite = {name: value if math.isfinite(value) else None for name, value in metrics.items()}
    with naming(path), path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"images_seen": images_seen, **finite}) + "\n")


def read_record(path: Path) -> list[dict[str, Any]]:
    """The lines of a record; none if there is no file; a line cut off by a power failure is left out."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if _images_seen(line) < math.inf]


def secured_size(path: Path) -> int:
    """Bytes of a record, all of them on the disk; 0 if there is none."""
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return os.fstat(file.fileno()).st_size


def cut_back(path: Path, size: int) -> None:
    """Drop what was recorded after a checkpoint, when the record had `size` bytes; a line that was cut off goes too."""
    if not path.is_file():
        return
    with path.open("r+b") as file:
        kept = file.read(size)
        file.truncate(kept.rfind(b"\n") + 1)


def _images_seen(line: str) -> float:
    try:
        return float(json.loads(line)["images_seen"])
    except (ValueError, KeyError, TypeError):
        return math.inf
