"""The arrays that travel: one vocabulary of types, and the checks of what they hold."""

import numpy as np
from numpy.typing import NDArray

Line = NDArray[np.uint8]
"""(H, W) grey, paper = 255."""
Picture = NDArray[np.uint8]
"""(H, W, 3) RGB, or what a docstring says of it."""
Mask = NDArray[np.bool_]
"""(H, W)."""
Floats = NDArray[np.float32]
"""Numbers of any shape; the docstring gives shape and range."""
Channels = NDArray[np.float32]
"""(C, H, W), what a network takes or gives, in [-1, 1]."""

INK, PAPER = 128, 250
"""A line pixel below INK is ink; one from PAPER on is paper; between them lies the soft edge of a line."""


def check_line(line: Line) -> None:
    """ValueError if the line is not (H, W) uint8."""
    if line.ndim != 2 or line.dtype != np.uint8 or not line.size:
        raise ValueError(f"a line is (H, W) uint8 with white paper, got {line.shape} {line.dtype}")


def check_picture(picture: Picture, name: str) -> None:
    """ValueError, by this name, if the picture is not (H, W, 3) uint8 RGB."""
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        raise ValueError(f"{name} should be (H, W, 3) uint8 RGB, is {picture.shape} {picture.dtype}")


def check_mask(mask: Mask, shape: tuple[int, int], name: str) -> None:
    """ValueError, by this name, if the mask is not bool of this (H, W)."""
    if mask.shape != shape or mask.dtype != np.bool_:
        raise ValueError(f"{name} should be {shape} bool, is {mask.shape} {mask.dtype}")


def check_color(line: Line, color: Picture) -> None:
    """ValueError if the picture is not uint8 RGB of the line's size."""
    if color.dtype != np.uint8 or color.shape != (*line.shape, 3):
        raise ValueError(f"expected {(*line.shape, 3)} uint8 RGB for this line, got {color.shape} {color.dtype}")
