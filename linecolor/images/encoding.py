"""Pictures as the bytes of PNG files."""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from linecolor.arrays import Picture
from linecolor.images.files import write_atomically
from linecolor.images.metadata import SIGNATURE, PageMetadata


def encode_png(array: Picture, metadata: PageMetadata | None = None, signed: bool = False) -> bytes:
    """A picture as a PNG file, without loss; compression is fast, not small.

    Args:
        array: uint8, (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA with straight alpha.
        metadata: resolution and profile to keep.
        signed: name this program in the file, so that it may replace its own results and no others.

    Raises:
        ValueError: another dtype or shape.
    """
    pixels = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if array.dtype != np.uint8 or array.size == 0 or not pixels:
        raise ValueError(
            f"a PNG is written from uint8 (H, W), (H, W, 3) or (H, W, 4); this is {array.dtype} {array.shape}"
        )
    metadata = metadata or PageMetadata()
    texts = PngInfo()
    if signed:
        texts.add_text(*SIGNATURE)
    # An RGB profile has no business on grey.
    profile = metadata.profile if array.ndim == 3 else None
    buffer = BytesIO()
    Image.fromarray(np.ascontiguousarray(array)).save(
        buffer, "PNG", compress_level=1, pnginfo=texts, dpi=metadata.dpi, icc_profile=profile
    )
    return buffer.getvalue()


def write_png(path: str | Path, array: Picture) -> None:
    """Write a PNG in one step: the file is either whole or not there. Compression is fast, not small.

    Args:
        path: the file; missing folders are made.
        array: uint8, (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA with straight alpha.

    Raises:
        ValueError: another dtype or shape.
    """
    try:
        data = encode_png(array)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    write_atomically(path, data)
