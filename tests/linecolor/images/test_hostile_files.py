"""What is no usable picture is refused by name, in one line, before it costs anything."""

import os
import pickle
import warnings
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from linecolor.images import PictureBytes, UnreadableImage, reading
from linecolor.images.formats import names
from tests.linecolor.images.made_files import SIGNATURE, encoded, noise, png, source

DECODERS = (reading.check_image, reading.read_color, reading.read_line, partial(reading.read_thumbnail, area=100))
READERS = (reading.image_size, reading.read_hint_layer, *DECODERS)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"%PDF-1.7 hello", f"is not a {names()} picture"),
        (encoded(Image.new("L", (2, 2)), "PPM"), f"is not a {names()} picture"),
        (SIGNATURE, "broken picture"),
        (b"\xff\xd8\xff\xe0", "broken picture"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "broken picture"),
        (png(60_000, 60_000, 8, 6, b""), "is 60,000 x 60,000 pixels; the limit is 225,000,000 in all"),
        (png(0, 5, 8, 6, b""), "broken picture|nothing to see"),
        (png(0, 5, 8, 2, b""), "broken picture|nothing to see"),
        (
            b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff" * 6 + bytes(64),
            "is 16,777,216 x 16,777,216 pixels; the limit is 225,000,000",
        ),
    ],
    ids=["empty", "pdf", "ppm", "png", "jpeg", "webp", "png bomb", "nothing", "nothing in colour", "webp bomb"],
)
def test_an_unusable_file_is_refused_with_its_reason_and_without_a_warning(tmp_path, read, data, reason):
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    for given_ in (path, source(data)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(UnreadableImage, match=reason) as caught:
                read(given_)
        assert str(caught.value).startswith(f"{given_}: ")
        assert "\n" not in str(caught.value)
        assert caught.value.path == Path(str(given_))


def test_own_limit_holds_and_pillows_does_not(monkeypatch):
    page = source(encoded(noise(5, 7), "PNG"))
    for read in READERS:
        with pytest.raises(UnreadableImage, match="7 x 5 pixels; the limit is 34"):
            read(page, max_pixels=34)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert reading.read_color(page)[0].shape == (5, 7, 3)


def test_missing_file_folder_and_pipe_are_unreadable(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for name, reason in (("none.png", "no such file"), ("", "folder"), ("pipe.png", "regular")):
        with pytest.raises(UnreadableImage, match=reason):
            reading.read_color(tmp_path / name)


def test_error_stays_one_line_for_any_name_and_crosses_processes(tmp_path):
    error = pickle.loads(pickle.dumps(UnreadableImage(tmp_path / "a\nb\udcff.png", "two\nlines")))
    assert str(error) == f"{tmp_path}/a\\nb\\udcff.png: two lines"
    error = UnreadableImage(PictureBytes("https://example.org/shard-000000.tar, byte 512", b""), "is empty")
    assert str(pickle.loads(pickle.dumps(error))) == "https://example.org/shard-000000.tar, byte 512: is empty"


@pytest.mark.parametrize("read", DECODERS)
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_truncated_picture_is_refused(kind, share, read):
    data = encoded(noise(64, 64), kind)
    with pytest.raises(UnreadableImage):
        read(source(data[: int(share * len(data))]))


def test_a_flat_hint_layer_is_refused_with_the_way_out():
    with pytest.raises(UnreadableImage, match="transparent layer, as PNG or WebP"):
        reading.read_hint_layer(source(encoded(noise(4, 4), "PNG")))


TURNED = Image.Exif()
TURNED[0x0112] = 6
SEEDS = [
    encoded(noise(5, 7), "PNG"),
    encoded(noise(5, 7, 4), "PNG", exif=TURNED),
    encoded(noise(5, 7).convert("P"), "PNG", transparency=3),
    encoded(noise(5, 7), "JPEG", exif=TURNED),
    encoded(noise(5, 7, 4), "WEBP", exif=TURNED),
    encoded(noise(5, 7, 4), "WEBP", lossless=True),
]
MAGIC = [b"", SIGNATURE, b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBPVP8X", b"RIFF\0\0\0\0WEBPVP8L"]


def assert_only_unreadable_escapes(data: bytes) -> None:
    for read in READERS:
        with suppress(UnreadableImage):
            read(source(data), max_pixels=10_000)


@settings(max_examples=60)
@given(magic=st.sampled_from(MAGIC), tail=st.binary(max_size=200))
def test_random_bytes_raise_nothing_but_unreadable(magic, tail):
    assert_only_unreadable_escapes(magic + tail)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@settings(max_examples=150)
@given(
    data=st.sampled_from(SEEDS),
    end=st.floats(0, 1),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6),
)
def test_damaged_pictures_raise_nothing_but_unreadable(data, end, flips):
    damaged = bytearray(data)
    for where, value in flips:
        damaged[int(where * len(damaged))] = value
    assert_only_unreadable_escapes(bytes(damaged[: len(damaged) if end > 0.5 else int(2 * end * len(damaged))]))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@given(st.binary(max_size=80))
def test_any_exif_costs_no_picture(exif):
    for kind in ("PNG", "WEBP"):
        data = encoded(noise(5, 5), kind, exif=b"Exif\0\0" + exif)
        assert reading.read_color(source(data))[0].shape == (5, 5, 3)
