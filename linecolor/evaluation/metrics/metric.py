"""What a metric has to tell."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from linecolor.arrays import Mask, Picture

FOREGROUND = "_foreground"
"""What the name of a figure of the foreground alone ends with."""


@dataclass(frozen=True)
class Metric:
    """A figure of one coloured picture, over all of it and over its foreground.

    Attributes:
        name: its key on disk: `psnr` stands for `psnr`, `psnr_foreground`, `psnr_32_mean`, ...
        title: in tables and diagrams.
        unit: of its axis.
        better: whether the largest or the smallest value is the best.
        measure: (image, truth, foreground) -> (whole, foreground), of (H, W, 3) uint8 RGB and (H, W) bool; the second
            is NaN without a foreground. Raises ValueError where the pictures do not fit.
    """

    name: str
    title: str
    unit: str
    better: Literal["max", "min"]
    measure: Callable[[Picture, Picture, Mask | None], tuple[float, float]]

    @property
    def areas(self) -> dict[str, str]:
        """Title by the name of the figure: of the whole picture, of the foreground."""
        return {self.name: self.title, self.name + FOREGROUND: f"{self.title} foreground"}

    def of_picture(self, image: Picture, truth: Picture, foreground: Mask | None) -> dict[str, float]:
        """Both figures by their names."""
        return dict(zip(self.areas, self.measure(image, truth, foreground), strict=True))


def check_pair(image: Picture, truth: Picture, mask: Mask | None) -> None:
    """Refuse pictures that cannot be compared.

    Raises:
        ValueError: they are not 8-bit RGB of one size, or the mask has another size.
    """
    for name, picture in (("image", image), ("truth", truth)):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
            raise ValueError(f"{name} should be (H, W, 3) uint8 RGB, is {picture.shape} {picture.dtype}")
    if image.shape != truth.shape:
        raise ValueError(f"image is {image.shape} and truth {truth.shape}; resize one to the other's size first")
    if mask is not None and (mask.shape != image.shape[:2] or mask.dtype != np.bool_):
        raise ValueError(f"mask should be {image.shape[:2]} bool, is {mask.shape} {mask.dtype}")
