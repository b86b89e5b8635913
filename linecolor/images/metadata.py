"""The metadata of a picture file that an artist wants kept: resolution (DPI) and colour profile (ICC).

Nothing is decoded. The standard library only.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from linecolor.images.headers import PNG_SIGNATURE, jpeg_segments
from linecolor.images.sources import MAX_PROFILE_BYTES

_MOST_CHUNKS = 1000
_MADE_HERE = b"Software\0linecolor"
_METRE = 1
_INCH = 0.0254
_METRES = {1: _INCH, 2: 0.01}
"""The units of JFIF's densities: inch and centimetre."""
_APP0, _APP2, _ICC = 0xFFE0, 0xFFE2, b"ICC_PROFILE\0"
_JPEG_HEADER = 8_000_000


@dataclass(frozen=True)
class PageMetadata:
    """Resolution and profile of a page.

    Attributes:
        resolution: body of the pHYs chunk, None where there is none.
        profile: body of the iCCP chunk, of an RGB profile only: the result is RGB.
    """

    resolution: bytes | None = None
    profile: bytes | None = None

    @property
    def dpi(self) -> tuple[float, float] | None:
        """Pixels an inch across and down, where the page says so."""
        if self.resolution is None:
            return None
        across, down, unit = struct.unpack(">IIB", self.resolution)
        return (across * _INCH, down * _INCH) if unit == _METRE and across and down else None


def of_png(file: BinaryIO) -> PageMetadata:
    """The metadata of an open PNG file; none where they are damaged."""
    resolution = profile = None
    for kind, body in _chunks(file):
        if kind == b"pHYs" and len(body) == 9:
            resolution = body
        elif kind == b"iCCP" and _is_rgb_profile(body):
            profile = body
    return PageMetadata(resolution, profile)


def of_jpeg(file: BinaryIO) -> PageMetadata:
    """The metadata of an open JPEG file, as a PNG has them; none where they are damaged."""
    resolution, parts = None, {}
    # A header that is damaged, or longer than was read, keeps what was found before.
    with suppress(ValueError, struct.error):
        for marker, body in jpeg_segments(file.read(_JPEG_HEADER)):
            if marker == _APP0 and body.startswith(b"JFIF\0") and len(body) >= 12:
                unit, across, down = struct.unpack_from(">BHH", body, 7)
                if unit in _METRES and across and down:
                    metre = _METRES[unit]
                    resolution = struct.pack(">IIB", round(across / metre), round(down / metre), _METRE)
            elif marker == _APP2 and body.startswith(_ICC) and len(body) > len(_ICC) + 2:
                parts[body[len(_ICC)]] = body[len(_ICC) + 2 :]
    profile = b"".join(parts[place] for place in sorted(parts))
    chunk = b"icc\0\0" + zlib.compress(profile)
    return PageMetadata(resolution, chunk if _is_rgb_profile(chunk) and len(chunk) <= MAX_PROFILE_BYTES else None)


def with_metadata(png: bytes, page: PageMetadata) -> bytes:
    """A PNG file's bytes with the metadata added; the file must have none of its own."""
    added = ((b"iCCP", page.profile), (b"pHYs", page.resolution))
    return _with_chunks(png, [(kind, body) for kind, body in added if body is not None])


def signed(png: bytes) -> bytes:
    """A PNG file's bytes with the name of this program, so that it may replace its own results and no others."""
    return _with_chunks(png, [(b"tEXt", _MADE_HERE)])


def is_signed(path: str | Path) -> bool:
    """Whether a file is a PNG that `signed` marked."""
    with Path(path).open("rb") as file:
        return any(kind == b"tEXt" and body == _MADE_HERE for kind, body in _chunks(file))


def _with_chunks(png: bytes, chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    end_of_header = len(PNG_SIGNATURE) + 25
    return png[:end_of_header] + b"".join(_chunk(kind, body) for kind, body in chunks) + png[end_of_header:]


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The chunks before the pixels, those with a right checksum and not too long."""
    if file.read(8) != PNG_SIGNATURE:
        return
    for _ in range(_MOST_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head)
        if kind in (b"IDAT", b"IEND"):
            return
        if length > MAX_PROFILE_BYTES:
            file.seek(length + 4, 1)
            continue
        body, checksum = file.read(length), file.read(4)
        if checksum == struct.pack(">I", zlib.crc32(kind + body)):
            yield kind, body


def _is_rgb_profile(body: bytes) -> bool:
    """Whether an iCCP chunk holds a profile for RGB: bytes 16 to 20 of its header say so."""
    name, _, rest = body.partition(b"\0")
    if not 1 <= len(name) <= 79 or rest[:1] != b"\0":
        return False
    try:
        header = zlib.decompressobj().decompress(rest[1:], 128)
    except zlib.error:
        return False
    return header[16:20] == b"RGB "


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
