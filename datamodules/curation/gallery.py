"""The outcome of a curation to look at: one HTML file with examples of every reason and of what is kept."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from datamodules.curation.manifest import row_name
from datamodules.curation.reasons import REASONS, Judgement
from datamodules.sources.drawing import keyed_fraction
from linecolor.html.document import render_page
from linecolor.html.tables import Table, lay_out_table
from linecolor.images import UnreadableImage, find_images, write_atomically
from linecolor.images.reading import read_thumbnail

if TYPE_CHECKING:
    import pyarrow as pa

SHEET = "sheet.html"
_THUMBNAIL = 224 * 224

# The figures that tell a reason, for the captions.
_TELLING = {
    "greyscale": ("chroma",),
    "high_key": ("drawing_light_20",),
    "low_key": ("picture_light_80", "drawing_light_80"),
    "biased_tone": ("tone_range",),
    "biased_color": ("hue_spread", "color_cast"),
    "scribble": ("stroke_share", "paper_share"),
    "photograph": ("photograph",),
}


@dataclass(frozen=True)
class Example:
    """A picture of the sheet; uri is empty where it cannot be shown, original is what it repeats."""

    name: str
    caption: str
    uri: str
    original: str = ""


def write_sheet(
    path: Path, root: Path, measured: pa.Table, judgement: Judgement, thresholds: Mapping[str, float], examples: int
) -> None:
    """Write the sheet; `examples` pictures are shown of each reason and of those kept.

    Half of them are the nearest to the limit, where a mistake would be; half are drawn by a hash of their names.
    """
    names = measured.column("path").to_pylist()
    chosen = {"kept": _choose(judgement.kept, _margin(judgement), names, examples)}
    for reason, holds in judgement.holds.items():
        chosen[reason] = _choose(holds, judgement.excess.get(reason), names, examples)
    wanted = {names[row] for rows in chosen.values() for row in rows}
    wanted |= {names[row] for row in judgement.duplicate_of[chosen["near_duplicate"]].tolist()}
    places = {name: file for file in find_images(root) if (name := row_name(file, root)) in wanted}
    sections: list[dict[str, Any]] = []
    for title, meaning in {"kept": "fit to learn from", **REASONS}.items():
        rows = chosen[title]
        count = int((judgement.kept if title == "kept" else judgement.holds[title]).sum())
        if count:
            shown = [_example(title, row, measured, judgement, places) for row in rows]
            sections.append({"title": title, "meaning": meaning, "count": count, "examples": shown})
    total = len(names)
    table = Table(
        "Why pictures are dropped",
        "A picture may have several reasons.",
        ["reason", "what it means", "pictures", "share of all, %"],
        [
            [section["title"], section["meaning"], section["count"], 100 * section["count"] / total]
            for section in sections
        ],
    )
    page = render_page(
        "curation.html.j2",
        folder=root.name,
        facts=[("pictures", f"{total:,}"), ("kept", f"{int(judgement.kept.sum()):,}")],
        table=lay_out_table(table),
        sections=sections,
        thresholds=[(name.replace("_", "-"), f"{value:g}") for name, value in thresholds.items()],
    )
    write_atomically(path, page.encode())


def _margin(judgement: Judgement) -> np.ndarray:
    """How near each picture is to the nearest limit: the largest excess, 0 at the limit."""
    stacked = np.stack([np.nan_to_num(values, nan=-np.inf) for values in judgement.excess.values()])
    return np.asarray(-stacked.max(axis=0))


def _choose(holds: np.ndarray, distance: np.ndarray | None, names: list[str], count: int) -> list[int]:
    rows = np.flatnonzero(holds)
    nearest = [] if distance is None else rows[np.argsort(distance[rows], kind="stable")][: count // 2].tolist()
    rest = sorted(set(rows.tolist()) - set(nearest), key=lambda row: keyed_fraction(names[row], "sheet"))
    return nearest + rest[: count - len(nearest)]


def _example(title: str, row: int, measured: pa.Table, judgement: Judgement, places: dict[str, Path]) -> Example:
    facts = measured.slice(row, 1).to_pylist()[0]
    if facts["error"] is not None:
        return Example(facts["path"], facts["error"], "")
    caption = [f"{facts['width']} x {facts['height']} px"]
    caption += [f"{name.replace('_', ' ')} {facts[name]:.3g}" for name in _TELLING.get(title, ())]
    original = ""
    if title == "near_duplicate":
        better = measured.slice(int(judgement.duplicate_of[row]), 1).to_pylist()[0]
        caption.append(f"kept: {better['path']}, {better['width']} x {better['height']} px")
        original = _thumbnail(places.get(better["path"]))
    elif title == "kept":
        caption.append(f"photograph {facts['photograph']:.2g}")
    return Example(facts["path"], ", ".join(caption), _thumbnail(places.get(facts["path"])), original)


def _thumbnail(path: Path | None) -> str:
    """A data URI; empty where the file has gone since it was measured."""
    if path is None:
        return ""
    try:
        rgb, _ = read_thumbnail(path, _THUMBNAIL)
    except UnreadableImage:
        return ""
    buffer = BytesIO()
    Image.fromarray(rgb).save(buffer, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
