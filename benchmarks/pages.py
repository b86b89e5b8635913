"""Pages as people bring them: a sheet of one figure; the held-out drawings with tone, on other paper, of other shapes.

python -m benchmarks.pages                   writes docs/pages.png
python -m benchmarks.pages data/openmoji     measures the held-out drawings there, and prints a table
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.figure import PAPERS, hint_points, line, on_paper, toned, tones
from linecolor import LineColorizer
from linecolor.arrays import Mask, Picture
from linecolor.evaluation.hint_levels import ProtocolHints
from linecolor.evaluation.metrics.psnr import psnr
from linecolor.images import read_color, read_line, write_png
from linecolor.lineart.foreground import foreground

SHEET = Path(__file__).parents[1] / "docs" / "pages.png"
TONES = ("hatching 30", "cross-hatching", "dots 10 24.6", "dither", "flat 200")
SHOWN = ("kraft", "photographed", "pencil")
HINTS = 32
SHAPES = {"4:3": (4, 3), "3:4": (3, 4), "16:9": (16, 9), "1:2": (1, 2), "A4": (210, 297)}


@dataclass
class Page:
    """A drawing to measure: as `FullDrawing`, and the page that is coloured in place of its line."""

    name: str
    line: Picture
    color: Picture
    foreground: Mask
    page: Picture


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


def variants(drawing: Page) -> Iterator[tuple[str, Page]]:
    """The drawing under other circumstances, with the truth that belongs to each."""
    yield "as it is", drawing
    plain, largest = drawing.line, _largest_area(drawing.line)
    for tone in TONES:
        over = np.where(largest, tones(tone, *plain.shape), 255).astype(np.uint8)
        truth = np.rint(drawing.color * (over[..., None] / 255)).astype(np.uint8)
        yield tone, Page(drawing.name, plain, truth, drawing.foreground, np.minimum(plain, over))
    for paper in PAPERS:
        page = on_paper(plain, **PAPERS[paper])
        yield paper, Page(drawing.name, plain, drawing.color, drawing.foreground, page)
    height, width = plain.shape
    for shape, (across, down) in SHAPES.items():
        wide, high = min(width, width * across // down), min(height, height * down // across)
        part = np.s_[(height - high) // 2 : (height + high) // 2, (width - wide) // 2 : (width + wide) // 2]
        yield shape, Page(drawing.name, plain[part], drawing.color[part], drawing.foreground[part], plain[part])


def measure(colorizer: LineColorizer, root: Path) -> None:
    """Print PSNR, whole picture and foreground, of each circumstance with 32 hints."""
    figures: dict[str, list[tuple[float, float]]] = {}
    for path in sorted((root / "test" / "color").iterdir()):
        color, alpha = read_color(path)
        ink = read_line(root / "test" / "line" / path.name)
        for name, page in variants(Page(path.stem, ink, color, foreground(ink, color, alpha), ink)):
            (hints,) = ProtocolHints([HINTS]).of(page)  # type: ignore[arg-type]
            figures.setdefault(name, []).append(
                psnr(colorizer.colorize(page.page, hints.layer), page.color, page.foreground)
            )
    base = np.mean(figures["as it is"], axis=0)
    print(f"{len(figures['as it is'])} drawings, {HINTS} hints\n")
    print("| page | PSNR | foreground | against as it is |\n|---|---|---|---|")
    for name, rows in figures.items():
        whole, inside = np.mean(rows, axis=0)
        print(f"| {name} | {whole:.1f} | {inside:.1f} | {inside - base[1]:+.1f} |")


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
