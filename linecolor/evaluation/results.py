"""What was measured of a set of methods: figures a method, a row a picture; on disk as JSON and Parquet."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from linecolor.evaluation.claims import CLAIMS
from linecolor.evaluation.hint_levels import WITHOUT
from linecolor.evaluation.metrics import METRICS
from linecolor.images import write_atomically

ROWS, FIGURES = "rows.parquet", "measured.json"
MOST_BYTES = 2**30

QUANTITIES = (*(area for metric in METRICS for area in metric.areas), *(claim.name for claim in CLAIMS), "seconds")
"""The figures of a row."""

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("system", "member", "drawing", "hints")),
        ("hint_count", pa.int64()),
        *((quantity, pa.float64()) for quantity in QUANTITIES),
    ]
)
"""A row: the method and its seed under their names on disk, the drawing, the level of its hints, their number if the
protocol gave them."""


@dataclass(frozen=True)
class MeasuredMethod:
    """The figures of a method, or of one of its seeds.

    Attributes:
        kind: trained, foreign, reference or oracle.
        levels: figures by level of hints: `psnr_mean`, `psnr_foreground_median`, `fid_...`, `n`, ...
        cost: parameters, flops, memory in bytes; what is known of it.
        notes: what a reader has to know of it.
    """

    name: str
    seed: str
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
    """The measurement of a set of methods on the same drawings, told by name, with the same hints.

    Attributes:
        levels: of hints, from the fewest to the most.
        methods: in the order of the tables.
        rows: a mapping for each picture, by `SCHEMA`.
        facts: what was requested, the machine, the versions.
    """

    levels: list[str]
    drawings: list[str]
    methods: list[MeasuredMethod]
    rows: list[dict[str, Any]] = field(repr=False)
    facts: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def names(self) -> list[str]:
        """The methods' names, each once."""
        return list(dict.fromkeys(method.name for method in self.methods))

    def seeds(self, name: str) -> list[MeasuredMethod]:
        """A method, once for each of its training seeds."""
        return [method for method in self.methods if method.name == name]

    def level_of(self, name: str, level: str) -> str:
        """The level at which a method's figures stand: of what no hint changes they were taken once, without any."""
        return level if level in self.seeds(name)[0].levels else WITHOUT

    def per_drawing(self, name: str, level: str, quantity: str, seed: str | None = None) -> dict[str, float]:
        """A figure of each drawing, the mean of the method's seeds or of one; without those that have none."""
        values: dict[str, list[float]] = {}
        for row in self.rows_of(name, level):
            value = row[quantity] if seed in (None, row["member"]) else None
            if value is not None and math.isfinite(value):
                values.setdefault(row["drawing"], []).append(value)
        return {drawing: sum(of) / len(of) for drawing, of in values.items()}

    def rows_of(self, name: str, level: str) -> Iterator[dict[str, Any]]:
        """The rows of a method at a level of hints."""
        return (row for row in self.rows if row["system"] == name and row["hints"] == level)

    def save(self, folder: Path) -> None:
        """Write measured.json and rows.parquet."""
        folder.mkdir(parents=True, exist_ok=True)
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(self.rows, schema=SCHEMA), sink, compression="zstd")
        write_atomically(folder / ROWS, sink.getvalue().to_pybytes())
        content = {
            "levels": self.levels,
            "drawings": self.drawings,
            "systems": [_strict({_ON_DISK.get(k, k): v for k, v in asdict(of).items()}) for of in self.methods],
            "facts": self.facts,
        }
        write_atomically(folder / FIGURES, json.dumps(content, indent=1).encode())

    @classmethod
    def load(cls, folder: Path) -> "Measured":
        """Read what `save` wrote; FileNotFoundError if there is nothing in the folder, ValueError if it is damaged."""
        for name in (FIGURES, ROWS):
            if not (folder / name).is_file():
                raise FileNotFoundError(f"{folder / name}: is missing; measure the methods first: linecolor-evaluate")
            if (folder / name).stat().st_size > MOST_BYTES:
                raise ValueError(f"{folder / name}: is larger than any measurement")
        try:
            content = json.loads((folder / FIGURES).read_text(encoding="utf-8"))
            rows = pq.read_table(folder / ROWS, schema=SCHEMA).to_pylist()
            names = {on_disk: name for name, on_disk in _ON_DISK.items()}
            methods = [MeasuredMethod(**{names.get(k, k): v for k, v in of.items()}) for of in content["systems"]]
            return cls(content["levels"], content["drawings"], methods, rows, content["facts"])
        except (ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as error:
            said = f"holds a damaged measurement ({type(error).__name__}: {error})"
            raise ValueError(f"{folder}: {said}; delete {FIGURES} and measure again") from None


_ON_DISK = {"seed": "member"}
"""Names of a method's attributes in measured.json, where they differ."""


def _strict(value: Any) -> Any:
    """What strict JSON can hold: null in the place of NaN and infinity."""
    if isinstance(value, dict):
        return {key: _strict(of) for key, of in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
