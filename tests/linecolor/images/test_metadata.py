import io
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import IFDRational

from linecolor.images.encoding import encode_png
from linecolor.images.metadata import PageMetadata, is_signed, read_metadata
from tests.linecolor.images.made_files import SIGNATURE, chunk, encoded, noise, png, source

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PAGE = np.zeros((5, 6, 3), np.uint8)


def metadata_of(data: bytes) -> PageMetadata:
    return read_metadata(source(data))


def saved(kind: str, **options) -> PageMetadata:
    return metadata_of(encoded(noise(3, 4), kind, **options))


@pytest.mark.parametrize(
    ("kind", "dpi"),
    [("PNG", (600, 600)), ("JPEG", (300, 150)), ("TIFF", (600, 600)), ("WEBP", None), ("BMP", (300, 300))],
)
def test_resolution_and_profile_survive(kind, dpi):
    metadata = saved(kind, icc_profile=SRGB, **({"dpi": dpi} if dpi else {}))
    again = Image.open(io.BytesIO(encode_png(PAGE, metadata)))
    if dpi is not None:
        assert again.info["dpi"] == pytest.approx(dpi, abs=0.02)
        assert metadata.dpi == pytest.approx(dpi, abs=0.01)
    if kind != "BMP":
        assert again.info["icc_profile"] == SRGB
    again.load()


def test_a_grey_profile_is_not_put_on_a_colour_picture_nor_a_colour_profile_on_a_grey_one():
    assert saved("PNG", icc_profile=SRGB[:16] + b"GRAY" + SRGB[20:]).profile is None
    assert b"iCCP" not in encode_png(PAGE[..., 0], PageMetadata(profile=SRGB))


def test_other_files_have_no_metadata():
    dated = Image.Exif()
    dated[0x0132] = "2026:01:01 00:00:00"  # Pillow makes up a resolution for such a JPEG
    for kind, options in (
        ("WEBP", {}),
        ("JPEG", {}),
        ("JPEG", {"exif": dated}),
        ("PNG", {}),
        ("TIFF", {}),
        ("GIF", {}),
    ):
        assert saved(kind, **options) == PageMetadata()


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
def test_a_resolution_that_stands_in_exif_alone_is_kept(kind):
    assert saved(kind, exif=exif_of(600, 300, 2)).dpi == (600, 300)
    assert saved(kind, exif=exif_of(100, 200, 3)).dpi == (254, 508)
    assert saved(kind, exif=exif_of(300, 300, None)).dpi == (300, 300)


@pytest.mark.parametrize(("x", "unit"), [(0, 2), (10**9, 2), (300, 1), (300, 9)])
def test_a_resolution_in_exif_that_no_page_has_is_none(x, unit):
    assert saved("WEBP", exif=exif_of(x, 300, unit)).dpi is None


def exif_of(x: int, y: int, unit: int | None) -> Image.Exif:
    exif = Image.Exif()
    exif[0x011A], exif[0x011B] = IFDRational(x), IFDRational(y)
    if unit is not None:
        exif[0x0128] = unit
    return exif


@given(st.sampled_from([SIGNATURE, b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xe2"]), st.binary(max_size=200))
def test_damaged_metadata_are_none(start, data):
    assert metadata_of(start + data) == PageMetadata()


def test_a_profile_that_unpacks_to_gigabytes_is_not_unpacked():
    bomb = chunk(b"iCCP", b"icc\0\0" + zlib.compress(SRGB[:128] + bytes(10**7), 9))
    assert metadata_of(png(2, 2, 8, 2, bytes(14), bomb)) == PageMetadata()


def test_only_what_was_signed_is_its_own(tmp_path):
    for name, data in (("own.png", encode_png(PAGE, signed=True)), ("foreign.png", encode_png(PAGE)), ("text", b"a")):
        (tmp_path / name).write_bytes(data)
    assert [path.name for path in tmp_path.iterdir() if is_signed(path)] == ["own.png"]
    earlier = encode_png(PAGE)  # as version 0.1.0 signed it
    (tmp_path / "earlier.png").write_bytes(earlier[:33] + chunk(b"tEXt", b"Software\0linecolor") + earlier[33:])
    assert is_signed(tmp_path / "earlier.png")
