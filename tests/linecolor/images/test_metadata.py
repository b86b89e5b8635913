import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from linecolor.images.encoding import encode_png
from linecolor.images.formats import read_metadata
from linecolor.images.metadata import PageMetadata

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def saved(path, **metadata):
    Image.new("RGB", (4, 3), "white").save(path, **metadata)
    return path


def test_resolution_and_profile_survive(tmp_path):
    metadata = read_metadata(saved(tmp_path / "page.png", dpi=(600, 600), icc_profile=SRGB))
    again = Image.open(io.BytesIO(encode_png(np.zeros((5, 6, 3), np.uint8), metadata)))
    assert again.info["dpi"] == pytest.approx((600, 600), abs=0.01)
    assert again.info["icc_profile"] == SRGB
    assert metadata.dpi == pytest.approx((600, 600), abs=0.01)
    again.load()


def test_a_grey_profile_is_not_put_on_a_colour_picture(tmp_path):
    grey = SRGB[:16] + b"GRAY" + SRGB[20:]
    assert read_metadata(saved(tmp_path / "page.png", icc_profile=grey)).profile is None


def test_those_of_a_jpeg_are_kept_in_the_png(tmp_path):
    metadata = read_metadata(saved(tmp_path / "page.jpg", dpi=(300, 150), icc_profile=SRGB))
    again = Image.open(io.BytesIO(encode_png(np.zeros((5, 6, 3), np.uint8), metadata)))
    assert again.info["dpi"] == pytest.approx((300, 150), abs=0.02)
    assert again.info["icc_profile"] == SRGB
    again.load()


def test_other_files_have_no_metadata(tmp_path):
    assert read_metadata(saved(tmp_path / "page.webp", icc_profile=SRGB)) == PageMetadata()
    assert read_metadata(saved(tmp_path / "page.jpg")) == PageMetadata()


@given(st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xe2"]), st.binary(max_size=200))
def test_damaged_metadata_are_none(tmp_path_factory, start, data):
    path = tmp_path_factory.mktemp("metadata") / "page.png"
    path.write_bytes(start + data)
    read_metadata(path)


def test_a_profile_that_unpacks_to_gigabytes_is_not_unpacked(tmp_path):
    bomb = b"icc\0\0" + zlib.compress(SRGB[:128] + bytes(10**7), 9)
    png = encode_png(np.zeros((2, 2, 3), np.uint8))
    chunk = struct.pack(">I", len(bomb)) + b"iCCP" + bomb + struct.pack(">I", zlib.crc32(b"iCCP" + bomb))
    (tmp_path / "page.png").write_bytes(png[:33] + chunk + png[33:])
    assert read_metadata(tmp_path / "page.png").profile == bomb  # copied as it is, only its header was read


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 3), (3, 4, 4), (1, 1)])
def test_a_png_gives_back_what_was_put_in(shape):
    array = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(encode_png(array)))), array)
