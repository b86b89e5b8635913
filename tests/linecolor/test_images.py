import os
import pickle
import stat
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

from linecolor.images import (
    UnreadableImage,
    check_image,
    find_images,
    image_size,
    read_color,
    read_hint_layer,
    read_line,
    write_atomically,
    write_png,
)

READERS = (image_size, check_image, read_color, read_line, read_hint_layer)
RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
RGBA = RNG.integers(0, 256, (5, 7, 4), dtype=np.uint8)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, color_type: int, rows: bytes, *extra: bytes) -> bytes:
    """A hand-made PNG: Pillow cannot write every kind that it must read."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + body + chunk(b"IEND", b"")


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def on_white(rgba: np.ndarray) -> np.ndarray:
    color, alpha = rgba[..., :3].astype(float), rgba[..., 3:].astype(float) / 255
    return np.floor(color * alpha + 255 * (1 - alpha) + 0.5).astype(np.uint8)


@pytest.fixture
def file(tmp_path):
    def make(data: bytes, name: str = "picture.png") -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return make


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_rgb_survives_unchanged(file, kind):
    pixels, alpha = read_color(file(encoded(Image.fromarray(RGB), kind, lossless=True)))
    assert np.array_equal(pixels, RGB)
    assert pixels.dtype == np.uint8
    assert alpha is None


def test_jpeg_is_read_as_rgb(file):
    red = Image.new("RGB", (16, 8), (250, 10, 10))
    pixels, alpha = read_color(file(encoded(red, "JPEG", quality=95)))
    assert pixels.shape == (8, 16, 3)
    assert np.abs(pixels.astype(int) - (250, 10, 10)).max() < 8
    assert alpha is None


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparent_parts_show_white_paper(file, kind):
    data = encoded(Image.fromarray(RGBA), kind, lossless=True, exact=True)
    pixels, alpha = read_color(file(data))
    assert np.array_equal(pixels, on_white(RGBA))
    assert np.array_equal(alpha, RGBA[..., 3])


def test_fully_transparent_black_is_white_paper(file):
    assert (read_line(file(encoded(Image.new("RGBA", (4, 4)), "PNG"))) == 255).all()


def test_strips_of_a_large_page_meet_without_a_seam(file, monkeypatch):
    monkeypatch.setattr("linecolor.images._STRIP_PIXELS", 10)
    pixels, _ = read_color(file(encoded(Image.fromarray(RGBA), "PNG")))
    assert np.array_equal(pixels, on_white(RGBA))


def test_grey_with_alpha_is_composited(file):
    grey_alpha = RGBA[..., 2:]
    pixels, alpha = read_color(file(encoded(Image.fromarray(grey_alpha, "LA"), "PNG")))
    expected = on_white(np.dstack([grey_alpha[..., :1].repeat(3, 2), grey_alpha[..., 1:]]))
    assert np.array_equal(pixels, expected)
    assert np.array_equal(alpha, grey_alpha[..., 1])


def test_16_bit_grey_is_scaled_not_clipped(file):
    deep = np.array([[0, 256, 32768, 65535]], np.uint16)
    for data in (
        encoded(Image.fromarray(deep), "PNG"),
        png(4, 1, 16, 0, b"\0" + deep.astype(">u2").tobytes()),
    ):
        assert read_line(file(data)).tolist() == [[0, 1, 128, 255]]
        assert read_color(file(data))[0][..., 1].tolist() == [[0, 1, 128, 255]]


def test_16_bit_colour_and_alpha_are_scaled(file):
    deep = np.array([[0, 0x8080, 0xFFFF]], ">u2")
    pixels, alpha = read_color(file(png(1, 1, 16, 2, b"\0" + deep.tobytes())))
    assert pixels.tolist() == [[[0, 128, 255]]]
    assert alpha is None
    rgba = np.array([[0, 0, 0, 0x8080]], ">u2")
    assert read_color(file(png(1, 1, 16, 6, b"\0" + rgba.tobytes())))[0].tolist() == [[[127, 127, 127]]]
    grey_alpha = np.array([[0, 0xFFFF]], ">u2")
    assert read_line(file(png(1, 1, 16, 4, b"\0" + grey_alpha.tobytes()))).tolist() == [[0]]


def test_16_bit_grey_honours_its_transparent_value(file):
    deep = np.array([[300, 301]], ">u2")
    data = png(2, 1, 16, 0, b"\0" + deep.tobytes(), chunk(b"tRNS", struct.pack(">H", 300)))
    assert read_line(file(data)).tolist() == [[255, 1]]


def test_palette_becomes_rgb_and_its_transparency_paper(file):
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 200, 100, 50])
    palette.putdata([0, 1])
    assert read_color(file(encoded(palette, "PNG")))[0].tolist() == [[[10, 20, 30], [200, 100, 50]]]
    pixels, alpha = read_color(file(encoded(palette, "PNG", transparency=b"\x00\xff")))
    assert pixels.tolist() == [[[255, 255, 255], [200, 100, 50]]]
    assert alpha.tolist() == [[0, 255]]


def test_one_transparent_colour_of_an_rgb_file_is_paper(file):
    picture = Image.fromarray(np.array([[[9, 9, 9], [9, 9, 10]]], np.uint8))
    pixels, _ = read_color(file(encoded(picture, "PNG", transparency=(9, 9, 9))))
    assert pixels.tolist() == [[[255, 255, 255], [9, 9, 10]]]


def test_cmyk_grey_and_1_bit_become_rgb(file):
    assert (read_color(file(encoded(Image.new("CMYK", (8, 8)), "JPEG")))[0] > 250).all()
    assert read_color(file(encoded(Image.new("L", (2, 1), 77), "PNG")))[0].tolist() == [[[77] * 3] * 2]
    assert read_color(file(encoded(Image.new("1", (2, 1), 1), "PNG")))[0].tolist() == [[[255] * 3] * 2]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_pixels_and_size_alike(file, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    stored = Image.fromarray(RGBA)
    seen = stored.transpose(turns[orientation]) if orientation in turns else stored
    path = file(encoded(stored, "PNG", exif=exif))
    assert np.array_equal(read_hint_layer(path), np.asarray(seen))
    assert image_size(path) == check_image(path) == (seen.height, seen.width)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_costs_no_picture(file):
    data = encoded(Image.fromarray(RGB), "PNG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert read_color(file(data))[0].shape == (5, 7, 3)


def test_animation_gives_its_first_frame(file):
    frames = [Image.new("RGB", (4, 4), color) for color in ((255, 0, 0), (0, 255, 0))]
    for kind in ("PNG", "WEBP"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
        assert read_color(file(data))[0][0, 0].tolist() == [255, 0, 0]


def test_line_is_the_luma_of_the_composited_colour(file):
    picture = Image.new("RGB", (1, 1), (255, 0, 0))
    assert read_line(file(encoded(picture, "PNG"))).tolist() == [[76]]


def test_what_is_read_can_be_written_into(file):
    for data in (encoded(Image.new("L", (2, 2)), "PNG"), encoded(Image.fromarray(RGBA), "PNG")):
        read_line(file(data))[0, 0] = 1
        read_color(file(data))[0][0, 0] = 1


def test_hint_layer_keeps_straight_alpha(file):
    assert np.array_equal(read_hint_layer(file(encoded(Image.fromarray(RGBA), "PNG"))), RGBA)


def test_flat_hint_layer_is_refused_with_the_way_out(file):
    with pytest.raises(UnreadableImage, match="transparent layer"):
        read_hint_layer(file(encoded(Image.fromarray(RGB), "PNG")))


@pytest.mark.parametrize("read", READERS)
def test_giant_is_refused_from_its_header_without_a_warning(file, read):
    bombs = {
        "png": png(60_000, 60_000, 8, 6, b""),
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
        (png(0, 5, 8, 2, b""), "picture|nothing to see"),
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


def test_find_images_is_recursive_sorted_and_skips_what_is_hidden(tmp_path):
    for name in ("b.PNG", "a.jpeg", "deep/er/c.webp", "deep/d.Jpg", ".hidden.png", ".git/e.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "dangling.png").symlink_to(tmp_path / "nowhere.png")
    found = [path.relative_to(tmp_path).as_posix() for path in find_images(tmp_path)]
    assert found == ["a.jpeg", "b.PNG", "deep/d.Jpg", "deep/er/c.webp"]


def test_find_images_ends_in_a_loop_of_links(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").touch()
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a")
    assert find_images(tmp_path) == [tmp_path / "a" / "x.png"]


def test_find_images_names_a_missing_folder(tmp_path):
    with pytest.raises(NotADirectoryError, match="nowhere"):
        find_images(tmp_path / "nowhere")


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 3), (3, 4, 4)])
def test_written_png_is_read_back_exactly(tmp_path, shape):
    array = RNG.integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path / "new" / "folder" / "a.png"
    write_png(path, array)
    assert np.array_equal(np.asarray(Image.open(path)), array)


@pytest.mark.parametrize("array", [np.zeros((2, 2)), np.zeros((2, 2, 2), np.uint8), np.zeros((0, 2), np.uint8)])
def test_write_png_refuses_what_is_no_picture(tmp_path, array):
    with pytest.raises(ValueError, match="uint8"):
        write_png(tmp_path / "a.png", array)
    assert not any(tmp_path.iterdir())


def test_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    write_atomically(path, b"old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]
    assert path.read_bytes() == b"old"


def test_written_file_gets_the_users_usual_permissions(tmp_path):
    (tmp_path / "plain").touch()
    write_atomically(tmp_path / "atomic", b"x")
    assert stat.S_IMODE((tmp_path / "atomic").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_reading_pictures_needs_no_torch_and_no_opencv():
    code = "import sys, linecolor.images; print([m for m in ('torch', 'cv2', 'kornia') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
