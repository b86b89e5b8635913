"""Picture files made for tests: by Pillow, and by hand where Pillow cannot write what it must read."""

import struct
import zlib
from io import BytesIO

import numpy as np
from PIL import Image

from linecolor.images import PictureBytes

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, color_type: int, rows: bytes, *extra: bytes) -> bytes:
    """A PNG of any kind; without rows a bomb, whose header promises pixels that are not there."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0))
    return SIGNATURE + header + b"".join(extra) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def without_end(jpeg: bytes) -> bytes:
    """A JPEG without its end marker."""
    assert jpeg.endswith(b"\xff\xd9")
    return jpeg[:-2]


def with_wrong_checksum(made: bytes) -> bytes:
    """A chunk of a PNG whose checksum is another one's."""
    return made[:-1] + bytes([made[-1] ^ 1])


def noise(height: int, width: int, channels: int = 3) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8))


def source(data: bytes) -> PictureBytes:
    return PictureBytes("a picture", data)
