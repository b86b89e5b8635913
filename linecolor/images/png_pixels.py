"""A PNG of any kind as 8-bit pixels, by Pillow's rules, with OpenCV for the decompression alone.

OpenCV has rules of its own for palettes, transparent colours, gamma and animations. So it is given the pixels as bare
grey or colour, without the other chunks, and what those mean is done here.
"""

import re
import struct
import zlib

import cv2
import numpy as np
from numpy.typing import NDArray

from linecolor.arrays import Mask, Picture
from linecolor.images.headers import PNG_SIGNATURE, png_chunks

_GREY, _COLOR, _PALETTE, _GREY_ALPHA, _COLOR_ALPHA = 0, 2, 3, 4, 6
_ONE_CLEAR_ENTRY = re.compile(b"^\xff*\x00\xff*$")


def png_pixels(data: bytes) -> Picture:
    """A PNG decoded; of an animation the first frame.

    Returns:
        (H, W) grey or (H, W, 3) RGB without transparency, (H, W, 4) RGBA with straight alpha with it.

    Raises:
        ValueError, struct.error, cv2.error: if it is damaged.
    """
    header, palette, clear, parts = b"", b"", None, []
    for kind, body in png_chunks(data):
        if kind == b"IHDR":
            header = bytes(body[:13])
        elif kind == b"PLTE":
            palette = bytes(body)
        elif kind == b"tRNS":
            clear = bytes(body)
        elif kind == b"IDAT":
            parts.append(body)
    width, height, depth, color_type, *rest = struct.unpack(">IIBBBBB", header)
    bare = _GREY if color_type == _PALETTE else color_type
    raw = _decompressed(struct.pack(">IIBBBBB", width, height, depth, bare, *rest), parts)
    if color_type == _PALETTE:
        return _from_palette(raw // (255 // (2**depth - 1)), palette, clear)
    if color_type == _GREY:
        return _from_grey(raw, depth, clear)
    plain = raw if raw.dtype == np.uint8 else (raw >> 8).astype(np.uint8)
    if color_type == _COLOR:
        rgb = np.asarray(cv2.cvtColor(plain, cv2.COLOR_BGR2RGB), np.uint8)
        # Pillow compares the lower bytes, of 16-bit files too.
        return rgb if clear is None else _cleared(rgb, (rgb == np.array(_levels(clear, 3)) & 255).all(2))
    return np.asarray(cv2.cvtColor(plain, cv2.COLOR_BGRA2RGBA), np.uint8)


def _decompressed(header: bytes, parts: list[memoryview]) -> NDArray:
    """Grey, BGR or BGRA of 8 or 16 bits."""
    body = b"".join(parts)
    bare = b"".join((PNG_SIGNATURE, _chunk(b"IHDR", header), _chunk(b"IDAT", body), _chunk(b"IEND", b"")))
    raw = cv2.imdecode(np.frombuffer(bare, np.uint8), cv2.IMREAD_UNCHANGED)
    if raw is None:
        raise ValueError("damaged or cut off")
    return raw


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))


def _from_grey(raw: NDArray, depth: int, clear: bytes | None) -> Picture:
    if raw.dtype == np.uint8:
        grey = np.asarray(raw, np.uint8)
        level = -1 if clear is None else _levels(clear, 1)[0]
        if depth == 1:
            level = 255 if level else 0
        level &= 255
    else:
        grey = np.empty(raw.shape, np.uint8)
        for row, deep in zip(grey, raw):
            # Rounded: 257 levels of 16 bits are one of 8.
            row[:] = (deep.astype(np.uint32) + 128) // 257
        level = -1 if clear is None else _levels(clear, 1)[0]
    if clear is None:
        return grey
    return _cleared(np.repeat(grey[..., None], 3, 2), raw == level)


def _from_palette(index: NDArray, palette: bytes, clear: bytes | None) -> Picture:
    colors = np.zeros((256, 4), np.uint8)
    colors[:, 3] = 255
    entries = np.frombuffer(palette[: len(palette) // 3 * 3], np.uint8).reshape(-1, 3)[:256]
    colors[: len(entries), :3] = entries
    if clear is None:
        return np.asarray(colors[index, :3], np.uint8)
    if _ONE_CLEAR_ENTRY.match(clear):
        place = clear.find(b"\0")
        colors[place : place + 1, 3] = 0
    else:
        colors[: len(clear), 3] = np.frombuffer(clear, np.uint8)[:256]
    return np.asarray(colors[index], np.uint8)


def _levels(clear: bytes, count: int) -> tuple[int, ...]:
    return struct.unpack_from(f">{count}H", clear)


def _cleared(rgb: Picture, where: Mask) -> Picture:
    return np.dstack([rgb, np.where(where, np.uint8(0), np.uint8(255))])
