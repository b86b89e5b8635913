import cv2
import numpy as np
import pytest

from datamodules.curation.measures import FIGURES, measure, perceptual_hash


def page(color=(255, 255, 255), side: int = 256) -> np.ndarray:
    return np.full((side, side, 3), color, np.uint8)


def character() -> np.ndarray:
    picture = page()
    cv2.circle(picture, (128, 128), 90, (220, 60, 60), -1)
    cv2.rectangle(picture, (90, 150), (170, 220), (40, 90, 200), -1)
    cv2.circle(picture, (128, 128), 90, (20, 20, 20), 3)
    return picture


@pytest.mark.parametrize("shape", [(256, 256), (1, 1), (1, 3000), (7, 5), (40, 1600)])
@pytest.mark.parametrize("color", [(255, 255, 255), (0, 0, 0), (200, 30, 90)])
def test_every_figure_is_a_finite_number_whatever_the_picture(shape, color):
    random = np.random.default_rng(0)
    for picture in (np.full((*shape, 3), color, np.uint8), random.integers(0, 256, (*shape, 3), dtype=np.uint8)):
        figures = measure(picture)
        assert tuple(figures) == FIGURES
        assert all(np.isfinite(value) for value in figures.values()), figures
        assert len(perceptual_hash(picture)) == 16


def test_an_even_border_is_background_and_what_it_encloses_is_not():
    ring = page()
    cv2.circle(ring, (128, 128), 100, (30, 30, 30), 4)
    inside = np.pi * 100**2 / 256**2
    assert measure(ring)["drawing_share"] == pytest.approx(inside, rel=0.05)
    blue = character()
    blue[blue.min(2) > 250] = (90, 120, 250)
    assert measure(blue)["drawing_share"] == pytest.approx(measure(character())["drawing_share"], rel=0.02)
    ramp = np.repeat(np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 256, 1), 3, 2)
    assert measure(ramp)["drawing_share"] == 1


def test_grey_has_no_chroma_and_no_hue():
    figures = measure(cv2.cvtColor(cv2.cvtColor(character(), cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))
    assert figures["chroma"] == 0
    assert figures["hue_spread"] == 360
    assert figures["color_cast"] < 0.01


def test_lightness_is_the_drawings_and_not_the_papers():
    dark = page()
    dark[60:200, 60:200] = (20, 20, 25)
    figures = measure(dark)
    assert figures["picture_light_80"] > 99
    assert figures["drawing_light_80"] < 10


def test_one_hue_has_no_spread_and_a_filter_over_everything_is_a_cast():
    reds = page((255, 240, 240))
    for step in range(8):
        reds[step * 32 : step * 32 + 32, 40:200] = (255 - 20 * step, 120 - 12 * step, 120 - 12 * step)
    assert measure(reds)["hue_spread"] < 10
    assert measure(character())["hue_spread"] > 40
    filtered = (character() * 0.3 + np.array([40, 60, 230]) * 0.7).astype(np.uint8)
    assert measure(filtered)["color_cast"] > 2
    assert measure(character())["color_cast"] < 1


@pytest.mark.parametrize("strength", [1.0, 0.2])
def test_pen_strokes_are_strokes_however_faint_and_fills_are_none(strength):
    lines = page()
    for y in range(20, 240, 30):
        cv2.line(lines, (10, y), (240, y + 9), (0, 0, 0), 3, cv2.LINE_AA)
    faint = (255 - (255 - lines) * strength).astype(np.uint8)
    assert measure(faint)["stroke_share"] > 0.95
    assert measure(character())["stroke_share"] < 0.3


def test_ink_is_darker_than_what_it_lies_on():
    picture = page((200, 160, 120))
    for y in range(20, 240, 30):
        cv2.line(picture, (10, y), (240, y), (20, 20, 20), 2)
    assert measure(picture)["line_excess"] > 1
    assert measure(255 - picture)["line_excess"] < -1


def test_a_photograph_looks_photographed_and_a_drawing_drawn():
    from skimage import data

    photo = cv2.resize(data.astronaut(), (256, 256), interpolation=cv2.INTER_AREA)
    assert measure(photo)["photograph"] > 0.9
    assert measure(character())["photograph"] < 0.1


def test_the_hash_hardly_changes_with_size_and_compression():
    def bits(picture: np.ndarray) -> int:
        return int(perceptual_hash(picture), 16)

    whole = bits(character())
    small = cv2.resize(character(), (150, 150), interpolation=cv2.INTER_AREA)
    packed = cv2.imdecode(cv2.imencode(".jpg", character(), [cv2.IMWRITE_JPEG_QUALITY, 50])[1], cv2.IMREAD_COLOR)
    assert bin(whole ^ bits(small)).count("1") <= 4
    assert bin(whole ^ bits(packed)).count("1") <= 4
    assert bin(whole ^ bits(np.ascontiguousarray(character()[::-1]))).count("1") > 10
