"""A picture in numbers, at one small size, so that they do not depend on how large the file is."""

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from linecolor.arrays import Floats, Mask, Picture

VERSION = 1
"""Numbers of another version are measured again. Raise it when a figure changes."""

PIXELS = 256 * 256
"""Every picture is reduced to this area (never enlarged) before it is measured."""

FIGURES = (
    "drawing_share", "chroma", "drawing_light_20", "drawing_light_80", "picture_light_80", "tone_range",
    "hue_spread", "color_cast", "white_share", "paper_share", "stroke_share", "texture", "smooth_share", "even_share",
    "line_excess", "prevalence", "photograph",
)  # fmt: skip
"""The names `measure` gives, in the manifest's order."""

_SAME = 14  # levels: what JPEG leaves of an even colour
_COLORED = 8.0  # CIELAB chroma: below it no hue is seen

# Drawn pictures are areas of few, perfectly even colours between dark lines. Photographs have texture nearly
# everywhere, and where they have none they are smooth yet never even, for a lens and a sensor leave their traces;
# light lines are as frequent as dark ones, and no colour prevails (the last is a metric of Athitsos, Swain & Frankel
# 1997, Distinguishing photographs and graphics on the World Wide Web). A logistic regression weighs the five; its
# coefficients were fitted to drawings and photographs, rounded, and are part of VERSION.
_WEIGHTS = {"texture": 18.0, "smooth_share": 9.5, "even_share": -9.0, "line_excess": -4.4, "prevalence": -6.3}
_BIAS = -4.1


def measure(rgb: Picture) -> dict[str, float]:
    """Every figure of a picture (H, W, 3) on white paper, reduced to about PIXELS in all.

    Returns:
        drawing_share: share of the picture that is drawing: all but the even background that touches the border;
        chroma: CIELAB chroma that 1.5 % of the pixels exceed;
        drawing_light_20, drawing_light_80, picture_light_80: percentiles of CIELAB lightness (0-100);
        tone_range: lightness between the 5th and the 95th percentile of the drawing;
        hue_spread: circular standard deviation of the drawing's hues, weighted by chroma, in degrees; 360 without
            colour;
        color_cast: distance of the mean colour from grey over the spread of colours in CIELAB (Gasparini & Schettini
            2004), of the drawing or of the picture, whichever is smaller;
        white_share: share of white pixels;
        paper_share, stroke_share: share of the most frequent colour, and how much of the rest is thin strokes;
        texture: share of 16-pixel blocks whose median gradient exceeds 4 levels at middle brightness;
        smooth_share: share of 8-pixel blocks whose levels deviate by less than 2;
        even_share: share of pixels with a gradient below half a level;
        line_excess: log10 of thin dark lines over thin light lines, by area;
        prevalence: share of the ten most frequent colours;
        photograph: how much it looks photographed, from 0 (drawn) to 1.
    """
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)
    lightness, a, b = lab[..., 0], *(lab[..., channel].astype(np.float32) - 128 for channel in (1, 2))
    chroma = np.asarray(cv2.magnitude(a, b), np.float32)
    drawing = _drawing(rgb)
    levels = np.bincount(lightness[drawing], minlength=256)
    # OpenCV's 8-bit CIELAB has lightness in 255 steps.
    low, dark, light, high = (_percentile(levels, share) / 2.55 for share in (0.05, 0.2, 0.8, 0.95))
    return {
        "drawing_share": float(drawing.mean()),
        "chroma": _percentile(np.bincount(chroma.astype(np.uint8).ravel(), minlength=256), 0.985),
        "drawing_light_20": dark,
        "drawing_light_80": light,
        "picture_light_80": _percentile(np.bincount(lightness.ravel(), minlength=256), 0.8) / 2.55,
        "tone_range": high - low,
        "hue_spread": _hue_spread(a, b, chroma, drawing),
        "color_cast": min(_cast(a, b), _cast(a[drawing], b[drawing])),
        "white_share": float(np.mean((lightness > 242) & (chroma < 5))),
        **_strokes(rgb),
        **_photograph_figures(rgb),
    }


def perceptual_hash(rgb: Picture) -> str:
    """The 64-bit DCT hash of the library imagehash, as 16 hexadecimal digits."""
    from imagehash import phash

    return str(phash(Image.fromarray(rgb)))


def _percentile(counts: NDArray[np.int64], share: float) -> float:
    """The smallest level that `share` of all counted pixels do not exceed."""
    return float(np.searchsorted(np.cumsum(counts), share * counts.sum()))


def _drawing(rgb: Picture) -> Mask:
    """(H, W): False on an even background that touches the border; all True where there is none, or nothing else."""
    height, width = rgb.shape[:2]
    everything = np.ones((height, width), bool)
    border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])[None]
    even = _near(border, _most_frequent(border))
    if even.mean() < 0.35:
        return everything
    near = _near(rgb, np.median(border[even], axis=0)).astype(np.uint8)
    # Painted with the fill tool from every border pixel, through one frame around the picture.
    framed = cv2.copyMakeBorder(near, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    cv2.floodFill(framed, None, (0, 0), 2)
    drawing = framed[1:-1, 1:-1] != 2
    return drawing if drawing.mean() >= 0.02 else everything


def _most_frequent(colors: Picture) -> NDArray[np.float64]:
    """The most frequent colour of (H, W, 3), (3,)."""
    four = (colors >> 4).astype(np.uint16)
    key = four[..., 0] << 8 | four[..., 1] << 4 | four[..., 2]
    return colors[key == np.bincount(key.ravel()).argmax()].mean(axis=0)


def _distance(colors: Picture, color: NDArray[np.float64]) -> Picture:
    """Largest difference of a channel, (H, W) for (H, W, 3)."""
    red, green, blue = cv2.split(cv2.absdiff(colors, np.array([*color.round(), 0.0])))
    return np.asarray(cv2.max(cv2.max(red, green), blue), np.uint8)


def _near(colors: Picture, color: NDArray[np.float64]) -> Mask:
    return _distance(colors, color) <= _SAME


def _hue_spread(a: Floats, b: Floats, chroma: Floats, drawing: Mask) -> float:
    seen = drawing & (chroma > _COLORED)
    total = float(chroma[seen].sum())
    if total == 0:
        return 360.0
    resultant = math.hypot(float(a[seen].sum()), float(b[seen].sum())) / total
    return min(360.0, math.degrees(math.sqrt(max(0.0, -2 * math.log(max(resultant, 1e-9))))))


def _cast(a: Floats, b: Floats) -> float:
    # 2: the spread that 8-bit CIELAB and JPEG give an even colour.
    return math.hypot(float(a.mean()), float(b.mean())) / (math.hypot(float(a.std()), float(b.std())) + 2)


def _strokes(rgb: Picture) -> dict[str, float]:
    distance = _distance(rgb, _most_frequent(rgb))
    # Faint pencils and pale paints count as much as strong ones: what is no paper depends on the picture's contrast.
    contrast = _percentile(np.bincount(distance.ravel(), minlength=256), 0.99)
    mark = (distance > min(16.0, max(4.0, 0.2 * contrast))).astype(np.uint8)
    marked = int(mark.sum())
    solid = int(cv2.morphologyEx(mark, cv2.MORPH_OPEN, np.ones((11, 11), np.uint8)).sum())
    return {"paper_share": 1 - marked / mark.size, "stroke_share": 1 - solid / marked if marked else 0.0}


def _photograph_figures(rgb: Picture) -> dict[str, float]:
    luma = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    level = luma.astype(np.float32)
    gradient = cv2.magnitude(cv2.Sobel(level, -1, 1, 0, scale=1 / 8), cv2.Sobel(level, -1, 0, 1, scale=1 / 8))
    # The eye, and a lens, know contrast: in the dark the same texture has smaller steps.
    contrast = gradient * (152 / (cv2.blur(level, (9, 9)) + 48))
    figures = {
        "texture": float(np.mean(_blocks(contrast > 4, 16).mean(axis=(1, 3)) > 0.5)),
        "smooth_share": float(np.mean(_blocks(level, 8).std(axis=(1, 3)) < 2)),
        "even_share": float(np.mean(gradient < 0.5)),
        "line_excess": _line_excess(luma),
        "prevalence": _prevalence(rgb),
    }
    score = _BIAS + sum(weight * figures[name] for name, weight in _WEIGHTS.items())
    return figures | {"photograph": 1 / (1 + math.exp(-score))}


def _blocks(values: NDArray[Any], side: int) -> NDArray[Any]:
    """(H, W) as (H // side, side, W // side, side), a picture smaller than a block as one block."""
    height, width = (size // side * side or size for size in values.shape)
    rows, columns = min(side, height), min(side, width)
    return values[:height, :width].reshape(height // rows, rows, width // columns, columns)


def _line_excess(luma: Picture) -> float:
    kernel = np.ones((5, 5), np.uint8)
    dark = int(np.count_nonzero(cv2.morphologyEx(luma, cv2.MORPH_BLACKHAT, kernel) > 25))
    light = int(np.count_nonzero(cv2.morphologyEx(luma, cv2.MORPH_TOPHAT, kernel) > 25))
    return math.log10((dark + 20) / (light + 20))


def _prevalence(rgb: Picture) -> float:
    wide = rgb.astype(np.uint32)
    colors = np.sort((wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]).ravel())
    counts = np.diff(np.flatnonzero(np.diff(colors, prepend=-1, append=1 << 24)))
    return float(np.sort(counts)[-10:].sum() / colors.size)
