"""Held-out drawings, whole, with lines of the kind that a training saw."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch.utils.data import Dataset

from datamodules.illustrations import Page, read_page, refuse_other_size
from datamodules.pair_settings import LineSettings
from datamodules.sources.drawing import Drawing
from linecolor import images
from linecolor.arrays import Mask
from linecolor.lineart import outlines
from linecolor.lineart.methods import HELD_OUT, REAL
from linecolor.samples import FullDrawing

log = logging.getLogger("linecolor")

SMALLEST_SIDE = 16
"""Pixels a held-out drawing has at least: below, neither SSIM's window nor a hint has room."""


def readable(drawings: Sequence[Drawing], count: int) -> list[Drawing]:
    """The first `count` drawings that can be evaluated; what cannot is named and skipped, so that it ends no run."""
    found: list[Drawing] = []
    for drawing in drawings:
        if len(found) == count:
            break
        try:
            height, width = read_page(drawing).color.shape[:2]
        except images.UnreadableImage as unreadable:
            log.warning("skipped in evaluation: %s", unreadable)
            continue
        if min(height, width) < SMALLEST_SIDE:
            log.warning("skipped in evaluation: %s: only %d x %d px", drawing.color, width, height)
            continue
        found.append(drawing)
    return found


def full_drawings(drawings: Sequence[Drawing], line: LineSettings, line_method: str = REAL) -> "FullDrawings":
    """Held-out drawings with lines of the kind that a training saw; its real ones where there are any."""
    for name, method in line.methods.items():
        if not method.is_line:
            return FullDrawings(drawings, name)
    drawn = next(iter(line.methods))
    return FullDrawings(drawings, line_method, drawn if drawn in HELD_OUT else "xdog")


@dataclass(eq=False)
class FullDrawings(Dataset[FullDrawing]):
    """Held-out drawings, whole, for evaluation.

    Where a drawing's true background is known, its foreground is what stands before that.

    Raises:
        ValueError: for another line method.
    """

    drawings: Sequence[Drawing]  # to evaluate on
    # `real` where there is one, or one of `HELD_OUT` for all of them, as in the paper's larger FID.
    line_method: str = REAL
    fallback: str = "xdog"  # of `HELD_OUT`, for drawings without a real line

    def __post_init__(self) -> None:
        if self.line_method not in (REAL, *HELD_OUT):
            raise ValueError(f"line_method={self.line_method} is unknown: use {REAL}, {' or '.join(HELD_OUT)}")

    def __len__(self) -> int:
        return len(self.drawings)

    def __iter__(self) -> Iterator[FullDrawing]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> FullDrawing:
        """Decode the drawing at this place.

        Raises:
            images.UnreadableImage: naming the file and why.
        """
        known = self.drawings[index].background is not None
        page = read_page(self.drawings[index], flood=not known)
        line, ink = page.line, None
        if line is None or self.line_method != REAL:
            method = HELD_OUT[self.fallback if self.line_method == REAL else self.line_method]
            line = method.draw_held_out(page.color)
            if not method.is_line:
                ink = outlines.outline(page.color) if page.line is None else page.line
        return FullDrawing(page.drawing.id, line, page.color, _true_foreground(page), known, ink)


def _true_foreground(page: Page) -> Mask:
    """What stands before the background, (H, W): by the mask where there is one, else by the page's alpha."""
    path = page.drawing.background
    if path is None:
        return page.alpha > 0
    background = images.read_line(path)
    refuse_other_size(path, background, page.color)
    return background < 128
