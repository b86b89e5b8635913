"""metrics.jsonl: the record of a training stage, one JSON object a line, each with `images_seen`."""

import json
import math
from pathlib import Path
from typing import Any


def append_record(path: Path, images_seen: int | None, metrics: dict[str, float]) -> None:
    """Append one line; it is complete as soon as it is written. NaN and infinity become null: JSON has neither."""
    finite = {name: value if math.isfinite(value) else None for name, value in metrics.items()}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"images_seen": images_seen, **finite}) + "\n")


def read_record(path: Path) -> list[dict[str, Any]]:
    """The lines of a record; none if there is no file; a line cut off by a power failure is left out."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if _images_seen(line) < math.inf]


def cut_back(path: Path, images_seen: int) -> None:
    """Drop what was recorded after a checkpoint that training goes back to."""
    if not path.is_file():
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if _images_seen(line) <= images_seen]
    partial = path.with_suffix(".tmp")
    partial.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
    partial.replace(path)


def _images_seen(line: str) -> float:
    try:
        return float(json.loads(line)["images_seen"])
    except (ValueError, KeyError, TypeError):
        return math.inf
