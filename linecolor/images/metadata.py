"""The metadata of a picture file that an artist wants kept: resolution (DPI) and colour profile (ICC)."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from PIL import Image
from PIL.ExifTags import Base
from PIL.ImageFile import ImageFile

from linecolor.images.reading import opened
from linecolor.images.sources import MAX_PROFILE_BYTES, PictureSource, UnreadableImage

SIGNATURE = ("Software", "linecolor")
"""A PNG text by which this program knows its own results."""

MAX_DPI = 100_000
_WITH_DPI = ("PNG", "TIFF", "BMP")


@dataclass(frozen=True)
class PageMetadata:
    """Resolution and profile of a page.

    Attributes:
        dpi: pixels an inch across and down, where the page says so.
        profile: an ICC profile, of RGB only: the result is RGB.
    """

    dpi: tuple[float, float] | None = None
    profile: bytes | None = None


def read_metadata(path: PictureSource) -> PageMetadata:
    """The metadata of a picture file, nothing decoded; none of a damaged file.

    A page is worth colouring whatever its metadata are, so nothing is raised for them.
    """
    with suppress(UnreadableImage), opened(path) as picture:
        profile = picture.info.get("icc_profile") or b""
        is_kept = profile[16:20] == b"RGB " and len(profile) <= MAX_PROFILE_BYTES
        return PageMetadata(_stated_dpi(picture), profile if is_kept else None)
    return PageMetadata()


def _stated_dpi(picture: ImageFile) -> tuple[float, float] | None:
    """The resolution that a file states in its format's own way or else in EXIF."""
    # Pillow makes up 72 DPI for a JPEG with EXIF that does not say.
    if picture.format in _WITH_DPI or picture.info.get("jfif_unit") in (1, 2):
        dpi = _sound_dpi(picture.info.get("dpi", ()))
        if dpi is not None:
            return dpi
    exif = Image.Exif()
    try:
        exif.load(picture.info.get("exif", b""))
        to_inches = {2: 1.0, 3: 2.54}[exif.get(Base.ResolutionUnit, 2)]
        return _sound_dpi([float(exif[tag]) * to_inches for tag in (Base.XResolution, Base.YResolution)])
    except Exception:  # Pillow raises any kind for hostile fields
        return None


def _sound_dpi(dpi: Sequence[float]) -> tuple[float, float] | None:
    """A resolution across and down that a page may have; None for none, for zero, and for 1, which Pillow makes up."""
    if len(dpi) != 2 or not all(1 < float(value) <= MAX_DPI for value in dpi):
        return None
    return float(dpi[0]), float(dpi[1])


def is_signed(path: PictureSource) -> bool:
    """Whether a file is a PNG that bears the `SIGNATURE`, so that it may be replaced."""
    key, value = SIGNATURE
    with suppress(UnreadableImage), opened(path) as picture:
        return bool(picture.format == "PNG" and picture.info.get(key) == value)
    return False
