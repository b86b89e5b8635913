"""Pictures as the bytes of PNG files."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from linecolor.arrays import Picture
from linecolor.images.files import write_atomically

if TYPE_CHECKING:
    from linecolor.images.metadata import PageMetadata


def encode_png(array: Picture, metadata: "PageMetadata | None" = None) -> bytes:
    """A picture as a PNG file, without loss; compression is fast, not small.

    Args:
        array: uint8, (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA with straight alpha.
        metadata: resolution and profile to keep.

    Raises:
        ValueError: another dtype or shape, or more than a PNG holds.
    """
    # Not above: whoever reads pictures with Pillow need not wait for OpenCV.
    import cv2

    from linecolor.images.metadata import with_metadata

    check_picture(array)
    array = np.ascontiguousarray(array)
    from_rgb = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    turned = cv2.cvtColor(array, from_rgb[array.shape[2]]) if array.ndim == 3 else array
    done, data = cv2.imencode(".png", turned, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise ValueError(f"a picture of {array.shape[1]} x {array.shape[0]} pixels does not fit into a PNG")
    if metadata is None:
        return data.tobytes()
    # An RGB profile has no business on grey.
    return with_metadata(data.tobytes(), metadata if array.ndim == 3 else replace(metadata, profile=None))


def write_png(path: str | Path, array: Picture) -> None:
    """Write a PNG in one step: the file is either whole or not there. Compression is fast, not small.

    Args:
        path: the file; missing folders are made.
        array: uint8, (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA with straight alpha.

    Raises:
        ValueError: another dtype or shape.
    """
    try:
        check_picture(array)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    write_atomically(path, _pillow_or_opencv_png(np.ascontiguousarray(array)))


def check_picture(array: Picture) -> None:
    """ValueError for an array that no PNG is written from."""
    pixels = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if array.dtype != np.uint8 or array.size == 0 or not pixels:
        raise ValueError(
            f"a PNG is written from uint8 (H, W), (H, W, 3) or (H, W, 4); this is {array.dtype} {array.shape}"
        )


def _pillow_or_opencv_png(array: Picture) -> bytes:
    try:
        from PIL import Image
    except ImportError:
        return encode_png(array)
    buffer = BytesIO()
    Image.fromarray(array).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
