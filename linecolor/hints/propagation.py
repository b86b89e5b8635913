"""Hint propagation: the colour that a classical program would fill from the hints, as more channels for the draft.

A watershed floods from the hints and meets on the ink. Given to the network, its fill teaches it to follow hints far
sooner. Ours, not the paper's. NumPy, no torch.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linecolor.arrays import Channels, Floats, Line, Picture
from linecolor.hints.watershed import flood

EXTRA_CHANNELS = {"none": 0, "watershed": 3, "reach": 4}
"""Values of `model.hint_spread`, and how many more channels of input each gives the draft: none, the colour that
reaches a place, or the colour and how openly it is reached."""


def draft_channels(hint_spread: str) -> int:
    """Channels the draft reads: line(1), hint(4) and the propagated hints.

    Raises:
        ValueError: for an unknown value.
    """
    if hint_spread not in EXTRA_CHANNELS:
        raise ValueError(f"model.hint_spread is {', '.join(EXTRA_CHANNELS)}, not {hint_spread!r}")
    return 5 + EXTRA_CHANNELS[hint_spread]


@dataclass(frozen=True)
class WatershedRegions:
    """Which hint colours which place.

    Attributes:
        owner: (h, w) int32, the number of the hinted cell, counted in rows from 0, that floods each place first.
        openness: (h, w) in [0, 1], the share of paper at the darkest place on the most open way from a hint; None
            where it was not requested.
    """

    owner: NDArray[np.int32]
    openness: Floats | None


def segment(grid: Picture, line: Line, with_openness: bool = True) -> WatershedRegions | None:
    """Divide a drawing among its hints, by a watershed that floods from them and meets on the ink.

    Args:
        grid: (h, w, 4) hints as `layers.reduce_layer` returns them; where there is none, neither are regions.
        line: (h, w) line art on the same grid, paper = 255.
        with_openness: it takes as long again.
    """
    hinted = grid[..., 3] > 0
    if not hinted.any():
        return None
    # Each hinted cell is its own marker: what matters is only whose colour arrives.
    markers = np.zeros(line.shape, np.int32)
    markers[hinted] = np.arange(1, np.count_nonzero(hinted) + 1)
    basins, level = flood(255 - line, markers, with_level=with_openness)
    openness = None if level is None else np.asarray(1 - level.astype(np.float32) / 255, np.float32)
    return WatershedRegions(basins - 1, openness)


def propagate_hints(grid: Picture, line: Line, hint_spread: str, regions: WatershedRegions | None = None) -> Channels:
    """Fill the region of each hint with its colour.

    The openness of a place is the share of paper at the darkest place on the most open way to a hint. By it the network
    sees which regions have a hint of their own and which merely took a neighbour's colour over the ink.

    Args:
        grid: (h, w, 4) hints as `layers.reduce_layer` returns them.
        line: (h, w) line art on the same grid, paper = 255.
        hint_spread: one of `EXTRA_CHANNELS`.
        regions: of these hints, where they are known already.

    Returns:
        (c, h, w): RGB in [-1, 1], openness in [0, 1]; all 0 where there is no hint at all.
    """
    if hint_spread != "none" and regions is None:
        regions = segment(grid, line, hint_spread == "reach")
    if hint_spread == "none" or regions is None:
        return np.zeros((EXTRA_CHANNELS[hint_spread], *line.shape), np.float32)
    palette = grid[grid[..., 3] > 0, :3].T.astype(np.float32) / 127.5 - 1
    fill = np.take(palette, regions.owner, axis=1)
    if hint_spread == "watershed":
        return fill
    assert regions.openness is not None
    return np.concatenate([fill, regions.openness[None]])
