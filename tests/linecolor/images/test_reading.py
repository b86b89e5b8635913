import struct

import numpy as np
import pytest
from PIL import Image

from linecolor.images import SUFFIXES, check_image, image_size, read_color, read_hint_layer, read_line
from linecolor.images.metadata import read_metadata
from linecolor.images.reading import read_thumbnail
from tests.linecolor.images.made_files import (
    chunk,
    encoded,
    noise,
    png,
    source,
    with_wrong_checksum,
    without_end,
)

RGB, RGBA = np.asarray(noise(5, 7)), np.asarray(noise(5, 7, 4))
PALETTE = Image.new("P", (2, 1))
PALETTE.putpalette([10, 20, 30, 200, 100, 50])
PALETTE.putdata([0, 1])
NEARLY_ALIKE = Image.fromarray(np.array([[[9, 9, 9], [9, 9, 10]]], np.uint8))


def on_white(rgba: np.ndarray) -> np.ndarray:
    color, alpha = rgba[..., :3].astype(float), rgba[..., 3:].astype(float) / 255
    return np.floor(color * alpha + 255 * (1 - alpha) + 0.5).astype(np.uint8)


def deep(width: int, color_type: int, levels: list[int], *extra: bytes) -> bytes:
    """A PNG of 16 bits, one pixel high."""
    return png(width, 1, 16, color_type, b"\0" + np.array(levels, ">u2").tobytes(), *extra)


def few_bits(depth: int, level: int, transparent: int) -> bytes:
    """A grey PNG of two pixels of 1, 2 or 4 bits, black and a level, and its transparent level."""
    row = bytes([0, level << (8 - 2 * depth)])
    return png(2, 1, depth, 0, row, chunk(b"tRNS", struct.pack(">H", transparent)))


SAMPLE = 0x1234
TRANSPARENT = chunk(b"tRNS", struct.pack(">3H", SAMPLE, SAMPLE, SAMPLE))
SAMPLE_IS_TRANSPARENT = [[255, 255, 255], [18, 18, 18], [0, 0, 0]], [0, 255, 255]


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_rgb_survives_unchanged_and_transparent_parts_show_white_paper(kind):
    pixels, alpha = read_color(source(encoded(Image.fromarray(RGB), kind, lossless=True)))
    assert np.array_equal(pixels, RGB)
    assert pixels.dtype == np.uint8
    assert alpha is None
    pixels, alpha = read_color(source(encoded(Image.fromarray(RGBA), kind, lossless=True, exact=True)))
    assert np.array_equal(pixels, on_white(RGBA))
    assert np.array_equal(alpha, RGBA[..., 3])


def test_jpeg_is_read_as_rgb():
    red = Image.new("RGB", (16, 8), (250, 10, 10))
    pixels, alpha = read_color(source(encoded(red, "JPEG", quality=95)))
    assert pixels.shape == (8, 16, 3)
    assert np.abs(pixels.astype(int) - (250, 10, 10)).max() < 8
    assert alpha is None
    assert (read_color(source(encoded(Image.new("CMYK", (8, 8)), "JPEG")))[0] > 250).all()


@pytest.mark.parametrize(
    ("data", "rgb", "alpha"),
    [
        (encoded(Image.fromarray(np.uint16([[0, 256, 32768, 65535]])), "PNG"), [[0], [1], [128], [255]], None),
        (deep(4, 0, [0, 256, 32768, 65535]), [[0], [1], [128], [255]], None),
        (deep(2, 0, [300, 301], chunk(b"tRNS", struct.pack(">H", 300))), [[255], [1]], [0, 255]),
        (few_bits(1, 1, 0), [[255], [255]], [0, 255]),
        (few_bits(1, 1, 1), [[0], [255]], [255, 0]),
        (few_bits(2, 1, 1), [[0], [255]], [255, 0]),
        (few_bits(2, 2, 1), [[0], [170]], [255, 255]),
        (few_bits(4, 1, 1), [[0], [255]], [255, 0]),
        (few_bits(4, 15, 15), [[0], [255]], [255, 0]),
        (few_bits(4, 1, 17), [[0], [255]], [255, 0]),
        (deep(3, 2, [SAMPLE] * 3 + [SAMPLE, SAMPLE, SAMPLE + 1] + [18, 52, 18], TRANSPARENT), *SAMPLE_IS_TRANSPARENT),
        (deep(1, 4, [0, 0xFFFF]), [[0]], [255]),
        (deep(1, 2, [0, 0x8080, 0xFFFF]), [[0, 128, 255]], None),
        (deep(1, 6, [0, 0, 0, 0x8080]), [[127]], [128]),
        (encoded(PALETTE, "PNG"), [[10, 20, 30], [200, 100, 50]], None),
        (encoded(PALETTE, "PNG", transparency=b"\x00\xff"), [[255], [200, 100, 50]], [0, 255]),
        (encoded(NEARLY_ALIKE, "PNG", transparency=(9, 9, 9)), [[255], [9, 9, 10]], [0, 255]),
        (encoded(Image.new("RGBA", (2, 1)), "PNG"), [[255], [255]], [0, 0]),
        (encoded(Image.new("L", (2, 1), 77), "PNG"), [[77], [77]], None),
        (encoded(Image.new("1", (2, 1), 1), "PNG"), [[255], [255]], None),
    ],
)
def test_every_kind_of_png_becomes_8_bit_rgb_on_white(data, rgb, alpha):
    """Levels of 16 bits are scaled, not clipped; one level stands for a grey."""
    pixels, found = read_color(source(data))
    expected = [level * 3 if len(level) == 1 else level for level in rgb]
    assert pixels.tolist() == [expected]
    assert (None if found is None else found.tolist()) == (None if alpha is None else [alpha])
    if all(len(level) == 1 for level in rgb):
        assert read_line(source(data)).tolist() == [[level for (level,) in rgb]]


@pytest.mark.parametrize("as_grey", [False, True])
def test_every_colour_and_alpha_is_composited_to_the_nearest_level(as_grey):
    alpha, level = np.divmod(np.arange(256 * 256), 256)
    rgba = np.stack([level, level, level, alpha], axis=1).reshape(256, 256, 4).astype(np.uint8)
    data = source(encoded(Image.fromarray(rgba), "PNG"))
    # 255 is odd, so no quotient lies halfway between two levels.
    expected = (2 * (level * alpha + 255 * (255 - alpha)) + 255) // 510
    pixels = read_line(data)[..., None] if as_grey else read_color(data)[0]
    assert (pixels.reshape(256 * 256, -1) == expected[:, None]).all()


def test_grey_with_alpha_is_composited_and_strips_of_a_large_page_meet_without_a_seam(monkeypatch):
    for picture, rgba in ((Image.fromarray(RGBA[..., 2:], "LA"), RGBA[..., [2, 2, 2, 3]]), (noise(5, 7, 4), RGBA)):
        pixels, alpha = read_color(source(encoded(picture, "PNG")))
        assert np.array_equal(pixels, on_white(rgba))
        assert np.array_equal(alpha, RGBA[..., 3])
        monkeypatch.setattr("linecolor.images.reading._STRIP_PIXELS", 10)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(10))
def test_exif_orientation_turns_pixels_and_size_alike(orientation, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    # As 2, 3 and 4 turn a picture that stands, 6, 7 and 8 turn one that lies.
    seen = RGBA.swapaxes(0, 1) if 5 <= orientation <= 8 else RGBA
    seen = seen[:, ::-1] if orientation in (2, 3, 6, 7) else seen
    seen = seen[::-1] if orientation in (3, 4, 7, 8) else seen
    data = source(encoded(Image.fromarray(RGBA), kind, exif=exif, lossless=True, exact=True))
    assert np.array_equal(read_hint_layer(data), seen), "a hint layer keeps its straight alpha"
    assert image_size(data) == check_image(data) == seen.shape[:2]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "TIFF"])
def test_animation_gives_its_first_frame(kind):
    frames = [Image.new("RGB", (4, 4), color) for color in ((255, 0, 0), (0, 255, 0))]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
    assert read_color(source(data))[0][0, 0].tolist() == [255, 0, 0]


BLACK_ON_WHITE = Image.fromarray(np.array([[0, 255, 255, 255]] * 3, np.uint8)).convert("1")
GREY_OF_16_BITS = Image.fromarray(np.array([[0, 256, 32768, 65535]], np.uint16))


def with_field(tiff: bytes, tag: int, old: int, new: int) -> bytes:
    """A TIFF with another value in a field of one short number."""
    before, after = (struct.pack("<HHIH", tag, 3, 1, value) for value in (old, new))
    assert tiff.count(before) == 1
    return tiff.replace(before, after)


@pytest.mark.parametrize(
    ("data", "levels"),
    [
        (encoded(BLACK_ON_WHITE, "TIFF", compression="group4"), [0, 255, 255, 255]),
        (with_field(encoded(BLACK_ON_WHITE, "TIFF"), 262, 1, 0), [255, 0, 0, 0]),
        (encoded(GREY_OF_16_BITS, "TIFF"), [0, 1, 128, 255]),
        (encoded(GREY_OF_16_BITS, "TIFF", compression="tiff_lzw"), [0, 1, 128, 255]),
        (with_field(encoded(GREY_OF_16_BITS, "TIFF"), 262, 1, 0), [255, 254, 127, 0]),
        (with_field(encoded(GREY_OF_16_BITS, "TIFF", compression="tiff_lzw"), 262, 1, 0), [255, 254, 127, 0]),
        (encoded(Image.new("CMYK", (1, 1), (0, 0, 0, 255)), "TIFF"), [0]),
        (encoded(BLACK_ON_WHITE, "BMP"), [0, 255, 255, 255]),
        (encoded(BLACK_ON_WHITE, "GIF"), [0, 255, 255, 255]),
    ],
)
def test_what_scanners_give_has_the_right_levels(data, levels):
    assert read_line(source(data))[0].tolist() == levels
    assert read_color(source(data))[0][0].tolist() == [[level] * 3 for level in levels]


def test_grey_of_12_bits_is_scaled_and_not_taken_for_16():
    row = bytes([0x00, 0x07, 0xFF, 0xFF, 0xF0, 0x00])  # 0, 2047, 4095, 0
    tiff = with_field(encoded(GREY_OF_16_BITS, "TIFF"), 258, 16, 12)
    assert tiff.count(GREY_OF_16_BITS.tobytes()) == 1
    tiff = tiff.replace(GREY_OF_16_BITS.tobytes(), row + bytes(2))
    assert read_line(source(tiff))[0].tolist() == [0, 127, 255, 0]


@pytest.mark.parametrize("kind", ["TIFF", "BMP"])
def test_tiff_and_bmp_survive_unchanged(kind):
    assert np.array_equal(read_color(source(encoded(Image.fromarray(RGB), kind)))[0], RGB)


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "AVIF"])
def test_a_transparent_layer_of_another_format_is_a_hint_layer(kind):
    skip_without(kind)
    layer = np.zeros((6, 8, 4), np.uint8)
    layer[2:4, 2:4] = (255, 0, 0, 255)
    read = read_hint_layer(source(encoded(Image.fromarray(layer), kind, quality=100, subsampling="4:4:4")))
    assert np.array_equal(read[..., 3], layer[..., 3])
    assert np.abs(read[2:4, 2:4, :3].astype(int) - (255, 0, 0)).max() < 8


@pytest.mark.parametrize("turn", [1, 6])
@pytest.mark.parametrize("kind", ["TIFF", "AVIF"])
def test_the_orientation_of_other_formats_turns_pixels_and_size_alike(kind, turn):
    skip_without(kind)
    exif = Image.Exif()
    exif[0x0112] = turn
    data = source(encoded(Image.fromarray(RGB), kind, exif=exif, quality=100, subsampling="4:4:4"))
    seen = RGB if turn == 1 else np.rot90(RGB, -1)
    assert image_size(data) == check_image(data) == seen.shape[:2]
    assert np.abs(read_color(data)[0].astype(int) - seen).mean() < 3


def skip_without(kind: str) -> None:
    if kind == "AVIF" and ".avif" not in SUFFIXES:
        pytest.skip("this Pillow reads no AVIF")


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_without_its_end_marker_is_the_same_picture(progressive):
    whole = encoded(noise(65, 130), "JPEG", progressive=progressive)
    assert np.array_equal(read_color(source(without_end(whole)))[0], read_color(source(whole))[0])
    for area in (100, 5000):
        thumbnail, _ = read_thumbnail(source(without_end(whole)), area)
        assert np.array_equal(thumbnail, read_thumbnail(source(whole), area)[0])


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"pHYs", b"tRNS", b"prIv"])
def test_what_a_png_can_do_without_is_dropped_where_its_checksum_is_wrong(kind):
    damaged = with_wrong_checksum(chunk(kind, b"ab\0\0\0\0"))
    sound = chunk(b"pHYs", struct.pack(">IIB", 5000, 5000, 1))
    data = source(png(2, 1, 8, 0, b"\0\1\2", damaged, sound))
    assert read_color(data)[0].tolist() == [[[1] * 3, [2] * 3]]
    assert read_metadata(data).dpi == pytest.approx((127, 127))


def test_line_is_the_luma_of_the_composited_colour():
    assert read_line(source(encoded(Image.new("RGB", (1, 1), (255, 0, 0)), "PNG"))).tolist() == [[76]]


def test_what_is_read_can_be_written_into():
    for data in (encoded(Image.new("L", (2, 2)), "PNG"), encoded(Image.fromarray(RGBA), "PNG")):
        read_line(source(data))[0, 0] = 1
        read_color(source(data))[0][0, 0] = 1
