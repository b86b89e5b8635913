"""What is no usable picture is refused by name, in one line, before it costs anything."""

import os
import pickle
import struct
import warnings
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from linecolor.images import SUFFIXES, PictureBytes, UnreadableImage, reading
from linecolor.images import encoded as encoded_bytes
from linecolor.images.formats import names
from tests.linecolor.images.made_files import SIGNATURE, encoded, noise, png, source

KINDS = [kind for kind in ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF") if kind.lower() in ".".join(SUFFIXES)]


def tiff_of(*fields: tuple[int, int, int, int]) -> bytes:
    """A small TIFF with some fields of its first page replaced or added: tag, type, number of values, value."""
    usual = {
        256: (3, 1, 2),
        257: (3, 1, 2),
        258: (3, 1, 8),
        259: (3, 1, 1),
        262: (3, 1, 1),
        273: (4, 1, 8),
        277: (3, 1, 1),
    }
    chosen = sorted({**usual, **{tag: rest for tag, *rest in fields}}.items())
    entries = b"".join(struct.pack("<HHII", tag, *rest) for tag, rest in chosen)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(chosen)) + entries + bytes(40)


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
        (b"II*\0\x08\0\0\0", "broken picture"),
        (b"BM", "broken picture"),
        (b"GIF89a", "broken picture"),
        (tiff_of((257, 4, 1, 60_000), (256, 4, 1, 60_000)), "is 60,000 x 60,000 pixels; the limit is 225,000,000"),
        (tiff_of((322, 4, 1, 1 << 16), (323, 4, 1, 1 << 16)), "tiles of 65,536 x 65,536 pixels"),
        (tiff_of((273, 4, 40_000_000, 8)), "has 40,000,000 values in TIFF field 273; the limit is 200,000"),
        (encoded(Image.new("F", (2, 2)), "TIFF"), "has levels of 32 bits; save it as RGB or grey"),
        (encoded(Image.new("LAB", (2, 2)), "TIFF"), "has CIELAB colours; save it as RGB or grey"),
        (b"BM" + bytes(12) + struct.pack("<IiiHHI24x", 40, 60_000, 60_000, 1, 24, 0), "60,000 x 60,000 pixels"),
        (b"GIF89a" + b"\xff" * 4 + bytes(3) + b"," + bytes(20), "65,535 x 65,535 pixels; the limit is 89,000,000"),
        (b"GIF89a" + bytes(7) + b"," + b"\xff" * 8 + bytes(9), "131,070 x 131,070 pixels; the limit is 89,000,000"),
        (b"GIF89a" + bytes(7) + (b"!\xfe" + (b"\xff" + bytes(255)) * 99 + b"\0") * 99, "1,000,000 bytes of comments"),
        (png(60_000, 60_000, 8, 6, b""), "is 60,000 x 60,000 pixels; the limit is 225,000,000 in all"),
        (png(0, 5, 8, 6, b""), "broken picture|nothing to see"),
        (png(0, 5, 8, 2, b""), "broken picture|nothing to see"),
        (
            b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff" * 6 + bytes(64),
            "is 16,777,216 x 16,777,216 pixels; the limit is 225,000,000",
        ),
    ],
    ids=[
        "empty",
        "pdf",
        "ppm",
        "png",
        "jpeg",
        "webp",
        "tiff",
        "bmp",
        "gif",
        "tiff bomb",
        "tiff of huge tiles",
        "tiff of many strips",
        "floats",
        "lab",
        "bmp bomb",
        "gif bomb",
        "gif frame bomb",
        "gif of comments",
        "png bomb",
        "nothing",
        "nothing in colour",
        "webp bomb",
    ],
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
@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_picture_is_refused(kind, share, read):
    data = encoded(noise(64, 64), kind)
    with pytest.raises(UnreadableImage):
        read(source(data[: int(share * len(data))]))


@pytest.mark.parametrize("read", DECODERS)
def test_a_changed_pixel_of_a_png_is_found_by_its_checksum(read):
    data = encoded(Image.new("RGB", (64, 64), (200, 200, 200)), "PNG")
    start = data.index(b"IDAT") + 4
    for place in range(start, data.index(b"IEND") - 4):
        damaged = bytearray(data)
        damaged[place] ^= 0x10
        with pytest.raises(UnreadableImage, match="broken picture"):
            read(source(bytes(damaged)))


def test_a_jpeg_that_lacks_its_last_pixels_is_refused():
    for progressive in (False, True):
        data = encoded(noise(64, 64), "JPEG", progressive=progressive)
        with pytest.raises(UnreadableImage, match="truncated"):
            reading.read_color(source(data[:-40]))


def test_a_file_that_may_not_be_read_is_not_called_broken(tmp_path, monkeypatch):
    path = tmp_path / "page.png"
    path.write_bytes(encoded(noise(4, 4), "PNG"))

    def refuse(self: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    for read in (reading.read_color, encoded_bytes):
        with pytest.raises(UnreadableImage) as caught:
            read(path)
        assert caught.value.reason == "cannot be read (Permission denied); change who may read it"


def test_a_flat_hint_layer_is_refused_with_the_way_out():
    with pytest.raises(UnreadableImage, match="transparent layer, as PNG, WebP"):
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
    encoded(noise(5, 7), "TIFF", exif=TURNED),
    encoded(noise(5, 7, 4), "TIFF", compression="tiff_lzw"),
    encoded(noise(5, 7).convert("1"), "TIFF", compression="group4"),
    encoded(noise(5, 7), "BMP"),
    encoded(noise(5, 7), "GIF"),
    *([encoded(noise(5, 7, 4), "AVIF")] if "AVIF" in KINDS else []),
]
MAGIC = [
    b"",
    b"II*\0\x08\0\0\0",
    b"MM\0*\0\0\0\x08",
    b"II+\0",
    b"BM",
    b"GIF89a",
    b"\0\0\0\x20ftypavif",
    SIGNATURE,
    b"\xff\xd8\xff",
    b"RIFF\0\0\0\0WEBPVP8X",
    b"RIFF\0\0\0\0WEBPVP8L",
]


def assert_only_unreadable_escapes(data: bytes) -> None:
    for read in READERS:
        with suppress(UnreadableImage):
            read(source(data), max_pixels=10_000)


@settings(max_examples=60)
@given(magic=st.sampled_from(MAGIC), tail=st.binary(max_size=200))
def test_random_bytes_raise_nothing_but_unreadable(magic, tail):
    assert_only_unreadable_escapes(magic + tail)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL.TiffImagePlugin")
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


@pytest.mark.filterwarnings("ignore::UserWarning:PIL.TiffImagePlugin")
@given(st.binary(max_size=80))
def test_any_exif_costs_no_picture(exif):
    for kind in ("PNG", "WEBP"):
        data = encoded(noise(5, 5), kind, exif=b"Exif\0\0" + exif)
        assert reading.read_color(source(data))[0].shape == (5, 5, 3)
