"""The metadata of a picture file that an artist wants kept: resolution (DPI) and colour profile (ICC)."""

from contextlib import suppress
from dataclasses import dataclass

from linecolor.images.reading import opened
from linecolor.images.sources import MAX_PROFILE_BYTES, PictureSource, UnreadableImage

SIGNATURE = ("Software", "linecolor")
"""A PNG text by which this program knows its own results."""


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
    """The metadata of a PNG or JPEG file, nothing decoded; none of another format, nor of a damaged file.

    A page is worth colouring whatever its metadata are, so nothing is raised for them.
    """
    with suppress(UnreadableImage), opened(path) as picture:
        info = picture.info
        profile = info.get("icc_profile") or b""
        # Pillow makes up 72 DPI for a JPEG with EXIF that does not say.
        stated = picture.format == "PNG" or info.get("jfif_unit") in (1, 2)
        if picture.format in ("PNG", "JPEG"):
            return PageMetadata(
                info["dpi"] if stated and all(info.get("dpi", (0, 0))) else None,
                profile if profile[16:20] == b"RGB " and len(profile) <= MAX_PROFILE_BYTES else None,
            )
    return PageMetadata()


def is_signed(path: PictureSource) -> bool:
    """Whether a file is a PNG that bears the `SIGNATURE`, so that it may be replaced."""
    key, value = SIGNATURE
    with suppress(UnreadableImage), opened(path) as picture:
        return bool(picture.format == "PNG" and picture.info.get(key) == value)
    return False
