"""Line art in whatever mode it comes: what the networks see of it, and what is laid over the colour. NumPy, OpenCV."""

import cv2
import numpy as np

from linecolor.arrays import Picture

COLORED = 12
"""Levels by which the channels of a stroke differ at least where it has a colour of its own; JPEG tints by less."""

_ROWS = 256


class LineLayer:
    """A line drawing on white paper.

    Args:
        line: uint8; (H, W) or (H, W, 1) grey, (H, W, 2) grey and alpha, (H, W, 3) RGB, (H, W, 4) RGBA with straight
            alpha.

    Attributes:
        grey: (H, W), what the networks see: the luma on white paper.
        ink: what is multiplied over the colour: `grey`, or (H, W, 3) RGB if the strokes have colours.

    Raises:
        ValueError: for another shape or dtype, or an empty picture.
    """

    def __init__(self, line: Picture) -> None:
        if not isinstance(line, np.ndarray) or line.dtype != np.uint8:
            kind = line.dtype if isinstance(line, np.ndarray) else type(line).__name__
            raise ValueError(f"a line is a uint8 array in [0, 255], got {kind}")
        if line.ndim == 2:
            line = line[..., None]
        if line.ndim != 3 or line.shape[2] not in (1, 2, 3, 4) or not line.size:
            raise ValueError(
                f"a line is (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA and not empty, got {line.shape[: line.ndim]}"
            )
        channels = line.shape[2]
        if channels == 1:
            self.grey: Picture = np.ascontiguousarray(line[..., 0])
            self.ink: Picture = self.grey
            return
        self.grey = np.empty(line.shape[:2], np.uint8)
        rgb = np.empty((*line.shape[:2], 3), np.uint8) if channels >= 3 else None
        colored = False
        # In bands of rows: floats of a whole page would take its memory many times over.
        for top in range(0, len(line), _ROWS):
            band = _on_white(line[top : top + _ROWS])
            if rgb is None:
                self.grey[top : top + _ROWS] = band[..., 0]
                continue
            rgb[top : top + _ROWS] = band
            self.grey[top : top + _ROWS] = cv2.cvtColor(band, cv2.COLOR_RGB2GRAY)
            colored = colored or bool((band.max(2).astype(np.int16) - band.min(2) >= COLORED).any())
        self.ink = rgb if rgb is not None and colored else self.grey


def _on_white(band: Picture) -> Picture:
    """(n, W, 2 or 4) with straight alpha -> (n, W, 1 or 3) on white, to the nearest level; without alpha itself."""
    if band.shape[2] == 3:
        return np.ascontiguousarray(band)
    alpha = band[..., -1:].astype(np.uint32)
    return ((band[..., :-1] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
