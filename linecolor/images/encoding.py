"""Pictures as the bytes of PNG files."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from linecolor.images.files import check_picture
from linecolor.images.page_notes import PageNotes, with_notes

_FROM_RGB = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}


def encode_png(array: NDArray[np.uint8], notes: PageNotes | None = None) -> bytes:
    """A picture as a PNG file, without loss; compression is fast, not small.

    Args:
        array: uint8, (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA with straight alpha.
        notes: resolution and profile to keep.

    Raises:
        ValueError: another dtype or shape, or more than a PNG holds.
    """
    check_picture(array)
    array = np.ascontiguousarray(array)
    turned = cv2.cvtColor(array, _FROM_RGB[array.shape[2]]) if array.ndim == 3 else array
    done, data = cv2.imencode(".png", turned, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise ValueError(f"a picture of {array.shape[1]} x {array.shape[0]} pixels does not fit into a PNG")
    if notes is None:
        return data.tobytes()
    # An RGB profile has no business on grey.
    return with_notes(data.tobytes(), notes if array.ndim == 3 else replace(notes, profile=None))
