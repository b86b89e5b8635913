"""All pictures from outside come in here: files of `formats` in, uint8 RGB out, and atomic writing.

Every picture is RGB, uint8 in [0, 255], paper white; where a file is transparent, white paper shows through. Pillow
decodes them, without torch or OpenCV.

sources: which files are let in, as bytes. formats: one row a format. headers: what is refused before Pillow opens it.
decoders: where Pillow's are corrected. reading: a file as colour, line, hint layer or thumbnail. encoding and metadata:
PNG files, with a page's resolution and profile.
files: finding picture files in folders, and writing them whole or not at all.
"""

from linecolor.images.encoding import write_png
from linecolor.images.files import find_images, list_folder, write_atomically
from linecolor.images.formats import SUFFIXES
from linecolor.images.reading import check_image, image_size, read_color, read_hint_layer, read_line
from linecolor.images.sources import (
    MAX_FILE_BYTES,
    MAX_PIXELS,
    EncodedPicture,
    PictureBytes,
    PictureSource,
    UnreadableImage,
    encoded,
)

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
    "list_folder",
    "read_color",
    "read_hint_layer",
    "read_line",
    "write_atomically",
    "write_png",
]
