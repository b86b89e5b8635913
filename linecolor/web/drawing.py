"""One uploaded drawing: a reduced view of it to paint on, and its colours at any size.

The networks see every page reduced. So they run once for a set of hints. Their picture is blended with the view after
each stroke, and with the page at its own size for a download: both show the same colours.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from linecolor import images
from linecolor.arrays import Picture
from linecolor.images.encoding import encode_png
from linecolor.images.metadata import read_metadata
from linecolor.lineart import lines
from linecolor.lineart.page import PreparedPage
from linecolor.rendering import blending, openraster
from linecolor.rendering.blends import BlendMode
from linecolor.rendering.options import MAX_RESOLUTION
from linecolor.rendering.page_colorizer import PageColorizer
from linecolor.web.strokes import Stroke, paint_strokes

VIEW_SIDE, STRIP_WIDTH, LONGEST_VIEW = 1600, 400, 16_000
"""The longer side of a view in pixels, at most; but a strip stays wide enough to paint on, however long it is. A page
that is no larger is its own view."""
CACHED_RESULTS, CACHED_BYTES = 12, 48_000_000
"""Results of the networks that are kept for undo and downloads, of each drawing; the last one always."""
DETAILS = (1.0, 1.5, 2.0)
"""Multiples of the resolution the networks were trained at that a user may choose from."""


def colorizers_by_resolution(colorizer: PageColorizer) -> dict[int, PageColorizer]:
    """The same networks at several resolutions: short side in pixels at which they see a page -> colorizer."""
    # Even: a page reduced to this size stays as it is when it is reduced again.
    sides = [min(2 * round(colorizer.options.resolution * detail / 2), MAX_RESOLUTION) for detail in DETAILS]
    return {side: colorizer.with_options(resolution=side) for side in sides}


class Drawing:
    """A line drawing in a file, decoded once for its view.

    Args:
        path: the picture; read again for results at full size. The caller removes it.
        colorizers: of `colorizers_by_resolution`.
        max_pixels: larger pictures are refused, from their header.

    Attributes:
        size: (H, W) of the page.
        notes: what was done to the page, or is odd about it, for people.

    Raises:
        UnreadableImage: no such picture, or too large.
    """

    def __init__(self, path: Path, colorizers: Mapping[int, PageColorizer], max_pixels: int) -> None:
        self.path = path
        self.colorizers = colorizers
        self.max_pixels = max_pixels
        page = self._page()
        self.size: tuple[int, int] = (page.line.shape[0], page.line.shape[1])
        self.notes = page.notes
        enough = max(VIEW_SIDE / max(self.size), STRIP_WIDTH / min(self.size))
        scale = min(1.0, enough, LONGEST_VIEW / max(self.size))
        height, width = (max(1, round(side * scale)) for side in self.size)
        self._view = replace(
            page, ink=_reduced_ink(page.ink, (height, width)), line=lines.reduce(page.line, (height, width))
        )
        reduced = {
            resolution: lines.reduce(page.line, colorizer.network_size(self.size))
            for resolution, colorizer in colorizers.items()
        }
        self._reduced = {resolution: PreparedPage(line, line) for resolution, line in reduced.items()}
        self._colored: OrderedDict[tuple[int, tuple[Stroke, ...]], Picture] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def view(self) -> Picture:
        """The ink, (h, w) or (h, w, 3) uint8, at the size of the view."""
        return self._view.ink

    def color(self, strokes: tuple[Stroke, ...], resolution: int) -> Picture:
        """The networks' picture of the drawing with these hints, (h, w, 3) at their own size; cached.

        Raises:
            KeyError: for a resolution there is no colorizer for.
        """
        key = (resolution, strokes)
        with self._lock:
            if key in self._colored:
                self._colored.move_to_end(key)
                return self._colored[key]
        colorizer, reduced = self.colorizers[resolution], self._reduced[resolution]
        hints = self._hints(strokes, self._view)
        _, grid = colorizer.guide(self._view, hints, (reduced.line.shape[0], reduced.line.shape[1]))
        # The reduced line is what the colorizer would reduce the page to: it passes through unchanged.
        colorized = colorizer.colorize_with_steps(reduced, None if hints is None else grid).colorized
        with self._lock:
            self._colored[key] = colorized
            while len(self._colored) > 1 and (
                len(self._colored) > CACHED_RESULTS
                or sum(picture.nbytes for picture in self._colored.values()) > CACHED_BYTES
            ):
                self._colored.popitem(last=False)
        return colorized

    def line_png(self) -> bytes:
        """The view, uncoloured, as a PNG file."""
        return encode_png(self.view)

    def view_png(self, colorized: Picture, strokes: Sequence[Stroke], blend: BlendMode) -> bytes:
        """What `color` returned for these strokes, at the size of the view, as a PNG file."""
        guide = self._guide(self._view, colorized, self._hints(strokes, self._view))
        return encode_png(blending.blend(self.view, colorized, blend, guide))

    def full_png(self, colorized: Picture, strokes: Sequence[Stroke], blend: BlendMode) -> bytes:
        """The same at the page's own size, with the page's DPI and colour profile."""
        page = self._page()
        guide = self._guide(page, colorized, self._hints(strokes, page))
        return encode_png(blending.blend(page.ink, colorized, blend, guide), read_metadata(self.path))

    def layers(self, colorized: Picture, strokes: Sequence[Stroke], scratch: Path) -> bytes:
        """Hints, line and colour as layers of the page's own size, in an OpenRaster file.

        Args:
            colorized: what `color` returned.
            strokes: the hints of that call.
            scratch: a temporary file; removed afterwards.
        """
        page = self._page()
        ink, hints = page.ink, self._hints(strokes, page)
        color = blending.color_layer(ink, colorized, self._guide(page, colorized, hints))
        layers = openraster.drawing_layers(ink, color, hints)
        try:
            openraster.write_openraster(scratch, layers, openraster.flattened(ink, color), read_metadata(self.path))
            return scratch.read_bytes()
        finally:
            scratch.unlink(missing_ok=True)

    def _page(self) -> PreparedPage:
        rgb, _ = images.read_color(self.path, self.max_pixels)
        return next(iter(self.colorizers.values())).prepare(rgb)

    def _hints(self, strokes: Sequence[Stroke], page: PreparedPage) -> Picture | None:
        size = (page.line.shape[0], page.line.shape[1])
        return paint_strokes(strokes, self.size, size) if strokes else None

    def _guide(self, page: PreparedPage, colorized: Picture, hints: Picture | None) -> blending.BlendGuide:
        size = (colorized.shape[0], colorized.shape[1])
        colorizer = next(c for c in self.colorizers.values() if c.network_size(self.size) == size)
        return colorizer.guide(page, hints, size)[0]


def _reduced_ink(ink: Picture, size: tuple[int, int]) -> Picture:
    """Ink at the size of the view, with thin lines as strong as the networks see them."""
    if ink.ndim == 2:
        return lines.reduce(ink, size)
    return np.dstack([lines.reduce(np.ascontiguousarray(ink[..., channel]), size) for channel in range(3)])
