"""What the claims share: reducing, blurring and distances on a page."""

import cv2
import numpy as np
from numpy.typing import NDArray

from linecolor.arrays import Floats, Mask

Indices = NDArray[np.int64]


def reduced(picture: NDArray, side: int) -> NDArray:
    """Area-averaged to a short side of at most `side`, never enlarged."""
    height, width = picture.shape[:2]
    scale = side / min(height, width)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def blurred(values: Floats, sigma: float) -> Floats:
    """Gaussian blur with nothing beyond the border, for weighted averages."""
    return cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT).astype(np.float32)


def distance(mask: Mask) -> Floats:
    """(h, w) distance of True pixels to the nearest False one, 0 elsewhere; infinite without any False."""
    if mask.all():
        return np.full(mask.shape, np.inf, np.float32)
    return cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5).astype(np.float32)


def nearest_pixels(mask: Mask) -> tuple[Floats, Indices]:
    """(h, w) distance to the nearest True pixel of a mask that has one, and (h, w) its flat index."""
    distance, numbers = cv2.distanceTransformWithLabels(
        (~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    index = np.zeros(numbers.max() + 1, np.int64)
    index[numbers[mask]] = np.flatnonzero(mask)
    return distance.astype(np.float32), index[numbers]
