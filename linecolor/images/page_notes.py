"""What a PNG notes beside its pixels and an artist wants kept: resolution (DPI) and colour profile (ICC).

Read and written chunk by chunk, as they are; nothing is decoded. The standard library only.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_PROFILE_BYTES = 4_000_000
"""Of a compressed profile; printers' CMYK profiles have half a megabyte or so."""

_MOST_CHUNKS = 1000
_MADE_HERE = b"Software\0linecolor"
_METRE = 1
_INCH = 0.0254


@dataclass(frozen=True)
class PageNotes:
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


def read_notes(path: str | Path) -> PageNotes:
    """The notes of a PNG file; none of any other file, nor of one whose notes are damaged.

    A page is worth colouring whatever stands beside its pixels, so nothing is raised for what it says.
    """
    resolution = profile = None
    for kind, body in _chunks(Path(path)):
        if kind == b"pHYs" and len(body) == 9:
            resolution = body
        elif kind == b"iCCP" and _is_rgb_profile(body):
            profile = body
    return PageNotes(resolution, profile)


def with_notes(png: bytes, notes: PageNotes) -> bytes:
    """A PNG file's bytes with the notes added; the file must have none of its own."""
    added = ((b"iCCP", notes.profile), (b"pHYs", notes.resolution))
    return _with_chunks(png, [(kind, body) for kind, body in added if body is not None])


def signed(png: bytes) -> bytes:
    """A PNG file's bytes with a note of which program made it, so that it may replace its own results and no others."""
    return _with_chunks(png, [(b"tEXt", _MADE_HERE)])


def is_signed(path: str | Path) -> bool:
    """Whether a file is a PNG that `signed` marked."""
    return any(kind == b"tEXt" and body == _MADE_HERE for kind, body in _chunks(Path(path)))


def _with_chunks(png: bytes, chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    end_of_header = len(_SIGNATURE) + 25
    return png[:end_of_header] + b"".join(_chunk(kind, body) for kind, body in chunks) + png[end_of_header:]


def _chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """The chunks before the pixels, those with a right checksum and not too long."""
    with path.open("rb") as file:
        if file.read(8) != _SIGNATURE:
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
