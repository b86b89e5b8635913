"""Pillow's decoders, where this project decides otherwise: harmless damage is read as libpng and libjpeg read it,
harmful damage is refused, and every level means what the format says.
"""

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
from PIL import Image, ImageChops
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

# What it says of damaged fields: they are left out, or the file is refused with a message of this project's.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.TiffImagePlugin")

_BLOCK = 1 << 20
_TAILS = (bytes(range(1, 65)), bytes(range(190, 254)))
_MAX_TILE_PIXELS = 1 << 24
"""Of a TIFF whose picture is smaller: scanners and editors write tiles of 1,024 x 1,024 at most."""
_BITS_PER_SAMPLE, _PHOTOMETRIC, _TILE_WIDTH, _TILE_LENGTH = 258, 262, 322, 323


class Png(PngImageFile):
    """A PNG whose checksums are taken as libpng takes them, and whose transparent colour is exact at every depth.

    What a picture needs must be whole: Pillow does not look at the checksums of the pixels. What it can do without, a
    text say, is dropped where its checksum is wrong; Pillow refuses the whole file.
    """

    def _open(self) -> None:
        assert self.fp is not None
        self.fp = _without_damaged_extras(self.fp)
        super()._open()
        assert self.png is not None
        # Samples are compared as they stand in the file; Pillow scales those of 2 and 4 bits to 8.
        scale, largest = {"L;2": (85, 3), "L;4": (17, 15)}.get(self.png.im_rawmode, (1, 255))
        transparent = self.info.get("transparency")
        if self.mode == "L" and isinstance(transparent, int):
            self.info["transparency"] = (transparent & largest) * scale

    def load(self) -> Any:
        """Decode; SyntaxError where a checksum of the pixels is wrong."""
        if not self.tile:
            return super().load()
        self._check_pixels()
        transparent = self.info.get("transparency")
        if self.tile[0].args != "RGB;16B" or not isinstance(transparent, tuple):
            return super().load()
        # Pillow keeps the upper byte of each sample, and the transparent colour has both.
        lower = self._lower_bytes()
        super().load()
        hit = np.ones((self.size[1], self.size[0]), bool)
        for channel, sample in enumerate(transparent):
            hit &= np.asarray(self.getchannel(channel)) == sample >> 8
            hit &= np.asarray(lower.getchannel(channel)) == sample & 255
        del self.info["transparency"]
        self.putalpha(Image.fromarray(np.where(hit, 0, 255).astype(np.uint8)))
        return super().load()

    def _check_pixels(self) -> None:
        assert self.fp is not None
        self.fp.seek(self.tile[0].offset - 8)
        for kind, _, _, is_sound in _chunks(self.fp):
            if kind != b"IDAT":
                return
            if not is_sound:
                raise SyntaxError("the checksum of its pixels is wrong")

    def _lower_bytes(self) -> Image.Image:
        assert self.fp is not None
        self.fp.seek(0)
        picture = PngImageFile(self.fp)
        # As little-endian samples their upper bytes are the lower ones.
        picture.tile = [tile._replace(args="RGB;16L") for tile in picture.tile]
        picture.load()
        return picture


class Jpeg(JpegImageFile):
    """A JPEG that may lack its end marker, as libjpeg allows; one that lacks pixels is still refused.

    After the file's end it is given bytes that mean nothing, twice, other ones each time. Where all pixels were there
    already, they change none.
    """

    _tail: bytes | None = None

    def load(self) -> Any:
        """Decode; OSError where pixels are missing."""
        if not self.tile:
            return super().load()
        tile, file = list(self.tile), self.fp
        decoded: list[Image.Image] = []
        for tail in _TAILS:
            self.tile, self.fp, self._im, self._tail = list(tile), file, None, tail
            pixels = super().load()
            if self._tail is not None:
                return pixels
            decoded.append(self.copy())
        if ImageChops.difference(*decoded).getbbox(alpha_only=False) is not None:
            raise OSError("image file is truncated")
        return pixels

    def load_read(self, read_bytes: int) -> bytes:
        """Of the file, and after its end the tail, once."""
        assert self.fp is not None
        data = self.fp.read(read_bytes)
        if data or self._tail is None:
            return data
        data, self._tail = self._tail + b"\xff\xd9", None
        return data


class Tiff(TiffImageFile):
    """The first page of a TIFF; its grey of 12 and 16 bits comes as 16 bits with white above black."""

    def _open(self) -> None:
        super()._open()
        width, height = (self.tag_v2.get(tag, 1) for tag in (_TILE_WIDTH, _TILE_LENGTH))
        if not (isinstance(width, int) and isinstance(height, int)):
            raise SyntaxError("tiles without a size")
        if width * height > max(_MAX_TILE_PIXELS, 4 * self.size[0] * self.size[1]):
            raise SyntaxError(f"tiles of {width:,} x {height:,} pixels in a picture of {self.size[0]} x {self.size[1]}")

    def load_prepare(self) -> None:
        """Pillow's, without its process-wide limit: the size was checked against this project's own."""
        if self._im is None:
            self.im = Image.core.new(self.mode, self._tile_size)
        super().load_prepare()

    def load(self) -> Any:
        """Decode."""
        is_new = bool(self.tile)
        pixels = super().load()
        if not (is_new and self.mode.startswith("I;16")):
            return pixels
        bits = self.tag_v2.get(_BITS_PER_SAMPLE, (16,))[0]
        inverted = self.tag_v2.get(_PHOTOMETRIC) == 0
        if bits == 16 and not inverted:
            return pixels
        levels = np.asarray(self).astype(np.uint32)
        levels = np.minimum(levels * 65535 // (2**bits - 1), 65535)
        deep = Image.fromarray((65535 - levels if inverted else levels).astype(np.uint16))
        self.im, self._mode = deep.im, deep.mode
        return super().load()


def _without_damaged_extras(file: IO[bytes]) -> IO[bytes]:
    """A PNG file without those chunks before its pixels that a picture can do without and whose checksum is wrong."""
    file.seek(8)
    damaged = []
    for kind, start, end, is_sound in _chunks(file):
        if kind in (b"IDAT", b"IEND"):
            break
        # A lower-case first letter: ancillary.
        if not is_sound and kind[0] & 0x20:
            damaged.append((start, end))
    file.seek(0)
    if not damaged:
        return file
    kept = io.BytesIO()
    for start, end in damaged:
        kept.write(file.read(start - file.tell()))
        file.seek(end)
    kept.write(file.read())
    kept.seek(0)
    return kept


def _chunks(file: IO[bytes]) -> Iterator[tuple[bytes, int, int, bool]]:
    """Each whole chunk of a PNG from here on: its kind, its first byte, the one after it, whether its checksum fits."""
    while len(head := file.read(8)) == 8:
        start = file.tell() - 8
        left, kind = struct.unpack(">I4s", head)
        checksum = zlib.crc32(kind)
        while left and (block := file.read(min(left, _BLOCK))):
            checksum = zlib.crc32(block, checksum)
            left -= len(block)
        stored = file.read(4)
        if left or len(stored) < 4:
            return
        yield kind, start, file.tell(), struct.unpack(">I", stored)[0] == checksum
