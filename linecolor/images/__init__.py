"""The one door for pictures from outside: PNG, JPEG and WebP in, uint8 RGB out, and atomic writing.

Every picture is RGB, uint8 in [0, 255], paper white; where a file is transparent, white paper shows through.
Needs NumPy and Pillow only, so the front ends that run without torch read pictures by the same rules.

decoding: files from outside are hostile; what keeps them from harm. reading: a file as colour, line or hint
layer. files: finding picture files in folders, and writing them whole or not at all.
"""

from linecolor.images.decoding import (
    MAX_FILE_BYTES,
    MAX_PIXELS,
    EncodedPicture,
    PictureBytes,
    PictureSource,
    UnreadableImage,
    encoded,
)
from linecolor.images.files import SUFFIXES, find_images, write_atomically, write_png
from linecolor.images.reading import check_image, image_size, read_color, read_hint_layer, read_line

__all__ = [
    "MAX_FILE_BYTES",
    "MAX_PIXELS",
    "SUFFIXES",
    "EncodedPicture",
    "PictureBytes",
    "PictureSource",
    "UnreadableImage",
    "check_image",
    "encoded",
    "find_images",
    "image_size",
    "read_color",
    "read_hint_layer",
    "read_line",
    "write_atomically",
    "write_png",
]
