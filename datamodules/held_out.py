"""Held-out drawings, whole, with lines of the kind that a training saw."""

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from torch.utils.data import Dataset

from datamodules.illustrations import Page, read_page
from datamodules.recipe import LineSettings
from datamodules.sources.drawing import Drawing
from linecolor import images
from linecolor.arrays import Mask, Picture
from linecolor.lineart import lines, outlines
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


EXTRACTIONS: dict[str, Callable[[Picture], Picture]] = {
    "xdog": partial(lines.xdog, sigma=0.4),
    "outline": outlines.outline,
    "grey": lines.grey_uint8,
}
"""How a line is drawn for a held-out drawing."""


def full_drawings(drawings: Sequence[Drawing], line: LineSettings, line_method: str = "real") -> "FullDrawings":
    """Held-out drawings with lines of the kind that a training saw; its real ones where there are any."""
    if line.grey:
        return FullDrawings(drawings, "grey")
    fallback = "outline" if line.outline and not (line.xdog or line.dilate) else "xdog"
    return FullDrawings(drawings, line_method, fallback)


class FullDrawings(Dataset[FullDrawing]):
    """Held-out drawings, whole, for evaluation.

    Where a drawing's true background is known, its foreground is what stands before that.

    Args:
        drawings: to evaluate on.
        line_method: `real` where there is one, or one of `EXTRACTIONS` for all of them, as in the paper's larger FID.
        fallback: of `EXTRACTIONS`, for drawings without a real line.

    Raises:
        ValueError: for another line method.
    """

    def __init__(self, drawings: Sequence[Drawing], line_method: str = "real", fallback: str = "xdog") -> None:
        if line_method not in ("real", *EXTRACTIONS):
            raise ValueError(f"line_method={line_method} is unknown: use real, {' or '.join(EXTRACTIONS)}")
        self.drawings = drawings
        self.line_method = line_method
        self.fallback = fallback

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
        if line is None or self.line_method != "real":
            line = EXTRACTIONS[self.fallback if self.line_method == "real" else self.line_method](page.color)
        if self.line_method == "grey":
            ink = outlines.outline(page.color) if page.line is None else page.line
        return FullDrawing(page.drawing.id, line, page.color, _true_foreground(page), known, ink)


def _true_foreground(page: Page) -> Mask:
    """What stands before the background, (H, W): by the mask where there is one, else by the page's alpha."""
    path = page.drawing.background
    if path is None:
        return page.alpha > 0
    background = images.read_line(path)
    if background.shape != page.alpha.shape:
        raise images.UnreadableImage(
            path, f"is {background.shape[1]} x {background.shape[0]} px, its colour picture is another size"
        )
    return background < 128
