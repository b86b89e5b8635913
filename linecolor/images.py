"""The one door for pictures from outside: PNG, JPEG and WebP in, uint8 RGB out, and atomic writing.

Every picture is RGB, uint8 in [0, 255], paper white; where a file is transparent, white paper shows through.
Files from outside are hostile: their kind is told by their first bytes, their size is read from the header
and refused before anything is decoded, and whatever goes wrong is an `UnreadableImage` that names the file.
Needs NumPy and Pillow only, so the front ends that run without torch read pictures by the same rules.
"""

from __future__ import annotations

import os
import secrets
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

MAX_PIXELS = 225_000_000
"""15,000 x 15,000: half as much again as the largest pages of Lee & Lee 2020 (10,000 px)."""

MAX_FILE_BYTES = 1_000_000_000
"""Above the 900 MB that MAX_PIXELS of uncompressed RGBA take; a larger file is no picture of ours."""

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")

_ORIENTATION_TAG = 0x0112
_STRIP_PIXELS = 1 << 20


class UnreadableImage(ValueError):
    """A file that is no usable picture; its message is one line, "<path>: <reason>".

    Attributes:
        path: the file.
        reason: what was wrong, and where it helps, what to do.
    """

    def __init__(self, path: str | Path, reason: str) -> None:
        self.path = Path(path)
        self.reason = " ".join(str(reason).split())
        # A file name may hold line breaks, or bytes that are no text.
        name = "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(path))
        super().__init__(f"{name}: {self.reason}")

    def __reduce__(self) -> tuple[type, tuple[Path, str]]:
        return type(self), (self.path, self.reason)


def image_size(path: str | Path, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """(height, width) in pixels as the picture is seen (EXIF orientation honoured), from the header only.

    Raises:
        UnreadableImage: no PNG, JPEG or WebP, or more than max_pixels.
    """
    with _unreadable_on_error(path), _open_regular(path) as file:
        picture = _open_picture(path, file, max_pixels)
        return _oriented_size(picture)


def check_image(path: str | Path, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """(height, width) of a picture after decoding all of it, so that a truncated one is found now.

    Raises:
        UnreadableImage: whatever `read_color` would raise.
    """
    with _unreadable_on_error(path), _open_regular(path) as file:
        picture = _open_picture(path, file, max_pixels)
        picture.load()
        return _oriented_size(picture)


def read_color(path: str | Path, max_pixels: int = MAX_PIXELS) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Read a colour picture on white paper.

    Palette, grey, 1-bit, 16-bit and CMYK files become 8-bit RGB; of an animation the first frame is read.

    Returns:
        (H, W, 3) uint8 RGB, composited on white, and the (H, W) uint8 alpha, None where the file has none.

    Raises:
        UnreadableImage: broken, truncated, empty, not a PNG, JPEG or WebP, or more than max_pixels.
    """
    pixels, alpha = _decode(path, max_pixels)
    if alpha is not None:
        pixels = _on_white(pixels, alpha)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    return pixels, alpha


def read_line(path: str | Path, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Read line art as (H, W) uint8 grey (ITU-R 601 luma), ink dark, transparent parts white paper.

    Raises:
        UnreadableImage: as `read_color`.
    """
    pixels, alpha = _decode(path, max_pixels)
    if alpha is not None:
        pixels = _on_white(pixels, alpha)
    if pixels.ndim == 3:
        pixels = np.asarray(Image.fromarray(pixels).convert("L"))
    return np.array(pixels) if not pixels.flags.writeable else pixels


def read_hint_layer(path: str | Path, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Read a painted hint layer as (H, W, 4) uint8 RGBA with straight alpha (0 where there is no hint).

    Raises:
        UnreadableImage: as `read_color`, and where the file has no transparency: a flat picture would be one
            hint over every pixel.
    """
    pixels, alpha = _decode(path, max_pixels)
    if alpha is None:
        raise UnreadableImage(path, "has no transparency; save the hints alone, on a transparent layer, as PNG or WebP")
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    return np.dstack([pixels, alpha])


def find_images(root: str | Path) -> list[Path]:
    """Every picture file below a folder, sorted by path; chosen by suffix (.png .jpg .jpeg .webp, any case).

    Hidden files and folders are skipped. Links to folders are followed, each real folder once, so that a loop
    of links ends.

    Raises:
        NotADirectoryError: root is missing or no folder.
    """
    root = Path(root)
    if not root.is_dir():
        raise NotADirectoryError(f"{root}: no such folder")
    seen = {os.path.realpath(root)}
    found: list[Path] = []
    for folder, subfolders, names in os.walk(root, followlinks=True):
        kept = []
        for name in sorted(subfolders):
            real = os.path.realpath(Path(folder) / name)
            if not name.startswith(".") and real not in seen:
                seen.add(real)
                kept.append(name)
        subfolders[:] = kept
        for name in names:
            path = Path(folder) / name
            if not name.startswith(".") and path.suffix.lower() in SUFFIXES and path.is_file():
                found.append(path)
    return sorted(found)


def write_png(path: str | Path, array: NDArray[np.uint8]) -> None:
    """Write a PNG in one step: the file is either whole or not there. Compression is fast, not small.

    Args:
        path: the file; missing folders are made.
        array: uint8, (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA with straight alpha.

    Raises:
        ValueError: another dtype or shape.
    """
    if (
        array.dtype != np.uint8
        or array.size == 0
        or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4)))
    ):
        raise ValueError(
            f"{path}: a PNG is written from uint8 (H, W), (H, W, 3) or (H, W, 4); this is {array.dtype} {array.shape}"
        )
    buffer = BytesIO()
    Image.fromarray(np.ascontiguousarray(array)).save(buffer, format="PNG", compress_level=1)
    write_atomically(path, buffer.getvalue())


def write_atomically(path: str | Path, data: bytes) -> None:
    """Write bytes in one step, through a hidden temporary file beside the target, making its folders."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{secrets.token_hex(8)}.tmp"
    try:
        # Not tempfile: its files are readable by their owner only, and the mode would stay with the picture.
        with temporary.open("xb") as file:
            file.write(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def _unreadable_on_error(path: str | Path) -> Iterator[None]:
    """Turn whatever a decoder throws at hostile bytes into an UnreadableImage for this path."""
    try:
        yield
    except UnreadableImage:
        raise
    except FileNotFoundError as error:
        raise UnreadableImage(path, "no such file") from error
    except MemoryError as error:
        raise UnreadableImage(path, "not enough memory to decode it") from error
    except Exception as error:
        # Decoders raise SyntaxError, struct.error, ValueError, OSError, KeyError and more on damaged files.
        raise UnreadableImage(path, f"broken picture ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__


def _open_regular(path: str | Path) -> BinaryIO:
    """Open a regular file; a pipe or device would block or never end."""
    status = Path(path).stat()
    if stat.S_ISDIR(status.st_mode):
        raise UnreadableImage(path, "is a folder, not a picture")
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableImage(path, "is no regular file")
    if status.st_size == 0:
        raise UnreadableImage(path, "is empty (0 bytes)")
    if status.st_size > MAX_FILE_BYTES:
        raise UnreadableImage(path, f"is {status.st_size:,} bytes long; the limit is {MAX_FILE_BYTES:,}")
    return Path(path).open("rb")


def _open_picture(path: str | Path, file: BinaryIO, max_pixels: int) -> ImageFile.ImageFile:
    """Open by content and refuse by size, before any pixel is decoded.

    The plug-ins are called directly: `Image.open` would first compare the size with Pillow's own process-wide
    limit and print a warning for pages this project allows.
    """
    head = file.read(30)
    file.seek(0)
    picture: ImageFile.ImageFile
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        picture = PngImagePlugin.PngImageFile(file)
    elif head.startswith(b"\xff\xd8\xff"):
        picture = JpegImagePlugin.JpegImageFile(file)
    elif head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        # Opening a WebP allocates its canvas, so its size has to be known before.
        _check_size(path, _webp_size(head), max_pixels)
        picture = WebPImagePlugin.WebPImageFile(file)
    else:
        raise UnreadableImage(path, "is not a PNG, JPEG or WebP picture, whatever its name says")
    _check_size(path, picture.size, max_pixels)
    return picture


def _check_size(path: str | Path, size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise UnreadableImage(path, f"is {width} x {height} pixels: nothing to see")
    if width * height > max_pixels:
        raise UnreadableImage(path, f"is {width:,} x {height:,} pixels; the limit is {max_pixels:,} in all")


def _webp_size(head: bytes) -> tuple[int, int]:
    """(width, height) from the first 30 bytes of a WebP file (its three chunk kinds, RFC 9649)."""
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


def _orientation(picture: Image.Image) -> int:
    """EXIF orientation 1-8; 1 where there is none or it cannot be read.

    Not `getexif`: for a PNG that decodes the whole picture.
    """
    data = picture.info.get("exif")
    if not isinstance(data, bytes):
        return 1
    exif = Image.Exif()
    try:
        exif.load(data)
        value = exif.get(_ORIENTATION_TAG, 1)
    except Exception:
        # The pixels are sound even where the notes beside them are not.
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _oriented_size(picture: Image.Image) -> tuple[int, int]:
    width, height = picture.size
    return (width, height) if _orientation(picture) >= 5 else (height, width)


def _oriented(array: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turn and mirror an (H, W, ...) array the way its EXIF orientation asks for."""
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return np.ascontiguousarray(array)


def _decode(path: str | Path, max_pixels: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """(H, W) grey or (H, W, 3) RGB, not yet composited, and the (H, W) alpha or None; oriented."""
    with _unreadable_on_error(path), _open_regular(path) as file:
        picture = _open_picture(path, file, max_pixels)
        orientation = _orientation(picture)
        picture.load()
        pixels, alpha = _to_8_bit(picture)
        return _oriented(pixels, orientation), None if alpha is None else _oriented(alpha, orientation)


def _to_8_bit(picture: Image.Image) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    transparent = picture.info.get("transparency")
    if picture.mode.startswith("I"):
        # 16-bit grey; Pillow's own conversion to "L" would clip everything above 255 to white.
        deep = np.asarray(picture).astype(np.uint32)
        grey = ((np.minimum(deep, 65535) + 128) // 257).astype(np.uint8)
        if isinstance(transparent, int):
            return grey, np.where(deep == transparent, 0, 255).astype(np.uint8)
        return grey, None
    if transparent is not None or picture.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        rgba = np.asarray(picture.convert("RGBA"))
        return rgba[:, :, :3], rgba[:, :, 3]
    return np.array(picture.convert("L" if picture.mode in ("1", "L") else "RGB")), None


def _on_white(pixels: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Composite on white, rounded to nearest; in strips: a page would take five times its memory."""
    flat = np.empty_like(pixels)
    rows = max(1, _STRIP_PIXELS // alpha.shape[1])
    for top in range(0, alpha.shape[0], rows):
        strip = np.s_[top : top + rows]
        a = alpha[strip].astype(np.uint16)
        if pixels.ndim == 3:
            a = a[:, :, None]
        # colour * alpha + 255 * (255 - alpha), at most 65025, divided by 255 and rounded, all within 16 bits.
        sums = pixels[strip] * a + (255 * (255 - a) + 128)
        flat[strip] = (sums + (sums >> 8)) >> 8
    return flat
