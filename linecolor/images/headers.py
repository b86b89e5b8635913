"""What picture files say of themselves before their pixels: size and EXIF orientation. The standard library only.

Read from hostile bytes: a size that is damaged raises ValueError or struct.error; an orientation that cannot be read
counts as none.
"""

import struct
import zlib
from collections.abc import Iterator

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ORIENTATION_TAG = 0x0112
_WHOLE_NUMBERS = {3: "H", 4: "L", 8: "h", 9: "l"}
"""SHORT, LONG and their signed kin, of TIFF 6.0."""
_EXIF = b"Exif\0\0"
_START_OF_SCAN = 0xFFDA
# Start of frame: C4, C8 and CC between them are tables and extensions.
_FRAMES = {marker for marker in range(0xFFC0, 0xFFD0) if marker not in (0xFFC4, 0xFFC8, 0xFFCC)}
_ALONE = {0xFF01, *range(0xFFD0, 0xFFDA)}
"""JPEG markers without a length."""
_WEBP_HAS_EXIF = 8


def of_png(data: bytes) -> tuple[tuple[int, int], int]:
    """The stored (width, height) of a PNG in pixels, and its EXIF orientation 1 to 8; 1 where it has none."""
    size, exif = None, b""
    for kind, body in png_chunks(data):
        if kind == b"IHDR":
            size = struct.unpack_from(">II", body)
        elif kind == b"eXIf":
            exif = bytes(body)
        elif kind == b"IDAT":
            break
    if size is None:
        raise ValueError("a PNG without a header")
    return (size[0], size[1]), exif_orientation(exif)


def png_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and body of each chunk up to the end of the pixels.

    Raises:
        ValueError: for a checksum that is wrong before the pixels, or a chunk that is cut off.
    """
    view = memoryview(data)
    at, pixels = len(PNG_SIGNATURE), False
    while at < len(data):
        if at + 12 > len(data):
            raise ValueError("a PNG that ends too early")
        length, kind = struct.unpack_from(">I4s", data, at)
        pixels = pixels or kind == b"IDAT"
        if pixels and kind != b"IDAT":
            return
        body, end = view[at + 8 : at + 8 + length], at + 8 + length
        if end + 4 > len(data):
            raise ValueError("a PNG that ends too early")
        if kind != b"IDAT" and struct.unpack_from(">I", data, end)[0] != zlib.crc32(body, zlib.crc32(kind)):
            raise ValueError(f"wrong checksum in {kind!r}")
        yield kind, body
        at = end + 4


def of_jpeg(data: bytes) -> tuple[tuple[int, int], int]:
    """As `of_png`."""
    size, exif = None, b""
    for marker, body in jpeg_segments(data):
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", body, 1)
            size = (width, height)
        elif marker == 0xFFE1 and body.startswith(_EXIF):
            # A long block goes on in the next segment.
            exif += body[len(_EXIF) :] if exif else body
    if size is None:
        raise ValueError("a JPEG without a frame")
    return size, exif_orientation(exif)


def jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and body of each segment of a JPEG before its pixels; ValueError or struct.error where it is damaged."""
    at = 2
    while True:
        (marker,) = struct.unpack_from(">H", data, at)
        if marker == _START_OF_SCAN:
            return
        if marker == 0xFFFF:
            at += 1
        elif marker in _ALONE:
            at += 2
        elif marker > 0xFF00:
            (length,) = struct.unpack_from(">H", data, at + 2)
            if length < 2 or at + 2 + length > len(data):
                raise ValueError("a JPEG that ends within its header")
            yield marker, data[at + 4 : at + 2 + length]
            at += 2 + length
        else:
            raise ValueError("no marker where one should be in a JPEG")


def of_webp(data: bytes) -> tuple[tuple[int, int], int]:
    """As `of_png`."""
    size = webp_size(data)
    if data[12:16] != b"VP8X" or not data[20] & _WEBP_HAS_EXIF:
        return size, 1
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sL", data, at)
        if kind == b"EXIF":
            return size, exif_orientation(data[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
    return size, 1


def webp_size(head: bytes) -> tuple[int, int]:
    """(width, height) from the first 30 bytes of a WebP file (its three chunk kinds, RFC 9649).

    Raises:
        ValueError, struct.error: if they do not tell.
    """
    kind = head[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", head, 21)[0]
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError(f"unknown WebP chunk {kind!r}")


def exif_orientation(exif: bytes) -> int:
    """The orientation in an EXIF block, 1 to 8; 1 where there is none or it cannot be read."""
    while exif.startswith(_EXIF):
        exif = exif[len(_EXIF) :]
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    found = 1
    if order is None:
        return found
    try:
        magic, at = struct.unpack_from(f"{order}HL", exif, 2)
        if magic != 42:
            return found
        (entries,) = struct.unpack_from(f"{order}H", exif, at)
        for entry in range(entries):
            tag, form, count = struct.unpack_from(f"{order}HHL", exif, at + 2 + 12 * entry)
            if tag == _ORIENTATION_TAG:
                number = form in _WHOLE_NUMBERS and count == 1
                value = struct.unpack_from(order + _WHOLE_NUMBERS[form], exif, at + 10 + 12 * entry) if number else (1,)
                found = value[0]
    except struct.error:
        # The pixels are sound even where the metadata next to them are not.
        pass
    return found if 1 <= found <= 8 else 1
