"""A page as people bring it, made ready: dark ink on white paper, and what of it the networks are shown. No torch."""

from dataclasses import dataclass

import numpy as np

from linecolor.arrays import Picture
from linecolor.lineart.layer import LineLayer
from linecolor.lineart.page_modes import INVERT_MODES, PAPER_MODES
from linecolor.lineart.paper import NEARLY_WHITE, on_white, paper_of
from linecolor.lineart.tone import without_tone

DARK = 80
"""Grey below which paper is dark."""
LINE, PALE = 220, 100
"""Grey below which a pixel belongs to a line, and from which the darkest fiftieth of such pixels is pale."""
EMPTY = 128
"""A page without a pixel darker than this has no lines to colour."""


@dataclass(frozen=True)
class PreparedPage:
    """A page that can be coloured.

    Attributes:
        ink: (H, W) or (H, W, 3) uint8, what is multiplied over the colour, paper = 255.
        line: (H, W) uint8, what the networks are shown: grey, on white paper, without tone.
        has_only_lines: whether the ink is what the networks are shown, or that in colours.
        notes: what was done to the page, or is odd about it, for people.
    """

    ink: Picture
    line: Picture
    has_only_lines: bool = True
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PagePreparation:
    """How pages are made ready.

    Attributes:
        paper: a name in `PAPER_MODES`.
        invert: a name in `INVERT_MODES`.

    Raises:
        ValueError: for another name.
    """

    paper: str = "auto"
    invert: str = "auto"

    def __post_init__(self) -> None:
        for option, modes in (("paper", PAPER_MODES), ("invert", INVERT_MODES)):
            if getattr(self, option) not in modes:
                raise ValueError(f"{option}={getattr(self, option)} is unknown: use {', '.join(modes)}")

    def prepare(self, line: Picture, factor: float) -> PreparedPage:
        """Make a page ready.

        Args:
            line: uint8, any size and mode that `LineLayer` takes.
            factor: how many times larger the page is than the networks see it.

        Raises:
            ValueError: as of `LineLayer`.
        """
        notes = []
        inverted = self._inverted(line)
        if inverted is not None:
            line = inverted
            notes.append("inverted: light ink on dark paper")
        layer = LineLayer(line)
        grey, ink = layer.grey, layer.ink
        if grey.min() >= EMPTY:
            notes.append("no line is darker than middle grey")
        elif grey.max() < DARK:
            notes.append("no paper: the page is black")
        paper = paper_of(ink, 256 if self.paper == "white" else NEARLY_WHITE)
        if paper is not None:
            # Paper that has a colour makes ink of it; by itself the ink may be grey.
            clean = LineLayer(on_white(ink, paper))
            grey = clean.grey
            if self.paper == "keep":
                notes.append("paper seen as white")
            else:
                ink = clean.ink
                notes.append("paper made white")
        darkened = _darkened(grey)
        if darkened is not None:
            notes.append("pale lines shown darker")
            grey = darkened
        # Afterwards: fat pencil lines would be grey tone.
        toneless = without_tone(grey, factor)
        if toneless is not None:
            notes.append("tone kept out of the lines")
            grey = toneless
        has_only_lines = toneless is None and darkened is None and (paper is None or self.paper != "keep")
        return PreparedPage(ink, grey, has_only_lines, tuple(notes))

    def _inverted(self, line: Picture) -> Picture | None:
        """The page with dark ink on white paper, where that is another one."""
        if self.invert == "no" or not isinstance(line, np.ndarray) or line.dtype != np.uint8 or line.ndim not in (2, 3):
            return None
        if self.invert == "auto":
            transparent = line.ndim == 3 and line.shape[2] in (2, 4) and line.size > 0 and line[..., -1].min() < 255
            if not (_is_light_ink(line) if transparent else _is_dark_paper(line)):
                return None
        return _negative(line)


def _darkened(line: Picture) -> Picture | None:
    """Pencil lines as dark as ink, for networks that were trained on ink; None where they are dark."""
    counts = np.bincount(line.reshape(-1)[:: max(1, line.size >> 20)], minlength=256)[:LINE]
    if counts.sum() < 64:
        return None
    darkest = int(np.searchsorted(np.cumsum(counts), 0.02 * counts.sum()))
    if darkest < PALE:
        return None
    table = np.clip(np.rint((np.arange(256) - darkest) * (255 / (255 - darkest))), 0, 255).astype(np.uint8)
    return table[line]


def _negative(line: Picture) -> Picture:
    """Grey and colours inverted, alpha kept."""
    if line.ndim == 2 or line.shape[2] in (1, 3):
        return 255 - line
    return np.concatenate([255 - line[..., :-1], line[..., -1:]], axis=2)


def _is_light_ink(line: Picture) -> bool:
    """Whether what is drawn on transparency is light."""
    alpha = line[..., -1].astype(np.float32)
    light = (line[..., :-1].mean(axis=2) * alpha).sum() / max(float(alpha.sum()), 1.0)
    return bool(light > 255 - DARK)


def _is_dark_paper(line: Picture) -> bool:
    """Whether the page is drawn in light ink on dark paper: its border is dark, and nearly all of it."""
    if min(line.shape[:2]) < 4:
        return False
    step = max(1, min(line.shape[:2]) // 256)
    small = line[::step, ::step]
    grey = small if small.ndim == 2 else np.asarray(small[..., : min(3, small.shape[2])].mean(axis=2))
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    # A page that is black all over is no drawing in white.
    return bool((border < DARK).mean() > 0.9 and (grey < DARK).mean() > 0.7 and grey.max() > 255 - DARK)
