"""Turns drawings into a data set of colour and line pairs: resumable, atomic, on all cores."""

import importlib
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from datamodules.processes import spawned_pool
from datamodules.sources.data_set import (
    FORMAT_VERSION,
    MANIFEST,
    UNFINISHED,
    RenderingRefused,
    make_ready,
    picture_paths,
    to_json,
)
from linecolor.arrays import Picture
from linecolor.images import UnreadableImage, image_size, write_atomically, write_png

MIN_SIZE, MAX_SIZE = 16, 8192


class MissingDataPackage(ImportError):
    """A package of the `data` extra is not installed; the message says what to install."""


@dataclass(frozen=True)
class Licence:
    """Under what terms a data set may be used: name, url and the line its makers ask to be named by."""

    name: str
    url: str
    attribution: str


@dataclass(frozen=True)
class Origin:
    """Where a data set comes from: source name ("openmoji"), its version, its licence."""

    source: str
    version: str
    licence: Licence


@dataclass(frozen=True)
class Row:
    """A drawing to render: `id` is its file stem, `base` the drawing it is a variant of."""

    id: str
    base: str
    split: str


@dataclass(frozen=True)
class Rendered:
    """What `render_set` did: the folder, pairs per split, how many of them were already there."""

    root: Path
    pairs: dict[str, int]
    reused: int
    licence: Licence


DrawSvg = Callable[[str], tuple[str, str]]
"""id -> (colour SVG, line SVG); a module-level function or a partial of one, for it travels to processes."""


@dataclass(frozen=True)
class Pictures:
    """The pictures of a row, all of one size S x S."""

    # (S, S, 3) uint8 RGB or (S, S, 4) with straight alpha; or the bytes of such a PNG, written as they are.
    color: Picture | bytes
    line: Picture  # (S, S) uint8, paper = 255
    # (S, S) uint8, 255 = background, 0 = what stands before it; None where it is not known.
    background: Picture | None = None


DrawPictures = Callable[[Row, int], Pictures]
"""(row, side in pixels) -> its pictures; a module-level function or a partial of one."""


@dataclass(frozen=True)
class DrawingSet:
    """What is to be rendered."""

    origin: Origin  # what goes into the manifest about the source
    rows: Sequence[Row]  # the drawings, each id once
    draw: DrawPictures  # gives the pictures of a row; see `from_svgs`
    options: Mapping[str, Any]  # what the user chose (counts, seed, ...), for the manifest; JSON values
    masked: Collection[str] = ()  # splits whose rows have a background mask; of the others' no mask is written


def data_package(name: str) -> ModuleType:
    """Import a package of the `data` extra.

    Raises:
        MissingDataPackage: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingDataPackage(f'the package {name} is not installed; run: pip install ".[data]"') from error


def render_svg(svg: str, size: int, background: str | None = None) -> bytes:
    """Render a square SVG to PNG bytes of size x size pixels; without a background RGBA, straight alpha."""
    # Fonts of the machine would make the same drawing differ from one machine to the next.
    options = {"width": size, "height": size, "dpi": 96, "skip_system_fonts": True, "background": background}
    return bytes(data_package("resvg_py").svg_to_bytes(svg_string=svg, **options))


def rendered_color(svg: str, size: int) -> Picture:
    """A square SVG as (size, size, 4) RGBA with straight alpha."""
    return _decoded(render_svg(svg, size), "RGBA")


def rendered_line(svg: str, size: int) -> Picture:
    """A square SVG on white paper, (size, size) grey."""
    return _decoded(render_svg(svg, size, "white"), "L")


def _decoded(png: bytes, mode: str) -> Picture:
    with Image.open(BytesIO(png), formats=["PNG"]) as picture:
        return np.asarray(picture.convert(mode))


def from_svgs(draw: DrawSvg) -> DrawPictures:
    """The pictures of vector drawings, of which `draw` gives colour and line."""
    return partial(_svg_pictures, draw=draw)


def render_set(
    out: str | Path,
    drawings: DrawingSet,
    size: int = 512,
    test_size: int = 1536,
    jobs: int | None = None,
    force: bool = False,
    progress: bool = True,
) -> Rendered:
    """Render drawings into `out`, keeping what an earlier, interrupted call with the same options finished.

    Args:
        out: the data set's folder: new, empty, or one that this function made.
        drawings: what to render.
        size: side of training pictures in pixels.
        test_size: side of test pictures in pixels.
        jobs: processes; None takes every core.
        force: drop what is there and render anew.
        progress: show a progress bar on a terminal.

    Raises:
        RenderingRefused: other options or foreign files in `out`, a bad size, nothing to render.
        MissingDataPackage: the renderer is not installed.
    """
    out, rows = Path(out), drawings.rows
    sizes = {"train": size, "test": test_size}
    for split, side in sizes.items():
        if not MIN_SIZE <= side <= MAX_SIZE:
            raise RenderingRefused(f"{split} size {side} is not between {MIN_SIZE} and {MAX_SIZE} pixels")
    if jobs is not None and jobs < 1:
        raise RenderingRefused(f"--jobs {jobs} must be 1 or more")
    if not rows:
        raise RenderingRefused("nothing to render: the options leave no drawing")
    data_package("resvg_py")

    manifest = {
        "format": FORMAT_VERSION,
        "source": drawings.origin.source,
        "source_version": drawings.origin.version,
        "licence": asdict(drawings.origin.licence),
        "options": {**drawings.options, **{f"{split} size": side for split, side in sizes.items()}},
        "drawings": [asdict(row) | {"size": [sizes[row.split]] * 2} for row in rows],
    }
    make_ready(out, manifest, force)
    write_atomically(out / UNFINISHED, to_json(manifest))
    render = partial(_render_row, out=out, draw=drawings.draw, sizes=sizes, masked=frozenset(drawings.masked))
    reused = _render_all(rows, render, jobs or os.cpu_count() or 1, progress)
    (out / UNFINISHED).replace(out / MANIFEST)
    pairs = {split: sum(row.split == split for row in rows) for split in sizes}
    return Rendered(out, pairs, reused, drawings.origin.licence)


def _render_all(rows: Sequence[Row], render: Callable[[Row], bool], jobs: int, progress: bool) -> int:
    """Render every row that is not there yet; returns how many were."""
    bar = partial(tqdm, total=len(rows), desc="rendering", unit="pair", disable=None if progress else True)
    if jobs == 1 or len(rows) < 8:
        return sum(bar(map(render, rows)))
    pool = spawned_pool(min(jobs, len(rows)))
    try:
        return sum(bar(pool.map(render, rows, chunksize=2)))
    finally:
        pool.shutdown(cancel_futures=True)  # upon Ctrl-C too, after the pairs in work


def _svg_pictures(row: Row, size: int, draw: DrawSvg) -> Pictures:
    color_svg, line_svg = draw(row.id)
    line = rendered_line(line_svg, size)
    if line.shape != (size, size):
        raise RenderingRefused(f"{row.id}: the drawing is not square, it rendered to {line.shape[::-1]}")
    return Pictures(render_svg(color_svg, size), line)


def _render_row(row: Row, out: Path, draw: DrawPictures, sizes: dict[str, int], masked: frozenset[str]) -> bool:
    """Render one row unless all of its files are whole; True where they were there."""
    size = sizes[row.split]
    color_path, line_path, mask_path = picture_paths(out, row.split, row.id)
    is_masked = row.split in masked
    if _has_size(color_path, size) and _has_size(line_path, size) and (not is_masked or _has_size(mask_path, size)):
        return True
    pictures = draw(row, size)
    write_png(line_path, pictures.line)
    if is_masked:
        if pictures.background is None:
            raise ValueError(f"{row.id}: split {row.split} is to have background masks, and its source gave none")
        write_png(mask_path, pictures.background)
    if isinstance(pictures.color, bytes):
        write_atomically(color_path, pictures.color)
    else:
        write_png(color_path, pictures.color)
    return False


def _has_size(path: Path, size: int) -> bool:
    try:
        return image_size(path) == (size, size)
    except UnreadableImage:
        return False
