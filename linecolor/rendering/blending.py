"""Frequency separation: the network's small colour picture under the artist's own lines, at full size.

The paper's rule (Lee & Lee 2020, section 3.4, Algorithm 2) and a cleaner one. NumPy and OpenCV only, so that
front ends without torch use it too.

`blends.BLENDS` has one row a blend; the functions it names are here.
The full-size work is one separable resampling (`resampling`) and one operation a pixel, a band of rows at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from linecolor.arrays import Floats, Mask, Picture
from linecolor.lineart.lines import grey_uint8
from linecolor.rendering.blends import BLENDS, BlendMode, check_blend
from linecolor.rendering.resampling import LEVEL, WEIGHT, Taps, product, stretch

MAX_SIGMA = 32.0
AHEAD = 96  # rows of the colour picture widened at once: fewer and larger matrix products, little memory

# The clean rule's constants, in pixels of the colour picture. Chosen on OpenMoji pairs and on synthetic ones with
# thin lines, at network sizes 256 and 512, for exact colour and for colour blurred and noisy, shifted by half a
# pixel, JPEG-coded, with heavier lines and with none at all.
THINNEST_PAPER = 0.25  # line value below which dividing by it would only amplify the network's errors
TONE = 5  # strokes are narrower; wider grey is a tone the artist laid, whose colour is kept. Also how far "nearby" is
DISTRUST = 1.0  # sigma: a network blurs and misplaces lines, so the pixels beside ink are doubted too
SHARPNESS = 16  # power from the share of paper to the weight
CLEAR = 0.98  # share of paper above which a pixel's colour is believed outright
FILL_SIGMAS = (0.7, 1.5, 3.0)
FILL_DECAY = 0.05  # weight of each wider blur, so that the nearest paper decides where there is any


@dataclass(frozen=True)
class Patch:
    """An area of one colour, at the page's own size.

    Attributes:
        top, left: its place.
        mask: (h, w) bool.
        color: RGB.
    """

    top: int
    left: int
    mask: Mask
    color: tuple[int, int, int]


@dataclass(frozen=True)
class BlendGuide:
    """What is known of a page besides its ink and the network's picture.

    Attributes:
        lines_alone: (h', w') uint8, the lines the colour was painted over where the page's ink is more than that; None
            where it is not. Any size of the line's shape.
        patches: areas whose colour is known exactly.
    """

    lines_alone: Picture | None = None
    patches: Sequence[Patch] = ()


def blend(
    line: Picture,
    color: Picture | npt.NDArray[np.floating],
    mode: BlendMode = "clean",
    guide: BlendGuide = BlendGuide(),
    sigma: float = 0.6,
    band_rows: int = 32,
) -> Picture:
    """Colour a full-size line drawing with the small picture a network made of it.

    On top of input and output it needs some bands of rows and about 120 bytes for each pixel of `color`.

    Args:
        line: (H, W) grey or (H, W, 3) RGB, uint8, paper = 255.
        color: (h, w, 3) RGB, uint8 or float in [0, 255]; any size of the line's shape, larger ones too. Floats
            count to the nearest sixteenth of a level.
        mode: a name in `BLENDS`.
        guide: what else is known of the page.
        sigma: of the blends that blur, in pixels of `color`, [0, 32]; at full size sigma * min(H, W) / min(h, w).
            The paper gives no value.
        band_rows: rows made at a time, at least 1: memory against speed. The result is the same for any value.

    Returns:
        (H, W, 3) RGB, uint8.

    Raises:
        ValueError: a wrong shape, dtype, mode or range, or a colour picture whose shape is not the line's.
    """
    _check(line, color, mode, sigma, band_rows)
    height, width = line.shape[:2]
    rule = BLENDS[mode]
    combine = rule.combine
    small = _without_ink(line, color, guide) if rule.inpaints else np.clip(color, 0, 255).astype(np.float32)
    small = np.rint(small * np.float32(LEVEL))

    scale = min(height, width) / min(small.shape[:2])
    blur = sigma * scale if rule.blurs else 0.0
    across = Taps(small.shape[1], width, blur)
    down = Taps(small.shape[0], height, blur)

    out: Picture = np.empty((height, width, 3), np.uint8)
    rows: Floats = np.empty((0, 3 * width), np.float32)
    first = 0
    for top in range(0, height, band_rows):
        bottom = min(top + band_rows, height)
        start, weights = down.matrix(top, bottom)
        rows, first = rows[max(start - first, 0) :], start
        if len(rows) < weights.shape[1]:
            fresh = small[start + len(rows) : start + max(weights.shape[1], AHEAD)]
            rows = np.concatenate([rows, stretch(fresh, across)])
        # Whole numbers throughout: level * LEVEL * WEIGHT.
        band = product(weights, rows[: weights.shape[1]]).reshape(bottom - top, width, 3)
        for patch in guide.patches:
            _lay_patch(patch, band, top)
        combine(line[top:bottom], band, out[top:bottom])
    return out


def color_layer(
    line: Picture, color: Picture | npt.NDArray[np.floating], guide: BlendGuide = BlendGuide(), band_rows: int = 32
) -> Picture:
    """The colour without the lines, at full size: times line / 255 it is what mode "clean" makes, but for rounding.

    Arguments, result and errors as of `blend`.
    """
    _check(line, color, "clean", 0.0, band_rows)
    return blend(line, _without_ink(line, color, guide), "none", guide, band_rows=band_rows)


def _without_ink(line: Picture, color: Picture | npt.NDArray[np.floating], guide: BlendGuide) -> Floats:
    return inpaint_ink(line if guide.lines_alone is None else guide.lines_alone, color)


def _lay_patch(patch: Patch, band: Floats, top: int) -> None:
    """Colour what of a patch lies in a band of rows that begins at `top`."""
    first, last = max(patch.top, top), min(patch.top + len(patch.mask), top + len(band))
    if first < last:
        part = band[first - top : last - top, patch.left : patch.left + patch.mask.shape[1]]
        part[patch.mask[first - patch.top : last - patch.top]] = np.array(patch.color, np.float32) * np.float32(
            LEVEL * WEIGHT
        )


def inpaint_ink(line: Picture, color: Picture | npt.NDArray[np.floating]) -> Floats:
    """Replace the colour under and beside ink with the colour of the paper around it, at the size of `color`.

    What a network paints near a stroke is colour times line, blurred by its own errors. So: divide by the
    reduced line; cut the quotient to the range of the clear pixels nearby, since a network that left out the
    line would come out too bright, and one that drew it too fat too dark; then a normalised blur at several
    scales, weighted by the share of paper. A wide grey area counts as paper of that grey, so that a tone keeps
    the colour painted on it. Ours, not the paper's.

    The line is (H, W) or (H, W, 3), uint8, paper = 255, any size; the colour, (h, w, 3), uint8 or float in [0, 255],
    comes back as float32 in [0, 255].
    """
    height, width = color.shape[:2]
    paper = cv2.resize(line, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)
    paper = paper.reshape(height, width, -1)
    darkest = paper.min(axis=2)
    near = np.ones((TONE, TONE), np.uint8)

    tone = cv2.morphologyEx(darkest, cv2.MORPH_CLOSE, near)
    share = np.minimum(darkest / np.maximum(tone, THINNEST_PAPER), 1)
    share = np.minimum(share, cv2.GaussianBlur(share, (0, 0), DISTRUST, borderType=cv2.BORDER_REPLICATE))

    pure = np.clip(color, 0, 255).astype(np.float32) / np.maximum(paper, THINNEST_PAPER)
    pure = np.minimum(pure, 255)
    clear = (share > CLEAR)[..., None]
    high = cv2.dilate(np.where(clear, pure, np.float32(-1)), near)
    low = cv2.erode(np.where(clear, pure, np.float32(256)), near)
    pure = np.where(high >= 0, np.clip(pure, low, high), pure)

    # The floor decides only where no paper is near: there a pixel keeps what the network painted.
    weight = share**SHARPNESS + np.float32(1e-8)
    weighted = np.dstack([pure * weight[..., None], weight])
    total = weighted.copy()
    for power, sigma in enumerate(FILL_SIGMAS, start=1):
        total += FILL_DECAY**power * cv2.GaussianBlur(weighted, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.clip(total[..., :3] / total[..., 3:], 0, 255)


_TO_LEVEL = 1 / (LEVEL * WEIGHT)  # a power of two: the scaling rounds nothing
_TIMES_LINE = (np.arange(256) / 255 * _TO_LEVEL).astype(np.float32)
# 255 - 2 * line, cut at 0: from 128 on it is the paper's "pixel becomes neutral", with neutral at 127.5.
_LINEAR_LIGHT = np.clip(255 - 2 * np.arange(256), 0, 255).astype(np.uint8)

_LUMA = np.array([4899, 9617, 1868], np.float32) / np.float32(1 << 14)  # as in `lines.grey_uint8`
_LEAST_CHROMA = np.float32(1e-3)


def multiply(line: Picture, band: Floats, out: Picture) -> None:
    """Coloured lines keep their own colour, pale ones their strength; white paper shows the resized colour."""
    cv2.multiply(band, cv2.LUT(_rgb(line), _TIMES_LINE), dst=band)
    cv2.convertScaleAbs(band, dst=out)


def linear_light(line: Picture, band: Floats, out: Picture) -> None:
    """`color + 2 * line - 255`, cut to [0, 255]; line values above 127 become neutral: white paper changes nothing."""
    # The subtrahend is whole, so rounding the colour first gives the result rounded once.
    cv2.convertScaleAbs(band, dst=out, alpha=_TO_LEVEL)
    cv2.subtract(out, cv2.LUT(_rgb(line), _LINEAR_LIGHT), dst=out)


def color_alone(line: Picture, band: Floats, out: Picture) -> None:
    """The resized colour, without the line."""
    cv2.convertScaleAbs(band, dst=out, alpha=_TO_LEVEL)


def _rgb(line: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(line, cv2.COLOR_GRAY2RGB) if line.ndim == 2 else np.ascontiguousarray(line))


def own_luma(line: Picture, band: Floats, out: Picture) -> None:
    """The page's own luma (BT.601) under the chroma of the resized colour, as PixColor ends (Guadarrama et al. 2017).

    Where a channel would leave [0, 255], all of the pixel's chroma is reduced: luma stays to the rounding, and hue;
    black stays black and white white. Of a page in colours its luma is taken.
    """
    luma = line if line.ndim == 2 else grey_uint8(line)
    # Plane by plane in NumPy, which rounds every step alike wherever a band begins.
    planes = [np.multiply(plane, np.float32(_TO_LEVEL)) for plane in cv2.split(band)]
    own = planes[0] * _LUMA[0] + planes[1] * _LUMA[1] + planes[2] * _LUMA[2]
    for plane in planes:
        plane -= own
    highest = np.maximum(np.maximum(planes[0], planes[1]), planes[2])
    lowest = np.minimum(np.minimum(planes[0], planes[1]), planes[2])
    page = luma.astype(np.float32)
    # How much of the chroma fits between black and white; of none at all, any amount.
    fits = np.minimum((255 - page) / np.maximum(highest, _LEAST_CHROMA), page / np.maximum(-lowest, _LEAST_CHROMA))
    np.minimum(fits, 1, out=fits)
    for plane in planes:
        plane *= fits
        plane += page
    cv2.convertScaleAbs(cv2.merge(planes), dst=out)


def _check(line: Picture, color: npt.NDArray, mode: str, sigma: float, band_rows: int) -> None:
    """Refuse what cannot be blended, naming the value."""
    check_blend(mode)
    if line.dtype != np.uint8 or line.ndim not in (2, 3) or line.shape[2:] not in ((), (3,)) or line.size == 0:
        raise ValueError(f"line must be uint8 (H, W) or (H, W, 3), not {line.dtype} {line.shape}")
    floating = np.issubdtype(color.dtype, np.floating)
    if not (floating or color.dtype == np.uint8) or color.ndim != 3 or color.shape[2] != 3 or color.size == 0:
        raise ValueError(f"color must be uint8 or float (h, w, 3), not {color.dtype} {color.shape}")
    # Half a level of overshoot is rounding; NaN fails both comparisons.
    if floating and not (color.min() >= -0.5 and color.max() <= 255.5):
        raise ValueError(f"float color must lie in [0, 255], found {color.min():.4g} to {color.max():.4g}")
    if not 0 <= sigma <= MAX_SIGMA:
        raise ValueError(f"sigma must lie in [0, {MAX_SIGMA:g}] pixels of the colour picture, not {sigma}")
    if band_rows < 1:
        raise ValueError(f"band_rows must be at least 1, not {band_rows}")
    (height, width), (h, w) = line.shape[:2], color.shape[:2]
    off = (w * height) / (h * width)
    # A pixel of rounding in w and h, and half a one in a reduced line, is more than 5 % on a strip a few pixels wide.
    low = max((w - 1) / (width + 0.5), (h - 1) / (height + 0.5))
    rounded = low <= min((w + 1) / (width - 0.5), (h + 1) / (height - 0.5))
    if not rounded and not 1 / 1.05 <= off <= 1.05:
        raise ValueError(
            f"color is {w} x {h} and line {width} x {height}: their shapes differ by {abs(off - 1):.0%}; "
            "remove the network's padding before blending"
        )
