"""What was measured of a set of systems: figures a system, a row a picture; on disk as JSON and Parquet."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from linecolor.evaluation.methods import WITHOUT
from linecolor.images import write_atomically

ROWS, FIGURES = "rows.parquet", "measured.json"
MOST_BYTES = 2**30

QUANTITIES = (
    "psnr", "psnr_foreground", "ssim", "ssim_foreground", "chroma_ratio", "bleeding", "checkerboard", "edge_loss",
    "seconds",
)  # fmt: skip
"""The figures of a row."""

SCHEMA = pa.schema(
    [
        ("system", pa.string()),
        ("member", pa.string()),
        ("drawing", pa.string()),
        ("hints", pa.string()),
        ("hint_count", pa.int64()),
        *((quantity, pa.float64()) for quantity in QUANTITIES),
    ]
)
"""A row: system, its member (seed), the drawing, the level of its hints, their number if the protocol gave them."""


@dataclass(frozen=True)
class MeasuredSystem:
    """The figures of one system, or of one of its seeds.

    Attributes:
        name: in tables.
        member: of its seeds.
        kind: trained, foreign, reference or oracle.
        levels: figures by level of hints: `psnr_mean`, `psnr_foreground_median`, `fid_...`, `n`, ...
        cost: parameters, flops, memory in bytes; what is known of it.
        notes: what a reader has to know of it.
    """

    name: str
    member: str
    kind: str
    levels: dict[str, dict[str, float]]
    cost: dict[str, float] = field(default_factory=dict)
    notes: str = ""

    def figure(self, level: str, name: str) -> float | None:
        """A figure at a level of hints; None where it was not measured, or is not a number."""
        value = self.levels.get(level, {}).get(name)
        return value if value is not None and math.isfinite(value) else None


@dataclass(frozen=True)
class Measured:
    """The measurement of a set of systems on the same drawings with the same hints.

    Attributes:
        levels: of hints, from the fewest to the most.
        drawings: their names.
        systems: in the order of the tables.
        rows: a mapping for each picture, by `SCHEMA`.
        facts: what was asked for, the machine, the versions.
    """

    levels: list[str]
    drawings: list[str]
    systems: list[MeasuredSystem]
    rows: list[dict[str, Any]] = field(repr=False)
    facts: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def names(self) -> list[str]:
        """The systems' names, each once."""
        return list(dict.fromkeys(system.name for system in self.systems))

    def members(self, name: str) -> list[MeasuredSystem]:
        """The seeds of a system."""
        return [system for system in self.systems if system.name == name]

    def level_of(self, name: str, level: str) -> str:
        """The level at which a system's figures stand: of what no hint changes they were taken once, without any."""
        return level if level in self.members(name)[0].levels else WITHOUT

    def per_drawing(self, name: str, level: str, quantity: str, member: str | None = None) -> dict[str, float]:
        """A figure of each drawing, the mean of the system's seeds or of one; without those that have none."""
        found: dict[str, list[float]] = {}
        for row in self.rows_of(name, level):
            if member is not None and row["member"] != member:
                continue
            value = row[quantity]
            if value is not None and math.isfinite(value):
                found.setdefault(row["drawing"], []).append(value)
        return {drawing: sum(values) / len(values) for drawing, values in found.items()}

    def rows_of(self, name: str, level: str) -> Iterator[dict[str, Any]]:
        """The rows of a system at a level of hints."""
        return (row for row in self.rows if row["system"] == name and row["hints"] == level)

    def save(self, folder: Path) -> None:
        """Write measured.json and rows.parquet."""
        folder.mkdir(parents=True, exist_ok=True)
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(self.rows, schema=SCHEMA), sink, compression="zstd")
        write_atomically(folder / ROWS, sink.getvalue().to_pybytes())
        told = {
            "levels": self.levels,
            "drawings": self.drawings,
            "systems": [_plain(asdict(system)) for system in self.systems],
            "facts": self.facts,
        }
        write_atomically(folder / FIGURES, json.dumps(told, indent=1).encode())

    @classmethod
    def load(cls, folder: Path) -> "Measured":
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: if there is nothing in the folder.
            ValueError: if it is damaged.
        """
        for name in (FIGURES, ROWS):
            if not (folder / name).is_file():
                raise FileNotFoundError(f"{folder / name}: is missing; measure the systems first: linecolor-evaluate")
            if (folder / name).stat().st_size > MOST_BYTES:
                raise ValueError(f"{folder / name}: is larger than any measurement")
        try:
            told = json.loads((folder / FIGURES).read_text(encoding="utf-8"))
            rows = pq.read_table(folder / ROWS, schema=SCHEMA).to_pylist()
            systems = [MeasuredSystem(**system) for system in told["systems"]]
            return cls(told["levels"], told["drawings"], systems, rows, told["facts"])
        except (ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise ValueError(
                f"{folder}: holds a damaged measurement ({type(error).__name__}: {error}); delete {FIGURES} and "
                "measure again"
            ) from None


def _plain(value: Any) -> Any:
    """What strict JSON can hold: null in the place of NaN and infinity."""
    if isinstance(value, dict):
        return {key: _plain(of) for key, of in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def level_name(level: str) -> str:
    """A level of hints for people: "008" -> "8 hints", "000" -> "no hints", "0.10" -> "0.10"."""
    if len(level) == 3 and level.isdigit():
        return f"{int(level)} hint{'' if int(level) == 1 else 's'}" if int(level) else "no hints"
    return level
