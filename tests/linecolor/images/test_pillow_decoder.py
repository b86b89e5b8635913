import os
import pickle
import struct
import warnings
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from linecolor.images import (
    PictureBytes,
    UnreadableImage,
    check_image,
    image_size,
    read_color,
    read_hint_layer,
    read_line,
)

READERS = (image_size, check_image, read_color, read_line, read_hint_layer)
RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
RGBA = RNG.integers(0, 256, (5, 7, 4), dtype=np.uint8)


def png(width: int, height: int, color_type: int) -> bytes:
    """A hand-made 8-bit PNG of any size, whose data is missing."""
    header = struct.pack(">IIBBBBB", width, height, 8, color_type, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("read", READERS)
def test_giant_is_refused_from_its_header_without_a_warning(file, read):
    bombs = {
        "png": png(60_000, 60_000, 6),
        "webp": b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff\xff\xff" * 2 + b"\0" * 64,
    }
    for name, data in bombs.items():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(UnreadableImage, match="the limit is 225,000,000"):
                read(file(data, f"bomb.{name}"))


def test_a_page_above_pillows_own_limit_is_read_in_silence(file, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_color(file(encoded(Image.fromarray(RGB), "PNG")))[0].shape == (5, 7, 3)


def test_own_limit_holds(file):
    with pytest.raises(UnreadableImage, match="7 x 5 pixels; the limit is 34"):
        read_color(file(encoded(Image.fromarray(RGB), "PNG")), max_pixels=34)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"%PDF-1.7 hello", "not a PNG, JPEG or WebP"),
        (encoded(Image.new("L", (2, 2)), "BMP"), "not a PNG, JPEG or WebP"),
        (b"\x89PNG\r\n\x1a\n", "broken"),
        (b"\xff\xd8\xff\xe0", "broken"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "broken"),
        (png(0, 5, 2), "picture|nothing to see"),
    ],
)
def test_unusable_file_is_named_with_its_reason(file, read, data, reason):
    path = file(data)
    with pytest.raises(UnreadableImage, match=reason) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert caught.value.path == path


def test_missing_file_folder_and_pipe_are_unreadable(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for name, reason in (("none.png", "no such file"), ("", "folder"), ("pipe.png", "regular")):
        with pytest.raises(UnreadableImage, match=reason):
            read_color(tmp_path / name)


def test_error_stays_one_line_for_any_name_and_crosses_processes(tmp_path):
    error = pickle.loads(pickle.dumps(UnreadableImage(tmp_path / "a\nb\udcff.png", "two\nlines")))
    assert str(error) == f"{tmp_path}/a\\nb\\udcff.png: two lines"
    error = UnreadableImage(PictureBytes("https://example.org/shard-000000.tar, byte 512", b""), "is empty")
    assert str(pickle.loads(pickle.dumps(error))) == "https://example.org/shard-000000.tar, byte 512: is empty"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_truncated_picture_is_found(file, kind):
    noise = Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    data = encoded(noise, kind)
    for read in (check_image, read_color, read_line):
        with pytest.raises(UnreadableImage):
            read(file(data[: len(data) // 2]))


SEEDS = [
    encoded(Image.fromarray(RGB), "PNG"),
    encoded(Image.fromarray(RGBA), "PNG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"),
    encoded(Image.fromarray(RGB), "JPEG"),
    encoded(Image.fromarray(RGBA), "WEBP"),
    encoded(Image.fromarray(RGBA), "WEBP", lossless=True),
]
MAGIC = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBPVP8X", b"RIFF\0\0\0\0WEBPVP8L"]


def assert_only_unreadable_escapes(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    for read in READERS:
        with suppress(UnreadableImage):
            read(path, max_pixels=10_000)


@settings(max_examples=60, deadline=None)
@given(magic=st.sampled_from(MAGIC), tail=st.binary(max_size=200))
def test_random_bytes_raise_nothing_but_unreadable(tmp_path_factory, magic, tail):
    assert_only_unreadable_escapes(tmp_path_factory.getbasetemp() / "random.png", magic + tail)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@settings(max_examples=120, deadline=None)
@given(
    data=st.sampled_from(SEEDS),
    end=st.floats(0, 1),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6),
)
def test_damaged_pictures_raise_nothing_but_unreadable(tmp_path_factory, data, end, flips):
    damaged = bytearray(data)
    for where, value in flips:
        damaged[int(where * len(damaged))] = value
    keep = len(damaged) if end > 0.5 else int(2 * end * len(damaged))
    assert_only_unreadable_escapes(tmp_path_factory.getbasetemp() / "damaged.png", bytes(damaged[:keep]))
