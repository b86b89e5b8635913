"""All pictures from outside come in here: files of `formats` in, uint8 RGB out, and atomic writing.

Every picture is RGB, uint8 in [0, 255], paper white; where a file is transparent, white paper shows through.
Pillow decodes them; where it is not installed, OpenCV, to the same pixels. Neither needs torch.

sources: which files are let in, as bytes. formats: one row a format. pillow_decoder: what keeps Pillow from harm.
reading: a file as colour, line or hint layer. opencv_decoder: the same with OpenCV, which headers and png_pixels help
to the same results. files: finding picture files in folders, and writing them whole or not at all.
"""

from importlib.util import find_spec

from linecolor.images.encoding import write_png
from linecolor.images.files import find_images, write_atomically
from linecolor.images.formats import SUFFIXES
from linecolor.images.sources import (
    MAX_FILE_BYTES,
    MAX_PIXELS,
    EncodedPicture,
    PictureBytes,
    PictureSource,
    UnreadableImage,
    encoded,
)

if find_spec("PIL") is None:
    from linecolor.images.opencv_decoder import check_image, image_size, read_color, read_hint_layer, read_line
else:
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
