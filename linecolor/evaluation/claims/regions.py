"""Bleeding: colour of the region across an edge on this side of it (Lee & Lee 2020, section 4.3, figure 7)."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from linecolor.arrays import INK, Floats, Line, Mask, Picture
from linecolor.evaluation.claims.planes import Indices, distance, nearest_pixels, reduced

REGION_SIDE = 768
LEAST_REGION = 1 / 64  # side of the smallest region, in short sides as all lengths below
GAP = 1 / 256  # left out beside the ink: there a result enlarged from 256 px shows its blurred ink
BAND = 3 / 256
PIECE = 1 / 24  # of an edge, over which noise averages out
LEAST_INTERIOR = 16  # px
ENOUGH_FOR_A_MEDIAN = 2000
STEP = 24.0  # levels: a colour edge in the truth, which parts regions where no line does
CLEARLY_APART = 40.0  # levels, in RGB: how far the colours of two regions differ in the truth
HARDLY_APART = 20.0  # the same in a result, which may be paler; below, noise is a large share of the way


@dataclass(frozen=True)
class Regions:
    """What the line of a drawing encloses, and the pieces of the bands beside its inked edges.

    All indices are into the flat drawing reduced to at most 768 px (short side).

    Attributes:
        interiors: one array of indices a region, away from its edges.
        pixels: (n,) indices of the bands.
        pieces: (n,) the piece that each of them belongs to.
        own, other: (m,) each piece's region, and the region across.
        truth_share: (m,) what the truth shows of the colour across.
    """

    interiors: tuple[Indices, ...]
    pixels: Indices
    pieces: Indices
    own: Indices
    other: Indices
    truth_share: NDArray[np.float64]

    @classmethod
    def of(cls, line: Line, truth: Picture) -> "Regions":
        """Find the regions of a drawing, (H, W) uint8 with white paper, and its true colours, (H, W, 3) uint8 RGB.

        A region is a connected part of the paper (line >= 128), without those smaller than a square of 1/64 of the
        short side. Where lines are open, colour edges of the truth part it too. Regions then grow until they meet,
        in the middle of the ink. Bands lie beside edges that are inked and whose two colours differ clearly (40 levels)
        in the truth; a place where the truth itself is not in the colour of its region does not count.
        """
        # A pixel with any ink is ink, so that reducing opens no line.
        ink = reduced((line < INK).astype(np.float32), REGION_SIDE) > 0
        small = reduced(truth, REGION_SIDE).astype(np.float32)
        side = min(ink.shape)
        gap = max(1.0, GAP * side)
        reach = gap + max(2.0, BAND * side)

        labels, seeds = _regions(ink, small)
        edge, across = _across(labels)
        from_ink = distance(~ink)
        interiors = _interiors(labels, seeds, from_ink > reach)
        if not edge.any() or not ink.any():
            empty = np.empty(0, np.int64)
            return cls(interiors, empty, empty, empty, empty, np.empty(0))

        from_edge, nearest = nearest_pixels(edge)
        # An edge runs in the middle of its ink: the band begins where the disc of ink around that place ends.
        beside = from_edge - distance(ink).ravel()[nearest] <= reach
        inked = cv2.dilate(ink.astype(np.uint8), np.ones((3, 3), np.uint8)).ravel()[nearest] > 0
        pixels = np.flatnonzero(~ink & (from_ink > gap) & beside & inked)
        place = nearest.ravel()[pixels]
        own, other = labels.ravel()[pixels], labels.ravel()[place]
        other = np.where(other == own, across.ravel()[place], other)

        colors, typical = small.reshape(-1, 3), _typical(small, interiors)
        apart = np.linalg.norm(typical[other] - typical[own], axis=1)
        off = np.linalg.norm(colors[pixels] - typical[own], axis=1)
        counted = (other != own) & (apart >= CLEARLY_APART) & (off < apart / 2)
        pixels, own, other = pixels[counted], own[counted], other[counted]

        cell = max(4, round(PIECE * side))
        y, x = np.divmod(pixels, ink.shape[1])
        keys = np.stack([own, other, y // cell, x // cell])
        distinct, pieces = np.unique(keys, axis=1, return_inverse=True)
        own, other = distinct[0], distinct[1]
        shares = _shares(small, pixels, pieces.ravel(), own, other, typical)
        return cls(interiors, pixels, pieces.ravel(), own, other, shares)

    def bleeding(self, result: Picture) -> float:
        """How much of the colour across an edge appears on this side of it in a result, (H, W, 3) uint8 RGB.

        Beside every edge, in a band of about 1 % of the short side that leaves out the ink: how far the result is on
        the way from its own typical (median) colour inside this region to its own typical colour inside the region
        across. A wrong colour everywhere is therefore no bleeding; what the truth shows in the same place, a shade, is
        not either. A dark halo beside the ink counts as far as it points towards the colour across.

        Returns:
            The mean over the bands, 0 = none, 1 = the neighbour's colour throughout. NaN where no inked edge parts two
            colours, in the truth (40 levels) or in the result (20 levels).
        """
        if not len(self.own):
            return math.nan
        small = reduced(result, REGION_SIDE).astype(np.float32)
        typical = _typical(small, self.interiors)
        apart = np.linalg.norm(typical[self.other] - typical[self.own], axis=1) >= HARDLY_APART
        weights = np.bincount(self.pieces, minlength=len(self.own)) * apart
        if not weights.any():
            return math.nan
        shares = _shares(small, self.pixels, self.pieces, self.own, self.other, typical)
        return float(np.average(np.clip(shares - self.truth_share, 0, 1), weights=weights))


def _regions(ink: Mask, truth: Floats) -> tuple[Indices, Mask]:
    """(h, w) labels from 0 that cover the picture, and the (h, w) pixels from which they grew."""
    near = np.ones((3, 3), np.uint8)
    step = (cv2.dilate(truth, near) - cv2.erode(truth, near)).max(axis=2) > STEP
    free = (~(ink | step)).astype(np.uint8)
    _, parts, statistics, _ = cv2.connectedComponentsWithStats(free, connectivity=4)
    large = statistics[:, cv2.CC_STAT_AREA] >= max(4.0, (LEAST_REGION * min(ink.shape)) ** 2)
    large[0] = False
    seeds = large[parts]
    if not seeds.any():
        return np.zeros(ink.shape, np.int64), np.zeros(ink.shape, bool)
    numbers = np.cumsum(large) - 1
    _, nearest = nearest_pixels(seeds)
    return numbers[parts.ravel()[nearest]], seeds


def _interiors(labels: Indices, seeds: Mask, deep: Mask) -> tuple[Indices, ...]:
    """Flat indices of each region's seeds away from the ink; of a narrow region, of all its seeds."""
    pixels = np.flatnonzero(seeds)
    order = pixels[np.argsort(labels.ravel()[pixels], kind="stable")]
    regions = np.split(order, np.flatnonzero(np.diff(labels.ravel()[order])) + 1) if len(order) else []
    interiors = []
    for region in regions:
        inside = region[deep.ravel()[region]]
        kept = inside if len(inside) >= LEAST_INTERIOR else region
        interiors.append(kept[:: max(1, len(kept) // ENOUGH_FOR_A_MEDIAN)])
    return tuple(interiors)


def _across(labels: Indices) -> tuple[Mask, Indices]:
    """(h, w) pixels with another region beside them, and (h, w) that region."""
    other = labels.copy()
    for side, beside in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        edge = labels[side] != labels[beside]
        other[side] = np.where(edge, labels[beside], other[side])
        other[beside] = np.where(edge, labels[side], other[beside])
    return other != labels, other


def _typical(picture: Floats, interiors: tuple[Indices, ...]) -> NDArray[np.float64]:
    """(regions, 3) median colours."""
    colors = picture.reshape(-1, 3)
    return np.array([np.median(colors[interior], axis=0) for interior in interiors], np.float64)


def _shares(
    picture: Floats, pixels: Indices, pieces: Indices, own: Indices, other: Indices, typical: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(m,) mean share of the colour across in each piece; anything where the two colours are the same."""
    colors = picture.reshape(-1, 3)[pixels]
    size = np.maximum(np.bincount(pieces, minlength=len(own)), 1)
    sums = [np.bincount(pieces, channel, minlength=len(own)) for channel in colors.T]
    way = typical[other] - typical[own]
    moved = np.stack(sums, axis=1) / size[:, None] - typical[own]
    return (moved * way).sum(axis=1) / np.maximum((way * way).sum(axis=1), 1)
