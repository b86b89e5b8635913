import struct

import numpy as np
import pytest
from PIL import Image

from linecolor.images import check_image, image_size, read_color, read_hint_layer, read_line
from tests.linecolor.images.made_files import chunk, encoded, noise, png, source

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


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animation_gives_its_first_frame(kind):
    frames = [Image.new("RGB", (4, 4), color) for color in ((255, 0, 0), (0, 255, 0))]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
    assert read_color(source(data))[0][0, 0].tolist() == [255, 0, 0]


def test_line_is_the_luma_of_the_composited_colour():
    assert read_line(source(encoded(Image.new("RGB", (1, 1), (255, 0, 0)), "PNG"))).tolist() == [[76]]


def test_what_is_read_can_be_written_into():
    for data in (encoded(Image.new("L", (2, 2)), "PNG"), encoded(Image.fromarray(RGBA), "PNG")):
        read_line(source(data))[0, 0] = 1
        read_color(source(data))[0][0, 0] = 1
