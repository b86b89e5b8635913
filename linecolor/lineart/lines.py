"""Line art from colour pictures, and the one way to shrink it. NumPy and OpenCV, picture by picture.

`linecolor.lineart.torch_lines` is the same in torch for whole batches on a GPU; a test holds the two together.
"""

import cv2
import numpy as np

from linecolor.arrays import Floats, Picture

XDOG_RATIO = 4.5
"""The wider Gaussian's sigma over the narrower one's (PaintsTorch; the authors' code)."""
XDOG_WEIGHT = 0.95
"""How much of the wider blur is subtracted (PaintsTorch; the authors' code)."""
XDOG_THRESHOLD = -0.01
"""Ink where the difference lies below it; the margin under 0 takes the speckle out of dark areas."""
TRUNCATE = 4.0
"""Gaussian kernels end at this many sigmas, here and on the device alike: OpenCV and SciPy disagree by default."""
REDUCE_STRENGTH = 0.75
"""How far a reduced line is pulled from the area mean towards the darkest pixel, at large factors."""


def gaussian_kernel(sigma: float) -> Floats:
    """A normalised Gaussian of 2 * ceil(4 sigma) + 1 taps, (n,) float32."""
    radius = max(1, int(np.ceil(TRUNCATE * sigma)))
    offsets = np.arange(-radius, radius + 1, dtype=np.float64)
    kernel = np.exp(-(offsets**2) / (2 * sigma**2))
    return (kernel / kernel.sum()).astype(np.float32)


def xdog_difference(color: Picture, sigma: float) -> Floats:
    """G_sigma - 0.95 G_{4.5 sigma} of the luma of (H, W, 3) RGB: (H, W) float32, about [-1, 1].

    0.05 on even paper, negative on ink. Computed in float: blurs rounded to 8 bits lose the fine lines.

    Args:
        color: (H, W, 3) RGB.
        sigma: of the narrower Gaussian in pixels; the paper draws 0.3, 0.4 or 0.5 (section 3.1, its alpha).
    """
    # By the BT.601 weights that OpenCV uses, in [0, 1].
    grey = np.asarray(cv2.cvtColor(color.astype(np.float32) * np.float32(1 / 255), cv2.COLOR_RGB2GRAY), np.float32)
    narrow, wide = (gaussian_kernel(s) for s in (sigma, XDOG_RATIO * sigma))
    return _blur(grey, narrow) - np.float32(XDOG_WEIGHT) * _blur(grey, wide)


def xdog(color: Picture, sigma: float) -> Picture:
    """Binary line art (H, W), ink = 0 and paper = 255, by thresholding `xdog_difference` at -0.01.

    Winnemöller et al. 2012 as Lee & Lee 2020 (section 3.1) use it. The textbook's soft threshold at -0.1 keeps
    too little ink on anime drawings: outlines fall apart.
    """
    return np.where(xdog_difference(color, sigma) < XDOG_THRESHOLD, np.uint8(0), np.uint8(255))


def dilate_abs_sub(color: Picture, kernel: int) -> Picture:
    """Line art (H, W) in shades of grey: 255 - |dilate(color) - color|, to grey (Lee & Lee 2020, Algorithm 1).

    Args:
        color: (H, W, 3) RGB.
        kernel: side of the square of ones in pixels; the paper draws 4 or 5.
    """
    dilated = cv2.dilate(color, np.ones((kernel, kernel), np.uint8))
    return grey_uint8(255 - np.asarray(cv2.absdiff(dilated, color), np.uint8))


def grey_uint8(color: Picture) -> Picture:
    """RGB (H, W, 3) -> luma (H, W) uint8, in integers so that any device gives the very same levels.

    BT.601 weights in 1/16384, rounded half up: 4899 R + 9617 G + 1868 B.
    """
    red, green, blue = (color[..., channel].astype(np.int32) for channel in range(3))
    return ((4899 * red + 9617 * green + 1868 * blue + 8192) >> 14).astype(np.uint8)


def reduce(line: Picture, size: tuple[int, int]) -> Picture:
    """Shrink line art (H, W) without losing its lines: the only way a line is shrunk, in training and in use.

    Area averaging alone turns a 2 px line of a 10,000 px page into grey 242 at 256 px. Here the area mean is
    pulled towards the darkest pixel of each cell, the more the larger the factor; white paper stays white and a
    picture at its own size stays as it is. Where `size` (h, w) is larger than the picture, the line is enlarged
    smoothly instead.
    """
    if line.ndim != 2 or line.dtype != np.uint8:
        raise ValueError(f"a line is (H, W) uint8, got {line.shape} {line.dtype}")
    height, width = size
    if (height, width) == line.shape:
        return line
    if height > line.shape[0] or width > line.shape[1]:
        return np.asarray(cv2.resize(line, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    factor = float(np.sqrt(line.shape[0] / height * line.shape[1] / width))
    mean = cv2.resize(line, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    darkest = _cell_minimum(line, height, width)
    pull = np.float32(reduce_pull(factor))
    return np.rint(mean + pull * (darkest - mean)).astype(np.uint8)


def reduce_grey(picture: Picture, size: tuple[int, int]) -> Picture:
    """Shrink a grey picture (H, W), which is no line art: by its mean; to a larger `size` it is enlarged smoothly."""
    height, width = size
    if height > picture.shape[0] or width > picture.shape[1]:
        return reduce(picture, size)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def reduce_pull(factor: float) -> float:
    """How far `reduce` pulls towards the darkest pixel at a scale factor >= 1: 0 at 1, 3/8 at 2, to 3/4."""
    return REDUCE_STRENGTH * (1 - 1 / factor)


def _blur(grey: Floats, kernel: Floats) -> Floats:
    blurred = cv2.sepFilter2D(grey, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32)


def _cell_minimum(line: Picture, height: int, width: int) -> Picture:
    """The minimum of each cell of an even (height, width) grid; a pixel on a border counts on both sides."""
    # By whole rows, which NumPy compares at the speed of memory; hence the columns lying down.
    columns = np.asarray(cv2.transpose(_row_minimum(line, height)), np.uint8)
    return np.asarray(cv2.transpose(_row_minimum(columns, width)), np.uint8)


def _row_minimum(line: Picture, cells: int) -> Picture:
    """The minimum of each of `cells` equal stretches of rows, (H, W) -> (cells, W)."""
    length = line.shape[0]
    starts = np.arange(cells) * length // cells
    stops = -(-(np.arange(cells) + 1) * length // cells)
    minimum = line[starts]
    # Stretches differ by one row at most, which the last one of each makes up for.
    for offset in range(1, int((stops - starts).min())):
        np.minimum(minimum, line[starts + offset], out=minimum)
    return np.minimum(minimum, line[stops - 1], out=minimum)
