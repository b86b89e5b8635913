"""Cutting a training crop out of a decoded page; the one module that knows albumentations."""

import os

import numpy as np

from linecolor.arrays import Picture
from linecolor.lineart import lines

# Without it the import asks the network for a newer version and waits up to two seconds.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
import albumentations
import cv2


class PageCrop:
    """A square of a page, `cut` page pixels wide from (y, x) on, brought to `side` pixels, the network's size."""

    def __init__(self, y: int, x: int, cut: int, side: int) -> None:
        self._box = (x, y, x + cut, y + cut)
        self._crop = albumentations.Crop(*self._box, p=1.0)
        # Area averaging is exact on the way down; a page smaller than the network's size is enlarged smoothly.
        how = cv2.INTER_AREA if cut > side else cv2.INTER_CUBIC
        self._resize = albumentations.Resize(side, side, interpolation=how, p=1.0)
        self._side = side

    def picture(self, page: Picture) -> Picture:
        """A colour page (H, W, 3) or a mask (H, W) -> (side, side, ...) of the same dtype."""
        cropped = self._crop.apply(page, crop_coords=self._box)
        return np.ascontiguousarray(self._resize.apply(cropped, interpolation=self._resize.interpolation))

    def line(self, page: Picture) -> Picture:
        """Line art (H, W) -> (side, side), by `lines.reduce` as every line is."""
        cropped = np.ascontiguousarray(self._crop.apply(page, crop_coords=self._box))
        return lines.reduce(cropped, (self._side, self._side))
