"""The whole chain except the networks: reduce, propagate hints, windows, enforce hints, enlarge, blend.

NumPy and OpenCV only. `systems.line_colorizer` runs the networks with torch, `onnx.onnx_colorizer` with onnxruntime.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from linecolor.arrays import Channels, Picture
from linecolor.hints import layers, propagation
from linecolor.lineart import lines
from linecolor.lineart.layer import LineLayer
from linecolor.lineart.page import PagePreparation, PreparedPage
from linecolor.lineart.tone import LEAST_FACTOR
from linecolor.rendering import blending
from linecolor.rendering.hint_enforcement import enforce_hints
from linecolor.rendering.options import RenderingOptions
from linecolor.rendering.result import ColorizationResult, NetworkOutput
from linecolor.rendering.small_areas import small_areas

PAGE_PIXELS = 1 << 20
"""A long page of more pixels than this, reduced to the networks' size, is coloured in overlapping windows."""

LONGEST_SIDE = 16384
"""Of a page at the networks' size: one of 1 x 5,000 px is not enlarged to a short side of 256."""

_HALF, _COLOR = np.float32(0.5), ""


class PageColorizer(ABC):
    """Reduce, draft, colorize, enlarge, blend (Lee & Lee 2020, figure 1), with networks that a subclass runs.

    The page is resized so that its short side is `options.resolution`, and padded by its own border to a multiple that
    the networks can halve. A page that then has more than `page_pixels` is coloured in overlapping windows along its
    longer side, none of them shorter than wide.

    Args:
        options: how pages are coloured.
        multiple: what the sides of a page must be multiples of, even.
        hint_spread: one of `propagation.EXTRA_CHANNELS`, as the draft was trained.
        page_pixels: pixels of a page, or of a window of it, that the networks see at once.

    Attributes:
        options: can be replaced by another object.
        preparation: how pages are made ready; can be replaced, too.
        draft_only: stop after the first of two stages and enlarge the draft in place of the second's colour.
        takes_hints: whether the networks read hints; otherwise hints can only be enforced.
        grey_pages: whether pages are grey pictures instead of lines; these are reduced by their mean.
        drafts: whether the networks make a draft first, so that `draft_only` can be set.
        samples: whether the networks sample their colours, so that a page has candidates.
        variants: titles of extras that are results themselves: hints are enforced and the line is blended in.
        seed: of the sampled colours; each seed is one candidate.
    """

    takes_hints = True
    grey_pages = False
    drafts = False
    samples = False
    variants: tuple[str, ...] = ()

    def __init__(
        self, options: RenderingOptions, multiple: int, hint_spread: str, page_pixels: int = PAGE_PIXELS
    ) -> None:
        self.options = options
        self.preparation = PagePreparation()
        self.multiple = multiple
        self.hint_spread = hint_spread
        self.page_pixels = page_pixels
        self.draft_only = False
        self.seed = 0

    @abstractmethod
    def color_window(self, page: Channels, inputs: Channels) -> NetworkOutput:
        """Run the networks.

        Args:
            page: the line (1, h, w) in [-1, 1], paper = 1.
            inputs: line, hints and propagated hints (c, h/2, w/2) as the draft reads them.

        Returns:
            The colours; with `draft_only` the colour of the last network is not used.
        """

    def running(self) -> AbstractContextManager[None]:
        """A context around the networks' work on one page."""
        return nullcontext()

    def candidate(self, seed: int) -> Self:
        """The same with another seed, around the same networks; another thread may use it at the same time."""
        other = copy.copy(self)
        other.seed = seed
        return other

    def with_options(self, **changes: Any) -> Self:
        """The same with other options, around the same networks; None keeps the present value."""
        other = copy.copy(self)
        other.options = self.options.changed(**changes)
        return other

    def colorize(self, line: Picture, hints: Picture | Sequence[layers.Point] | None = None) -> Picture:
        """Colour a line drawing.

        Args:
            line: uint8, any size; (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA, ink on white or on transparency.
                Coloured strokes keep their colour.
            hints: (h, w, 4) uint8 RGBA painted on a transparent layer of the line's shape at any scale; or points
                (x, y, colour) in pixels of the line, colour (r, g, b) or "#rrggbb"; None colours without hints.

        Returns:
            (H, W, 3) uint8 RGB.

        Raises:
            ValueError: for a line or hints of another kind; the message says which.
        """
        return self.colorize_with_steps(line, hints).full

    def colorize_with_steps(
        self, line: Picture | PreparedPage, hints: Picture | Sequence[layers.Point] | None = None
    ) -> ColorizationResult:
        """Colour a line drawing, or what `prepare` returned, and return the steps as well; else as of `colorize`."""
        page = line if isinstance(line, PreparedPage) else self.prepare(line)
        size = self.network_size(page.line.shape)
        half = (size[0] // 2, size[1] // 2)
        reduced = self._reduced(page.line, size)
        draft_line = self._reduced(reduced, half)
        guide, grid = self.guide(page, hints)
        if not (self.takes_hints or self.options.enforce_hints) and grid[..., 3].any():
            raise ValueError("these networks take no hints: leave them out, or set enforce_hints")
        # A grey picture has no lines that would stop the colour of a hint.
        walls = np.full_like(draft_line, 255) if self.grey_pages else draft_line
        regions = self._regions(grid, walls)
        draft, colorized, extras = self._run(reduced, draft_line, grid, regions)
        variants = [title for title in self.variants if title in extras]
        if self.draft_only:
            if draft is None:
                raise ValueError("this system makes no draft to stop at")
            colorized = np.asarray(cv2.resize(draft, size[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
        if self.options.enforce_hints and regions is not None:
            paper = np.full_like(reduced, 255) if self.grey_pages else reduced
            colorized = enforce_hints(colorized, paper, grid, regions)
            extras |= {title: enforce_hints(extras[title], paper, grid, regions) for title in variants}
        full = blending.blend(page.ink, colorized, self.options.blend, guide)
        extras |= {title: blending.blend(page.ink, extras[title], self.options.blend, guide) for title in variants}
        return ColorizationResult(full, colorized, draft, reduced, grid, page.ink, extras, guide, page.notes)

    def prepare(self, line: Picture) -> PreparedPage:
        """Make a page ready: dark ink on white paper; the networks are shown it without its tone.

        Raises:
            ValueError: as of `colorize`.
        """
        if self.grey_pages:
            grey = LineLayer(line)
            return PreparedPage(grey.ink, grey.grey)
        shape = line.shape[:2] if isinstance(line, np.ndarray) and line.ndim > 1 else (1, 1)
        factor = min(shape) / self.options.resolution
        return self.preparation.prepare(line, factor)

    def guide(
        self,
        page: PreparedPage,
        hints: Picture | Sequence[layers.Point] | None,
        size: tuple[int, int] | None = None,
    ) -> tuple[blending.BlendGuide, Picture]:
        """What a blend must know of a page with these hints, and the hints that the networks are shown.

        Args:
            page: what `prepare` returned, or a view of that.
            hints: as of `colorize`.
            size: at which the networks see the page, where this is a view of it.

        Returns:
            The guide; and the hints on the draft's grid, (h, w, 4) as `layers.reduce_layer` returns them.
        """
        size = size or self.network_size(page.line.shape)
        grid = _on_grid(hints, page.line.shape, (size[0] // 2, size[1] // 2))
        # The lines over which the networks paint, by their mean.
        lines_alone = None if page.has_only_lines else lines.reduce_grey(page.line, size)
        factor = min(page.line.shape) / min(size)
        if self.grey_pages or factor < LEAST_FACTOR:
            return blending.BlendGuide(lines_alone), grid
        patches, shown = small_areas(page.line, hints, grid, factor)
        return blending.BlendGuide(lines_alone, patches), shown

    def network_size(self, size: tuple[int, ...]) -> tuple[int, int]:
        """The (h, w), both even, at which the networks see a picture of (H, W): the short side becomes S.

        Raises:
            ValueError: for a sliver of which the networks would see less than a pixel across.
        """
        if max(size) > LONGEST_SIDE * min(size):
            raise ValueError(
                f"the page is {size[1]:,} x {size[0]:,} pixels, more than {LONGEST_SIDE:,} times as long as wide; "
                "cut it into pieces"
            )
        scale = min(self.options.resolution / min(size), LONGEST_SIDE / max(size))
        height, width = (max(2, 2 * round(side * scale / 2)) for side in size)
        return height, width

    def _reduced(self, page: Picture, size: tuple[int, int]) -> Picture:
        return lines.reduce_grey(page, size) if self.grey_pages else lines.reduce(page, size)

    def _regions(self, hint: Picture, line: Picture) -> propagation.WatershedRegions | None:
        """Segmented once for all that needs them: it takes as long as small networks do."""
        if self.hint_spread == "none" and not self.options.enforce_hints:
            return None
        return propagation.segment(hint, line, self.hint_spread == "reach" or self.options.enforce_hints)

    def _run(
        self, line: Picture, draft_line: Picture, hint: Picture, regions: propagation.WatershedRegions | None
    ) -> tuple[Picture | None, Picture, dict[str, Picture]]:
        spread = propagation.propagate_hints(hint, draft_line, self.hint_spread, regions)
        inputs = _padded(
            np.concatenate([_paper(draft_line)[None], layers.to_network(hint), spread]), self.multiple // 2
        )
        page = _padded(_paper(line)[None], self.multiple)
        draft: Channels | None = None
        total = np.zeros((1, *page.shape[1:]), np.float32)
        sums: dict[str, Channels] = {}
        with self.running():
            for rows, columns, weight in self._windows(page.shape[1], page.shape[2]):
                half_rows, half_columns = (slice(s.start // 2, s.stop // 2) for s in (rows, columns))
                output = self._color_window(page[:, rows, columns], inputs[:, half_rows, half_columns])
                if output.draft is not None:
                    draft = np.zeros((3, *inputs.shape[1:]), np.float32) if draft is None else draft
                    draft[:, half_rows, half_columns] += output.draft * weight[:, ::2, ::2]
                for name, picture in {_COLOR: output.color, **output.extras}.items():
                    whole = sums.setdefault(name, np.zeros((len(picture), *page.shape[1:]), np.float32))
                    whole[:, rows, columns] += picture * weight
                total[:, rows, columns] += weight
        height, width = line.shape
        drafted = None if draft is None else _levels((draft / total[:, ::2, ::2])[:, : height // 2, : width // 2])
        levels = {name: _levels((picture / total)[:, :height, :width]) for name, picture in sums.items()}
        flat = {name: picture[..., 0] if picture.shape[2] == 1 else picture for name, picture in levels.items()}
        return drafted, flat.pop(_COLOR), flat

    def _color_window(self, page: Channels, inputs: Channels) -> NetworkOutput:
        output = self.color_window(page, inputs)
        if not self.options.mirrored:
            return output
        mirrored = self.color_window(page[:, :, ::-1].copy(), inputs[:, :, ::-1].copy())
        draft = output.draft
        if draft is not None and mirrored.draft is not None:
            draft = (draft + mirrored.draft[:, :, ::-1]) * _HALF
        return NetworkOutput((output.color + mirrored.color[:, :, ::-1]) * _HALF, draft, output.extras)

    def _windows(self, height: int, width: int) -> Iterator[tuple[slice, slice, Channels]]:
        """Windows along the longer side with weights (1, h or 1, w or 1) that fade over where they overlap."""
        length, across = max(height, width), min(height, width)
        longest = max(self.page_pixels // across // self.multiple, across // self.multiple, 1) * self.multiple
        if length <= longest:
            yield slice(0, height), slice(0, width), np.ones((1, height, width), np.float32)
            return
        # Rounded down to a multiple, so that windows overlap by a quarter at least, however coarse the multiple.
        step = max(longest * 3 // 4 // self.multiple, 1) * self.multiple
        position = np.arange(longest, dtype=np.float32) + 0.5
        # Flat where a window begins: its outermost pixels, without neighbours, are the least reliable.
        fade = np.sin(np.minimum(np.minimum(position, longest - position) * (2 * np.pi / longest), np.pi / 2)) ** 2
        for start in [*range(0, length - longest, step), length - longest]:
            stretch = slice(start, start + longest)
            if height >= width:
                yield stretch, slice(0, width), np.broadcast_to(fade[None, :, None], (1, longest, width))
            else:
                yield slice(0, height), stretch, np.broadcast_to(fade[None, None], (1, height, longest))


def _on_grid(hints: Picture | Sequence[layers.Point] | None, shape: tuple[int, ...], grid: tuple[int, int]) -> Picture:
    if hints is None:
        return np.zeros((*grid, 4), np.uint8)
    if not isinstance(hints, np.ndarray):
        if isinstance(hints, str) or not isinstance(hints, Sequence):
            raise ValueError(f"hints are an RGBA array or a list of (x, y, colour), not {type(hints).__name__}")
        return layers.place_points(hints, (shape[0], shape[1]), grid)
    layers.check_layer(hints, (shape[0], shape[1]))
    reduced = layers.reduce_layer(hints, grid)
    if hints[..., 3].any() and not reduced[..., 3].any():
        raise ValueError(
            f"the hints are too faint: none has an alpha of {layers.HINT_ALPHA} of 255; paint more opaquely"
        )
    return reduced


def _paper(line: Picture) -> Channels:
    return line.astype(np.float32) / 127.5 - 1


def _levels(color: NDArray[np.floating]) -> Picture:
    if not np.isfinite(color).all():
        raise ValueError("the networks return NaN or infinity: their weights are damaged")
    levels = np.rint((color.transpose(1, 2, 0) + 1) * 127.5)
    return np.ascontiguousarray(np.clip(levels, 0, 255).astype(np.uint8))


def _padded(channels: Channels, multiple: int) -> Channels:
    """Grow (C, H, W) to the right and below to a multiple, by repeating its last column and row.

    White paper without a hint would be another region, whose colour comes in over the border.
    """
    _, height, width = channels.shape
    return np.pad(channels, ((0, 0), (0, -height % multiple), (0, -width % multiple)), mode="edge")
