import struct
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from linecolor.images import check_image, image_size, read_color, read_hint_layer, read_line
from tests.linecolor.images.made_files import chunk, encoded, png

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
RGBA = RNG.integers(0, 256, (5, 7, 4), dtype=np.uint8)


def on_white(rgba: np.ndarray) -> np.ndarray:
    color, alpha = rgba[..., :3].astype(float), rgba[..., 3:].astype(float) / 255
    return np.floor(color * alpha + 255 * (1 - alpha) + 0.5).astype(np.uint8)


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


@pytest.mark.parametrize("as_grey", [False, True])
def test_every_colour_and_alpha_is_composited_to_the_nearest_level(file, as_grey):
    alpha, level = np.divmod(np.arange(256 * 256), 256)
    rgba = np.stack([level, level, level, alpha], axis=1).reshape(256, 256, 4).astype(np.uint8)
    path = file(encoded(Image.fromarray(rgba), "PNG"))
    # 255 is odd, so no quotient lies halfway between two levels.
    expected = (2 * (level * alpha + 255 * (255 - alpha)) + 255) // 510
    pixels = read_line(path)[..., None] if as_grey else read_color(path)[0]
    assert (pixels.reshape(256 * 256, -1) == expected[:, None]).all()


def test_strips_of_a_large_page_meet_without_a_seam(file, monkeypatch):
    monkeypatch.setattr("linecolor.images.reading._STRIP_PIXELS", 10)
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


def test_reading_pictures_needs_no_torch_and_no_opencv():
    code = "import sys, linecolor.images.thumbnails; print([m for m in ('torch', 'cv2', 'kornia') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
