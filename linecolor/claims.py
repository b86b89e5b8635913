"""The paper's claims as numbers: saturation, bleeding, checkerboard and fine detail, one figure each a picture.

Lee & Lee 2020 (sections 3.2 to 3.4 and 4.3, figures 7 and 8) say that their colours are more saturated and do not
bleed, that pixel shuffle leaves no checkerboard, and that frequency separation keeps hair and eyes at full size.
They show pictures; the figures here are ours. No torch. Pictures are uint8 RGB, lines uint8 grey with white paper.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from linecolor.protocol import INK, Line, Mask, Picture, check_color, check_line

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

# Colour is measured at a reduced size: the eye sees no single pixel's colour, and noise should not count as any.
CHROMA_SIDE = 384
LEAST_CHROMA = 1.0

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

CHECKER_MARGIN = 4  # px around ink and edges
CHECKER_INK = 224  # scanned paper is seldom white
CHECKER_EDGE = 12  # levels within 3 px of the smoothed picture
CHECKER_WINDOWS = (1.5, 4.0)  # sigma; the wider one reaches 8 to 16 px
NOISE_IN_WIDE = 0.217  # power of white noise after the wider window, to that between the two

DETAIL_SIGMA = 2 / 1500  # in short sides, as the two below
PAINT_SIGMA = 1 / 100
DETAIL_WINDOW = 1 / 25  # of a box, applied twice
DETAILED_SHARE = 0.25
DARKEST_PAINT = 32.0  # levels; dividing by less would only amplify noise


def chroma_ratio(result: Picture, truth: Picture, foreground: Mask) -> float:
    """Mean CIELAB chroma of a result over that of the truth.

    Ink is grey in both pictures, adds nothing to either mean and cancels out.

    Args:
        result: (H, W, 3) uint8 RGB.
        truth: (H, W, 3) uint8 RGB.
        foreground: (H, W) bool; the means are taken over its True pixels.

    Returns:
        1 = as saturated as the truth, below 1 = washed out. NaN for an empty foreground or a truth without colours
        (mean chroma below 1).

    Raises:
        ValueError: sizes or types do not fit.
    """
    _check_foreground(foreground)
    for picture in (result, truth):
        _check_picture(picture, foreground.shape)
    of_truth = _chroma(truth, foreground)
    return _chroma(result, foreground) / of_truth if of_truth >= LEAST_CHROMA else math.nan


def _chroma(picture: Picture, foreground: Mask) -> float:
    share = _reduced(foreground.astype(np.float32), CHROMA_SIDE)
    lab = cv2.cvtColor(_reduced(picture, CHROMA_SIDE).astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    total = float(share.sum())
    return float((np.hypot(lab[..., 1], lab[..., 2]) * share).sum()) / total if total else math.nan


@dataclass(frozen=True)
class Regions:
    """What the line of a drawing encloses, and the pieces of the bands beside its inked edges. See `bleeding`.

    All indices are into the flat drawing reduced to at most 768 px (short side).

    Attributes:
        shape: (H, W) of the drawing at full size.
        interiors: one array of indices a region, away from its edges.
        pixels: (n,) indices of the bands.
        pieces: (n,) the piece that each of them belongs to.
        own, other: (m,) each piece's region, and the region across.
        truth_share: (m,) what the truth shows of the colour across.
    """

    shape: tuple[int, int]
    interiors: tuple[Indices, ...]
    pixels: Indices
    pieces: Indices
    own: Indices
    other: Indices
    truth_share: NDArray[np.float64]

    @classmethod
    def of(cls, line: Line, truth: Picture) -> "Regions":
        """Find the regions of a drawing.

        A region is a connected part of the paper (line >= 128), without those smaller than a square of 1/64 of the
        short side. Where lines are open, colour edges of the truth part it too. Regions then grow until they meet,
        in the middle of the ink. Bands lie beside edges that are inked and whose two colours differ clearly (40 levels)
        in the truth; a place where the truth itself is not in the colour of its region does not count.

        Args:
            line: (H, W) uint8, paper = 255.
            truth: (H, W, 3) uint8 RGB.

        Raises:
            ValueError: sizes or types do not fit.
        """
        check_line(line)
        check_color(line, truth)
        # A pixel with any ink is ink, so that reducing opens no line.
        ink = _reduced((line < INK).astype(np.float32), REGION_SIDE) > 0
        small = _reduced(truth, REGION_SIDE).astype(np.float32)
        side = min(ink.shape)
        gap = max(1.0, GAP * side)
        reach = gap + max(2.0, BAND * side)

        labels, seeds = _regions(ink, small)
        edge, across = _across(labels)
        from_ink = _distance(~ink)
        interiors = _interiors(labels, seeds, from_ink > reach)
        if not edge.any() or not ink.any():
            empty = np.empty(0, np.int64)
            return cls(line.shape, interiors, empty, empty, empty, empty, np.empty(0))

        from_edge, nearest = _nearest(edge)
        # An edge runs in the middle of its ink: the band begins where the disc of ink around that place ends.
        beside = from_edge - _distance(ink).ravel()[nearest] <= reach
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
        return cls(line.shape, interiors, pixels, pieces.ravel(), own, other, shares)


def bleeding(result: Picture, regions: Regions) -> float:
    """How much of the colour across an edge appears on this side of it.

    Beside every edge, in a band of about 1 % of the short side that leaves out the ink: how far the result is on the
    way from its own typical (median) colour inside this region to its own typical colour inside the region across.
    A wrong colour everywhere is therefore no bleeding; what the truth shows in the same place, a shade, is not either.
    A dark halo beside the ink counts as far as it points towards the colour across.

    Args:
        result: (H, W, 3) uint8 RGB.
        regions: of the drawing, found once.

    Returns:
        The mean over the bands, 0 = none, 1 = the neighbour's colour throughout. NaN where no inked edge parts two
        colours, in the truth (40 levels) or in the result (20 levels).

    Raises:
        ValueError: the result is not a picture of the drawing's size.
    """
    _check_picture(result, regions.shape)
    own, other = regions.own, regions.other
    if not len(own):
        return math.nan
    small = _reduced(result, REGION_SIDE).astype(np.float32)
    typical = _typical(small, regions.interiors)
    apart = np.linalg.norm(typical[other] - typical[own], axis=1) >= HARDLY_APART
    weights = np.bincount(regions.pieces, minlength=len(own)) * apart
    if not weights.any():
        return math.nan
    shares = _shares(small, regions.pixels, regions.pieces, own, other, typical)
    return float(np.average(np.clip(shares - regions.truth_share, 0, 1), weights=weights))


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
    _, nearest = _nearest(seeds)
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


def checkerboard(picture: Picture, line: Line | None = None) -> float:
    """Amplitude of the patterns with a period of two pixels, as strided transposed convolutions leave them.

    RMS over picture and channels of the patterns (-1)^x, (-1)^y and (-1)^(x + y) together, each demodulated and
    averaged over about 12 px. What noise would leave in such an average is estimated from neighbouring frequencies
    and subtracted. Ink and colour edges are left out with a margin of 4 px; what a network repeats every 4 px or
    more does not count.

    Args:
        picture: (H, W, 3) uint8 RGB as the network left it, before any enlarging.
        line: (H, W) uint8, paper = 255, reduced to the picture's size.

    Returns:
        Levels, 0 or more; one pattern of +-2 levels scores 2. NaN where ink and edges leave no place.

    Raises:
        ValueError: sizes or types do not fit.
    """
    _check_picture(picture)
    if line is not None:
        check_line(line)
        check_color(line, picture)
    levels = picture.astype(np.float32)
    margin = np.ones((2 * CHECKER_MARGIN + 1,) * 2, np.uint8)
    # The binomial has a zero at period two: no checkerboard passes for an edge.
    binomial = np.array([1, 4, 6, 4, 1], np.float32) / 16
    smooth = cv2.sepFilter2D(levels, -1, binomial, binomial, borderType=cv2.BORDER_REFLECT_101)
    near = np.ones((3, 3), np.uint8)
    busy = (cv2.dilate(smooth, near) - cv2.erode(smooth, near)).max(axis=2) > CHECKER_EDGE
    if line is not None:
        busy |= line < CHECKER_INK
    clear = (cv2.dilate(busy.astype(np.uint8), margin) == 0).astype(np.float32)
    narrow, wide = CHECKER_WINDOWS
    weight = _blurred(clear, wide)
    # With less than half of its window clear, an average is mostly noise.
    places = (clear > 0) & (weight >= min(0.5, 0.5 * float(weight.max())))
    if not places.any():
        return math.nan

    fine = (levels - cv2.GaussianBlur(levels, (0, 0), 1.0, borderType=cv2.BORDER_REFLECT_101)) * clear[..., None]
    across = (1 - 2 * (np.arange(picture.shape[1], dtype=np.float32) % 2))[None, :, None]
    down = (1 - 2 * (np.arange(picture.shape[0], dtype=np.float32) % 2))[:, None, None]
    power = 0.0
    for pattern in (across, down, across * down):
        coarse = _blurred(fine * pattern, wide) / np.maximum(weight, 1e-6)[..., None]
        close = _blurred(fine * pattern, narrow) / np.maximum(_blurred(clear, narrow), 1e-6)[..., None]
        noise = NOISE_IN_WIDE * float(np.square(close - coarse)[places].mean())
        power += max(0.0, float(np.square(coarse)[places].mean()) - noise)
    return math.sqrt(power)


@dataclass(frozen=True)
class FineDetail:
    """The truth's high frequencies where a drawing is finely detailed. See `edge_loss`.

    Attributes:
        line: (H, W) uint8.
        where: (H, W) bool, beside the ink, where its contours are densest.
        truth: (n,) float32, the truth's detail there.
    """

    line: Line
    where: Mask
    truth: Floats

    @classmethod
    def of(cls, line: Line, truth: Picture) -> "FineDetail":
        """Find the detail of a drawing: the quarter of its ink's neighbourhood where contours are densest.

        Args:
            line: (H, W) uint8, paper = 255.
            truth: (H, W, 3) uint8 RGB.

        Raises:
            ValueError: sizes or types do not fit.
        """
        check_line(line)
        check_color(line, truth)
        ink = (line < INK).astype(np.uint8)
        side = min(line.shape)
        contour = cv2.morphologyEx(ink, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        reach = 2 * math.ceil(3 * _detail_sigma(side)) + 1
        near = cv2.dilate(contour, np.ones((reach, reach), np.uint8)) > 0
        # Slopes sum to the length of the contours whatever their direction, which counting pixels does not.
        slope = cv2.magnitude(cv2.Sobel(line, cv2.CV_32F, 1, 0), cv2.Sobel(line, cv2.CV_32F, 0, 1))
        window = (2 * max(1, round(DETAIL_WINDOW * side / 2)) + 1,) * 2
        density = cv2.blur(cv2.blur(slope, window), window)
        where = near & (density >= np.quantile(density[near], 1 - DETAILED_SHARE)) if near.any() else near
        return cls(line, where, _detail(truth, line)[where])

    def loss(self, result: Picture) -> float:
        """What `edge_loss` gives, for one of many results.

        Raises:
            ValueError: the result is not a picture of the drawing's size.
        """
        check_color(self.line, result)
        total = float(np.square(self.truth).sum())
        # A level of detail in every pixel is rounding.
        if total <= len(self.truth) * (1 / 255) ** 2:
            return math.nan
        return float(np.square(_detail(result, self.line)[self.where] - self.truth).sum()) / total


def edge_loss(result: Picture, truth: Picture, line: Line) -> float:
    """How much of the truth's fine detail beside the lines a result misses, at full size.

    Detail h is luma minus its Gaussian blur (sigma 2 px at 1,500 px), where luma is relative to the paint around it:
    a wrong colour is no lost detail. The figure is sum (h - h_truth)^2 / sum h_truth^2 over the most finely detailed
    quarter of the places beside ink.

    Args:
        result: (H, W, 3) uint8 RGB.
        truth: (H, W, 3) uint8 RGB.
        line: (H, W) uint8, paper = 255.

    Returns:
        0 = all detail is there, 1 = none, above 1 = wrong detail. NaN without ink, or a truth without detail beside it.

    Raises:
        ValueError: sizes or types do not fit.
    """
    return FineDetail.of(line, truth).loss(result)


def _detail_sigma(side: int) -> float:
    # Less than a pixel would be no blur.
    return max(1.0, DETAIL_SIGMA * side)


def _detail(picture: Picture, line: Line) -> Floats:
    """(H, W) luma relative to the paint around it, minus its blur."""
    height, width = line.shape
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    paper = (line >= INK).astype(np.float32)
    weight, weighted = _reduced(paper, CHROMA_SIDE), _reduced(luma * paper, CHROMA_SIDE)
    sigma = max(1.0, PAINT_SIGMA * min(weight.shape))
    # Amid broad ink there is no paint to be seen: there the page's mean decides.
    rest = 1e-3
    mean = float(weighted.sum()) / max(float(weight.sum()), 1.0)
    paint = (_blurred(weighted, sigma) + rest * mean) / (_blurred(weight, sigma) + rest)
    luma /= cv2.resize(np.maximum(paint, DARKEST_PAINT), (width, height), interpolation=cv2.INTER_LINEAR)
    return luma - cv2.GaussianBlur(luma, (0, 0), _detail_sigma(min(line.shape)), borderType=cv2.BORDER_REPLICATE)


@dataclass(frozen=True)
class ClaimTruth:
    """What the claims need of one drawing, prepared once for many results.

    Attributes:
        line: (H, W) uint8.
        foreground: (H, W) bool.
        chroma: the truth's mean CIELAB chroma over the foreground.
        regions: for `bleeding`.
        detail: for `edge_loss`.
    """

    line: Line
    foreground: Mask
    chroma: float
    regions: Regions
    detail: FineDetail

    @classmethod
    def of(cls, line: Line, truth: Picture, foreground: Mask) -> "ClaimTruth":
        """Prepare a drawing.

        Args:
            line: (H, W) uint8, paper = 255.
            truth: (H, W, 3) uint8 RGB.
            foreground: (H, W) bool, the drawing without its paper.

        Raises:
            ValueError: sizes or types do not fit.
        """
        check_line(line)
        check_color(line, truth)
        _check_foreground(foreground, line.shape)
        chroma = _chroma(truth, foreground)
        return cls(line, foreground, chroma, Regions.of(line, truth), FineDetail.of(line, truth))


def measure_claims(result: Picture, network_picture: Picture | None, truth: ClaimTruth) -> dict[str, float]:
    """All four figures of one result.

    Args:
        result: (H, W, 3) uint8 RGB at the drawing's size.
        network_picture: (h, w, 3) uint8 RGB, the colours as the network left them, without padding; None for a
            result that no network made, whose checkerboard is then NaN.
        truth: of the drawing, see `ClaimTruth.of`.

    Returns:
        chroma_ratio, bleeding, checkerboard and edge_loss, each as the function of that name gives it.

    Raises:
        ValueError: sizes or types do not fit.
    """
    check_color(truth.line, result)
    pattern = math.nan
    if network_picture is not None:
        _check_picture(network_picture)
        height, width = network_picture.shape[:2]
        line = cv2.resize(truth.line, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
        pattern = checkerboard(network_picture, line)
    return {
        "chroma_ratio": _chroma(result, truth.foreground) / truth.chroma if truth.chroma >= LEAST_CHROMA else math.nan,
        "bleeding": bleeding(result, truth.regions),
        "checkerboard": pattern,
        "edge_loss": truth.detail.loss(result),
    }


def _reduced(picture: NDArray, side: int) -> NDArray:
    """Area-averaged to a short side of at most `side`, never enlarged."""
    height, width = picture.shape[:2]
    scale = side / min(height, width)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _blurred(values: Floats, sigma: float) -> Floats:
    """Gaussian blur with nothing beyond the border, for weighted averages."""
    return cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT).astype(np.float32)


def _distance(mask: Mask) -> Floats:
    """(h, w) distance of True pixels to the nearest False one, 0 elsewhere; infinite without any False."""
    if mask.all():
        return np.full(mask.shape, np.inf, np.float32)
    return cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5).astype(np.float32)


def _nearest(mask: Mask) -> tuple[Floats, Indices]:
    """(h, w) distance to the nearest True pixel of a mask that has one, and (h, w) its flat index."""
    distance, numbers = cv2.distanceTransformWithLabels(
        (~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    index = np.zeros(numbers.max() + 1, np.int64)
    index[numbers[mask]] = np.flatnonzero(mask)
    return distance.astype(np.float32), index[numbers]


def _check_picture(picture: Picture, shape: tuple[int, int] | None = None) -> None:
    rgb = picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3 and picture.size
    if not rgb or (shape is not None and picture.shape[:2] != shape):
        size = "(H, W, 3)" if shape is None else (*shape, 3)
        raise ValueError(f"a picture should be {size} uint8 RGB, is {picture.shape} {picture.dtype}")


def _check_foreground(foreground: Mask, shape: tuple[int, int] | None = None) -> None:
    if foreground.dtype != np.bool_ or foreground.ndim != 2 or (shape is not None and foreground.shape != shape):
        raise ValueError(f"foreground should be {shape or '(H, W)'} bool, is {foreground.shape} {foreground.dtype}")
