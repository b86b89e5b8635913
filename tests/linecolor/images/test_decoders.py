"""The two decoders, Pillow's and OpenCV's, side by side: the same pixels, sizes and refusals."""

import os
import pickle
import struct
import subprocess
import sys
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

from linecolor.images import PictureBytes, UnreadableImage, opencv_decoder, reading
from linecolor.images.formats import names
from linecolor.images.headers import exif_orientation

DECODERS = (reading, opencv_decoder)
READERS = ("image_size", "check_image", "read_color", "read_line", "read_hint_layer")
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
KINDS = [(depth, color) for color, depths in DEPTHS.items() for depth in depths]
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def exif(orientation: int, order: str = ">") -> bytes:
    mark = b"MM" if order == ">" else b"II"
    return mark + struct.pack(f"{order}HLHHHLHHL", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def outcome(decoder, name: str, data: bytes, **limits: int) -> object:
    """What a function gives, as lists; or that it refused."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = getattr(decoder, name)(PictureBytes("a picture", data), **limits)
    except UnreadableImage:
        return UnreadableImage
    parts = found if isinstance(found, tuple) else (found,)
    return [part.tolist() if isinstance(part, np.ndarray) else part for part in parts]


def assert_alike(data: bytes) -> None:
    assert outcome(reading, "read_line", data) is not UnreadableImage
    for name in READERS:
        ours, theirs = outcome(opencv_decoder, name, data), outcome(reading, name, data)
        assert ours == theirs, name


@st.composite
def pngs(draw) -> bytes:
    """PNGs of every kind, interlaced or not, with palettes, transparent colours and orientations."""
    depth, color = draw(st.sampled_from(KINDS))
    width, height = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    interlaced = draw(st.booleans())
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    rows = b""
    for x, y, dx, dy in ADAM7 if interlaced else ((0, 0, 1, 1),):
        across, down = -(-(width - x) // dx), -(-(height - y) // dy)
        if across > 0:
            length = (across * CHANNELS[color] * depth + 7) // 8
            rows += b"".join(bytes([random.integers(0, 5)]) + random.bytes(length) for _ in range(down))
    extra = []
    if color == 3:
        extra.append(chunk(b"PLTE", random.bytes(3 * draw(st.integers(1, 2**depth)))))
    if color in (0, 2, 3) and draw(st.booleans()):
        few = bytes(draw(st.lists(st.sampled_from([0, 1, 128, 255]), min_size=1, max_size=4)))
        levels = st.lists(st.integers(0, 2**depth - 1), min_size=3, max_size=3)
        extra.append(chunk(b"tRNS", few if color == 3 else struct.pack(">3H", *draw(levels))[: 6 if color else 2]))
    if draw(st.booleans()):
        extra.append(chunk(b"gAMA", struct.pack(">I", 100_000)))
    if draw(st.booleans()):
        extra.append(chunk(b"eXIf", exif(draw(st.integers(0, 9)), draw(st.sampled_from("<>")))))
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced)
    parts = [chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@settings(max_examples=400)
@given(pngs())
def test_both_decoders_see_the_same_png(data):
    assert_alike(data)


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def drawing(mode: str, width: int, height: int, seed: int) -> Image.Image:
    """Smooth shades with some noise, so that lossy files have something to lose."""
    random = np.random.default_rng(seed)
    channels = len(mode)
    rows, columns = np.mgrid[:height, :width]
    waves = [127 * (1 + np.sin(rows / (3 + c) + seed) * np.cos(columns / (5 + c))) for c in range(channels)]
    pixels = np.clip(np.stack(waves, 2) + random.normal(0, 8, (height, width, channels)), 0, 255).astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if channels == 1 else pixels, mode)


@settings(max_examples=80)
@given(
    mode=st.sampled_from(["L", "RGB"]),
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    quality=st.integers(1, 100),
    subsampling=st.integers(0, 2),
    progressive=st.booleans(),
    orientation=st.integers(0, 9),
)
@pytest.mark.filterwarnings("ignore:'mode' parameter")
def test_both_decoders_see_the_same_jpeg(mode, size, quality, subsampling, progressive, orientation):
    options = {"quality": quality, "progressive": progressive, "exif": b"Exif\0\0" + exif(orientation)}
    if mode == "RGB":
        options["subsampling"] = subsampling
    assert_alike(encoded(drawing(mode, *size, quality), "JPEG", **options))


@settings(max_examples=80)
@given(
    mode=st.sampled_from(["RGB", "RGBA"]),
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    quality=st.integers(1, 100),
    lossless=st.booleans(),
    exact=st.booleans(),
    orientation=st.integers(0, 9),
)
@pytest.mark.filterwarnings("ignore:'mode' parameter")
def test_both_decoders_see_the_same_webp(mode, size, quality, lossless, exact, orientation):
    notes = {"exif": exif(orientation)} if orientation else {}
    assert_alike(
        encoded(drawing(mode, *size, quality), "WEBP", quality=quality, lossless=lossless, exact=exact, **notes)
    )


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_both_decoders_see_the_same_first_frame(kind, mode):
    frames = [Image.new(mode, (6, 4), color) for color in ((255, 0, 0, 90)[: len(mode)], (0, 255, 0, 255)[: len(mode)])]
    assert_alike(encoded(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True))


def test_cmyk_is_at_most_two_levels_apart():
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 4), dtype=np.uint8)
    data = PictureBytes("cmyk", encoded(Image.fromarray(pixels, "CMYK"), "JPEG", quality=95))
    apart = opencv_decoder.read_color(data)[0].astype(int) - reading.read_color(data)[0]
    assert np.abs(apart).max() <= 2


def test_every_colour_and_alpha_is_composited_alike():
    alpha, level = np.divmod(np.arange(256 * 256), 256)
    rgba = np.stack([level, 255 - level, level // 2, alpha], axis=1).reshape(256, 256, 4).astype(np.uint8)
    assert_alike(encoded(Image.fromarray(rgba), "PNG"))


def test_strips_of_a_large_page_meet_without_a_seam(monkeypatch):
    data = encoded(drawing("RGBA", 50, 40, 1), "PNG")
    whole = [outcome(opencv_decoder, name, data) for name in ("read_color", "read_line")]
    monkeypatch.setattr(opencv_decoder, "_STRIP_PIXELS", 100)
    assert [outcome(opencv_decoder, name, data) for name in ("read_color", "read_line")] == whole


def bomb(width: int, height: int, kind: int = 6) -> bytes:
    """A hand-made 8-bit PNG of any size, whose data is missing."""
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"%PDF-1.7 hello", f"is not a {names()} picture"),
        (encoded(Image.new("L", (2, 2)), "PPM"), f"is not a {names()} picture"),
        (b"\x89PNG\r\n\x1a\n", "broken picture"),
        (b"\xff\xd8\xff\xe0", "broken picture"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "broken picture"),
        (bomb(60_000, 60_000), "is 60,000 x 60,000 pixels; the limit is 225,000,000 in all"),
        (bomb(0, 5), "broken picture|nothing to see"),
        (bomb(0, 5, 2), "broken picture|nothing to see"),
        (
            b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff" * 6 + bytes(64),
            "is 16,777,216 x 16,777,216 pixels; the limit is 225,000,000",
        ),
    ],
    ids=["empty", "pdf", "ppm", "png", "jpeg", "webp", "png bomb", "nothing", "nothing in colour", "webp bomb"],
)
def test_an_unusable_file_is_refused_with_the_same_reason_and_without_a_warning(file, read, data, reason):
    for decoder in DECODERS:
        for source in (file(data), PictureBytes("a picture", data)):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                with pytest.raises(UnreadableImage, match=reason) as caught:
                    getattr(decoder, read)(source)
            assert str(caught.value).startswith(f"{source}: ")
            assert "\n" not in str(caught.value)
            assert caught.value.path == Path(str(source))


def test_a_page_above_pillows_own_limit_is_read_in_silence(file, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert reading.read_color(file(encoded(drawing("RGB", 7, 5, 0), "PNG")))[0].shape == (5, 7, 3)


@pytest.mark.parametrize("decoder", DECODERS)
def test_own_limit_holds(file, decoder):
    with pytest.raises(UnreadableImage, match="7 x 5 pixels; the limit is 34"):
        decoder.read_color(file(encoded(drawing("RGB", 7, 5, 0), "PNG")), max_pixels=34)


@pytest.mark.parametrize("decoder", DECODERS)
def test_missing_file_folder_and_pipe_are_unreadable(tmp_path, decoder):
    os.mkfifo(tmp_path / "pipe.png")
    for name, reason in (("none.png", "no such file"), ("", "folder"), ("pipe.png", "regular")):
        with pytest.raises(UnreadableImage, match=reason):
            decoder.read_color(tmp_path / name)


def test_error_stays_one_line_for_any_name_and_crosses_processes(tmp_path):
    error = pickle.loads(pickle.dumps(UnreadableImage(tmp_path / "a\nb\udcff.png", "two\nlines")))
    assert str(error) == f"{tmp_path}/a\\nb\\udcff.png: two lines"
    error = UnreadableImage(PictureBytes("https://example.org/shard-000000.tar, byte 512", b""), "is empty")
    assert str(pickle.loads(pickle.dumps(error))) == "https://example.org/shard-000000.tar, byte 512: is empty"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_truncated_picture_is_refused(kind):
    data = encoded(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)), kind)
    for decoder in DECODERS:
        for share in (0.3, 0.5, 0.9):
            for read in ("check_image", "read_color", "read_line"):
                with pytest.raises(UnreadableImage):
                    getattr(decoder, read)(PictureBytes("a picture", data[: int(share * len(data))]))


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_flat_hint_layer_is_refused_with_the_way_out(decoder):
    with pytest.raises(UnreadableImage, match="transparent layer, as PNG or WebP"):
        decoder.read_hint_layer(PictureBytes("hints", encoded(drawing("RGB", 4, 4, 0), "PNG")))


SEEDS = [
    encoded(drawing("RGB", 7, 5, 0), "PNG"),
    encoded(drawing("RGBA", 7, 5, 0), "PNG", exif=b"Exif\0\0" + exif(6)),
    encoded(drawing("L", 7, 5, 0).convert("P"), "PNG", transparency=3),
    encoded(drawing("RGB", 7, 5, 0), "JPEG", exif=b"Exif\0\0" + exif(6)),
    encoded(drawing("RGBA", 7, 5, 0), "WEBP", exif=exif(6)),
    encoded(drawing("RGBA", 7, 5, 0), "WEBP", lossless=True),
]


MAGIC = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBPVP8X", b"RIFF\0\0\0\0WEBPVP8L"]


def assert_only_unreadable_escapes(data: bytes) -> None:
    for decoder in DECODERS:
        for name in READERS:
            with suppress(UnreadableImage):
                getattr(decoder, name)(PictureBytes("damaged", data), max_pixels=10_000)


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


@given(st.binary(max_size=80))
def test_any_bytes_are_an_orientation_or_none(data):
    assert 1 <= exif_orientation(data) <= 8


def test_without_pillow_the_package_reads_and_writes_the_same(tmp_path):
    page = tmp_path / "page.png"
    page.write_bytes(encoded(drawing("RGBA", 40, 30, 3), "PNG"))
    code = (
        "import sys; sys.modules['PIL'] = None\n"
        "from linecolor import images\n"
        "color, alpha = images.read_color('page.png')\n"
        "images.write_png('color.png', color); images.write_png('alpha.png', alpha)\n"
        "images.write_png('line.png', images.read_line('page.png'))\n"
        "images.write_png('hints.png', images.read_hint_layer('page.png'))\n"
        "print(images.read_line.__module__, images.image_size('page.png'), images.check_image('page.png'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["linecolor.images.opencv_decoder", "(30,", "40)", "(30,", "40)"]
    color, alpha = reading.read_color(page)
    for name, expected in (
        ("color", color),
        ("alpha", alpha),
        ("line", reading.read_line(page)),
        ("hints", reading.read_hint_layer(page)),
    ):
        assert np.array_equal(np.asarray(Image.open(Path(tmp_path / f"{name}.png"))), expected), name
