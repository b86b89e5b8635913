import numpy as np
import pytest
from PIL import Image

from linecolor.images.reading import read_thumbnail
from tests.linecolor.images.made_files import encoded, source


def picture(height: int = 300, width: int = 500) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return np.stack([255 * rows / height, 255 * columns / width, 128 + 0 * rows], axis=2).astype(np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_is_reduced_to_the_area_and_looks_the_same(kind):
    rgb, size = read_thumbnail(source(encoded(Image.fromarray(picture()), kind, quality=95)), 6000)
    assert size == (300, 500)
    assert rgb.shape == (60, 100, 3)
    assert rgb.dtype == np.uint8
    assert np.abs(rgb.astype(int) - picture(60, 100)).mean() < 4


def test_a_small_picture_is_not_enlarged():
    rgb, size = read_thumbnail(source(encoded(Image.fromarray(picture(20, 10)), "PNG")), 10_000)
    assert size == (20, 10)
    assert np.array_equal(rgb, picture(20, 10))


def test_a_jpeg_is_not_decoded_at_its_full_size(monkeypatch):
    seen = []
    load = Image.Image.resize
    monkeypatch.setattr(Image.Image, "resize", lambda self, *a, **k: seen.append(self.size) or load(self, *a, **k))
    read_thumbnail(source(encoded(Image.fromarray(picture(1600, 1000)), "JPEG")), 128 * 128)
    assert seen == [(125, 200)]


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_turned_picture_is_seen_upright(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb, size = read_thumbnail(source(encoded(Image.fromarray(picture(200, 800)), kind, exif=exif)), 10_000)
    assert size == ((200, 800) if orientation == 1 else (800, 200))
    assert rgb.shape == ((50, 200, 3) if orientation == 1 else (200, 50, 3))


def test_transparent_pixels_are_paper_and_do_not_bleed():
    rgba = np.zeros((100, 100, 4), np.uint8)
    rgba[:, 50:] = (0, 200, 0, 255)
    rgb, _ = read_thumbnail(source(encoded(Image.fromarray(rgba), "PNG")), 625)
    assert rgb.shape == (25, 25, 3)
    assert (rgb[:, :12] == 255).all()
    assert (rgb[:, 13:] == (0, 200, 0)).all()
    assert rgb[0, 12, 1] > 220  # half green, half paper; never darkened by the black of what is transparent


@pytest.mark.parametrize("image", [Image.new("L", (90, 60), 77), Image.new("1", (90, 60), 1), Image.new("P", (90, 60))])
def test_grey_and_palette_pictures_become_rgb(image):
    assert read_thumbnail(source(encoded(image, "PNG")), 600)[0].shape == (20, 30, 3)


def test_a_line_of_pixels_keeps_a_height():
    assert read_thumbnail(source(encoded(Image.new("RGB", (3000, 1)), "PNG")), 100)[0].shape[0] == 1


def test_an_area_below_one_pixel_is_refused():
    with pytest.raises(ValueError, match="area 0"):
        read_thumbnail(source(encoded(Image.new("L", (2, 2)), "PNG")), 0)
