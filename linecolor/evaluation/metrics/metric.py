"""What a metric has to tell."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from linecolor.arrays import Mask, Picture, check_mask, check_picture

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
    """ValueError if the pictures are not 8-bit RGB of one size, or the mask has another size."""
    check_picture(image, "image")
    check_picture(truth, "truth")
    if image.shape != truth.shape:
        raise ValueError(f"image is {image.shape} and truth {truth.shape}; resize one to the other's size first")
    if mask is not None:
        check_mask(mask, image.shape[:2], "mask")
