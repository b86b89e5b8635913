"""Pages as people bring them: a sheet of one figure; the held-out drawings with tone, on other paper, of other shapes.

python -m benchmarks.pages                   writes docs/pages.png
python -m benchmarks.pages data/openmoji     measures the held-out drawings there, and prints a table
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks.figure import PAPERS, hint_points, line, on_paper, toned, tones
from linecolor import LineColorizer
from linecolor.arrays import PAPER, Mask, Picture
from linecolor.evaluation.hint_levels import ProtocolHints
from linecolor.evaluation.metrics.psnr import psnr
from linecolor.images import read_color, read_line, write_png
from linecolor.lineart.foreground import foreground
from linecolor.samples import FullDrawing

SHEET = Path(__file__).parents[1] / "docs" / "pages.png"
TONES = ("hatching 30", "cross-hatching", "dots 10 24.6", "dither", "flat 200")
SHOWN = ("kraft", "photographed", "pencil")
HINTS = 32
SHAPES = {"4:3": (4, 3), "3:4": (3, 4), "16:9": (16, 9), "1:2": (1, 2), "A4": (210, 297)}


@dataclass
class Page:
    """A page to colour, what is true of it, and where that is measured: the areas of the drawing, without its lines."""

    page: Picture
    hints: Picture
    truth: Picture
    areas: Mask


def write_sheet(colorizer: LineColorizer) -> None:
    """The figure with each tone and on each paper, the page above and its colours below."""
    size = (1240, 1754)
    plain = line(*size)
    pages = [plain, *(toned(plain, tone) for tone in TONES), *(on_paper(plain, **PAPERS[paper]) for paper in SHOWN)]
    columns = [
        np.vstack([page if page.ndim == 3 else np.dstack([page] * 3), colorizer.colorize(page, hint_points(*size))])
        for page in pages
    ]
    write_png(SHEET, np.asarray(cv2.resize(np.hstack(columns), None, fx=0.15, fy=0.15, interpolation=cv2.INTER_AREA)))


def variants(plain: Page) -> Iterator[tuple[str, Page]]:
    """The same drawing and hints under other circumstances, with the truth that belongs to each."""
    yield "as it is", plain
    largest = _largest_area(plain.page)
    for tone in TONES:
        over = np.where(largest, tones(tone, *plain.page.shape), 255).astype(np.uint8)
        truth = np.rint(plain.truth * (over[..., None] / 255)).astype(np.uint8)
        yield tone, replace(plain, page=np.minimum(plain.page, over), truth=truth)
    for paper in PAPERS:
        yield paper, replace(plain, page=on_paper(plain.page, **PAPERS[paper]))
    for shape, (across, down) in SHAPES.items():
        height, width = plain.page.shape
        more = ((0, max(0, width * down // across - height)), (0, max(0, height * across // down - width)))
        yield (
            shape,
            Page(
                np.pad(plain.page, more, constant_values=255),
                np.pad(plain.hints, (*more, (0, 0))),
                np.pad(plain.truth, (*more, (0, 0)), constant_values=255),
                np.pad(plain.areas, more),
            ),
        )


def measure(colorizer: LineColorizer, root: Path) -> None:
    """Print the PSNR of the drawings' areas under each circumstance, with 32 hints."""
    figures: dict[str, list[float]] = {}
    for path in sorted((root / "test" / "color").iterdir()):
        color, alpha = read_color(path)
        ink = read_line(root / "test" / "line" / path.name)
        drawing = FullDrawing(path.stem, ink, color, foreground(ink, color, alpha))
        (hints,) = ProtocolHints([HINTS]).of(drawing)
        plain = Page(ink, hints.layer, color, drawing.foreground & (ink >= PAPER))
        for name, page in variants(plain):
            picture = colorizer.colorize(page.page, page.hints)
            figures.setdefault(name, []).append(psnr(picture, page.truth, page.areas))
    print(f"{len(figures['as it is'])} drawings, {HINTS} hints\n")
    print("| page | PSNR of its areas | against as it is |\n|---|---|---|")
    base = np.mean(figures["as it is"])
    for name, values in figures.items():
        print(f"| {name} | {np.mean(values):.1f} | {np.mean(values) - base:+.1f} |")


def _largest_area(page: Picture) -> Mask:
    """The largest closed area that is not the paper around the drawing."""
    _, areas, stats, _ = cv2.connectedComponentsWithStats((page >= 250).astype(np.uint8), connectivity=4)
    sizes = stats[:, cv2.CC_STAT_AREA].copy()
    sizes[[0, areas[0, 0], areas[-1, 0], areas[0, -1], areas[-1, -1]]] = 0
    return np.asarray(areas == int(sizes.argmax()))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(LineColorizer.load(), Path(sys.argv[1]))
    else:
        write_sheet(LineColorizer.load())
