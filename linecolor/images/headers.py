"""What a file's header promises, read before Pillow opens it: opening some formats already costs memory."""

import struct
from typing import BinaryIO

from linecolor.images.sources import PictureSource, UnreadableImage, check_size

HEAD_BYTES = 30
"""By these a file's format is known, and the size of a WebP."""

MAX_STRIPS = 200_000
"""Of a TIFF, and values of any of its numeric fields: each is an object in memory."""
MAX_GIF_EXTRA_BYTES = 1_000_000
"""Of what stands before the first frame: comments are put together piece by piece."""
MAX_GIF_PIXELS = 89_000_000
"""Above it Pillow has a limit of its own for what a frame adds."""
_BYTE_TYPES = (1, 2, 6, 7)
_IMAGE, _EXTENSION = b",", b"!"


def check_webp(path: PictureSource, file: BinaryIO, max_pixels: int) -> None:
    """Opening a WebP allocates its canvas, so its size is read before (its three chunk kinds, RFC 9649)."""
    head = file.read(HEAD_BYTES)
    kind = head[12:16]
    if kind == b"VP8X":
        size = (1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little"))
    elif kind == b"VP8L":
        bits = struct.unpack_from("<I", head, 21)[0]
        size = (1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    elif kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 26)
        size = (width & 0x3FFF, height & 0x3FFF)
    else:
        raise ValueError(f"unknown WebP chunk {kind!r}")
    check_size(path, size, max_pixels)


def check_gif(path: PictureSource, file: BinaryIO, max_pixels: int) -> None:
    """Opening a GIF may allocate its first frame, which may be larger than the screen it is for."""
    screen = struct.unpack_from("<HHB", file.read(13), 6)
    file.seek(13 + _table_bytes(screen[2]))
    start = file.tell()
    while (mark := file.read(1)) == _EXTENSION:
        file.read(1)
        while length := file.read(1)[0]:
            file.seek(length, 1)
            if file.tell() - start > MAX_GIF_EXTRA_BYTES:
                raise UnreadableImage(path, f"has {MAX_GIF_EXTRA_BYTES:,} bytes of comments; save it anew as PNG")
    if mark != _IMAGE:
        raise ValueError("a GIF without a frame")
    left, top, width, height = struct.unpack("<4H", file.read(8))
    size = max(screen[0], left + width), max(screen[1], top + height)
    check_size(path, size, min(max_pixels, MAX_GIF_PIXELS))


def _table_bytes(flags: int) -> int:
    """Of a GIF's colour table."""
    return 3 << ((flags & 7) + 1) if flags & 128 else 0


def check_tiff(path: PictureSource, file: BinaryIO, max_pixels: int) -> None:
    """The fields of a TIFF's first page are not too many to hold: a small file may list millions of strips."""
    head = file.read(16)
    order = "<" if head[:2] == b"II" else ">"
    is_big = struct.unpack_from(f"{order}H", head, 2)[0] == 43
    offset = struct.unpack_from(f"{order}Q", head, 8)[0] if is_big else struct.unpack_from(f"{order}I", head, 4)[0]
    file.seek(offset)
    count_format, entry = (f"{order}Q", f"{order}HHQ8x") if is_big else (f"{order}H", f"{order}HHI4x")
    (fields,) = struct.unpack(count_format, file.read(struct.calcsize(count_format)))
    if fields > 0xFFFF:
        raise ValueError(f"a TIFF page of {fields:,} fields")
    for tag, kind, values in struct.iter_unpack(entry, file.read(fields * struct.calcsize(entry))):
        if kind not in _BYTE_TYPES and values > MAX_STRIPS:
            raise UnreadableImage(path, f"has {values:,} values in TIFF field {tag}; the limit is {MAX_STRIPS:,}")
