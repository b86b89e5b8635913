"""Where a drawing is on its page."""

import cv2
import numpy as np

from linecolor.arrays import PAPER, Line, Mask, Picture, check_color, check_line


def foreground(line: Line, color: Picture, alpha: Picture | None = None) -> Mask:
    """Where the drawing is, (H, W) bool.

    With alpha, (H, W) uint8 of the colour picture, wherever it is above 0. Without, everything that paper (line and all
    channels at least 250) cannot reach from the border, by steps to the four neighbours.

    Raises:
        ValueError: sizes or types do not fit.
    """
    check_line(line)
    check_color(line, color)
    if alpha is not None:
        if alpha.shape != line.shape:
            raise ValueError(f"alpha is {alpha.shape}, but the line {line.shape}")
        return alpha > 0
    paper = (line >= PAPER) & (color >= PAPER).all(axis=2)
    # A frame of paper around the page makes one flood do for the whole border.
    flooded = cv2.copyMakeBorder(paper.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    cv2.floodFill(flooded, None, (0, 0), 2, flags=4)
    return flooded[1:-1, 1:-1] != 2
