"""Promises of the full-size blend."""

import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from linecolor.cli import colorize
from linecolor.evaluation.metrics.psnr import psnr
from linecolor.lineart.lines import grey_uint8
from linecolor.rendering.blending import blend, inpaint_ink
from linecolor.rendering.blends import BLENDS, Blend
from linecolor.rendering.options import RenderingOptions

MODES = tuple(BLENDS)
sides = st.sampled_from([1, 2, 3, 7, 16, 31, 64, 97])
colors = hnp.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3)))


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def strokes(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Random anti-aliased lines on white paper."""
    rng = np.random.default_rng(seed)
    line = np.full((height, width), 255, np.uint8)
    for _ in range(6):
        ends = rng.integers(0, (width, height), (2, 2)).tolist()
        cv2.line(line, ends[0], ends[1], int(rng.integers(0, 90)), 3, cv2.LINE_AA)
    return line


@pytest.fixture(scope="module")
def drawing() -> tuple[np.ndarray, np.ndarray]:
    """A true pair at 1024 px: outlined shapes on a coloured ground, as colour layer times line."""
    layer = np.full((1024, 1024, 3), (250, 240, 220), np.uint8)
    line = np.full((1024, 1024), 255, np.uint8)
    for center, radius, paint in (
        ((400, 420), 300, (230, 90, 60)),
        ((560, 600), 220, (60, 140, 210)),
        ((330, 350), 60, (255, 255, 255)),
        ((330, 350), 25, (40, 160, 60)),
    ):
        cv2.circle(layer, center, radius, paint, -1)
        cv2.circle(line, center, radius, 255, -1)
        cv2.circle(line, center, radius, 0, 9, cv2.LINE_AA)
    return line, np.rint(layer * (line[..., None] / 255)).astype(np.uint8)


def reduced(color: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(color, (side, side), interpolation=cv2.INTER_AREA)


@given(color=colors, scale=st.sampled_from([0.5, 1, 2.3, 5]), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_white_paper_stays_white(color, scale, seed):
    height, width = (max(1, round(side * scale)) for side in color.shape[:2])
    line = strokes(height, width, seed)
    bare = np.full_like(line, 255)
    white = line == 255
    assert np.array_equal(blend(line, color, "paper")[white], blend(bare, color, "paper")[white])
    assert np.array_equal(blend(line, color, "none")[white], blend(bare, color, "none")[white])
    assert np.array_equal(blend(line, color)[white], blend(bare, inpaint_ink(line, color), "none")[white])
    for mode in MODES:
        assert (blend(line, np.full_like(color, 255), mode)[white] == 255).all()


@given(line=hnp.arrays(np.uint8, st.tuples(sides, sides)), level=st.integers(0, 255))
@settings(max_examples=30, deadline=None)
def test_a_flat_colour_under_white_paper_stays_exactly_that_colour(line, level):
    color = np.full((*line.shape, 3), level, np.uint8)
    for mode in ("clean", "paper", "none"):
        assert (blend(np.full_like(line, 255), color, mode) == level).all()


def test_linear_light_adds_twice_the_line_less_white_and_above_the_middle_nothing():
    line = np.array([[0, 60, 100, 127, *range(128, 256)]], np.uint8)
    color = np.full((1, 132, 3), 200, np.uint8)
    assert blend(line, color, "paper")[0, :, 0].tolist() == [0, 65, 145, 199, *[200] * 128]


@pytest.mark.parametrize("size", [(90, 120), (97, 131), (30, 40)])
def test_the_paper_rule_is_algorithm_2(size):
    line, color = strokes(*size), cv2.GaussianBlur(noise(30, 40, 3), (0, 0), 1.5)
    base = cv2.resize(color.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR)
    sigma = 0.6 * size[0] / 30
    side = 2 * int(np.ceil(4 * sigma)) + 1
    base = cv2.GaussianBlur(base, (side, side), sigma, borderType=cv2.BORDER_REPLICATE)
    neutral = np.where(line > 127, 127.5, line.astype(np.float64))[..., None]
    expected = np.clip(base + 2 * neutral - 255, 0, 255)
    assert np.abs(blend(line, color, "paper", sigma=0.6) - expected).max() <= 0.75


def test_plain_enlargement_is_linear_with_pixel_centres_aligned():
    color = noise(13, 17, 3)
    expected = cv2.resize(color.astype(np.float32), (68, 52), interpolation=cv2.INTER_LINEAR)
    assert np.abs(blend(np.zeros((52, 68), np.uint8), color, "none") - expected).max() <= 0.75


def test_shrinking_a_larger_colour_uses_all_its_pixels():
    checkers = np.indices((80, 80)).sum(0) % 2 * 255
    color = np.repeat(checkers[..., None], 3, axis=2).astype(np.uint8)
    result = blend(np.full((16, 16), 255, np.uint8), color, "none")
    assert np.abs(result.astype(int) - 127).max() <= 6  # a plain linear pick would give 0 and 255


def test_black_line_is_black_in_clean():
    line = strokes(200, 160)
    line[line < 90] = 0
    assert (blend(line, noise(50, 40, 3))[line == 0] == 0).all()


def test_coloured_line_keeps_its_own_colour():
    line = np.full((64, 64, 3), 255, np.uint8)
    line[28:36] = (200, 30, 80)
    color = reduced(np.rint(np.full((64, 64, 3), (240, 200, 160)) * (line / 255)).astype(np.uint8), 16)
    result = blend(line, color)
    assert np.abs(result[32, 32].astype(int) - np.array([188, 24, 50])).max() <= 2
    assert np.abs(result[26, 32].astype(int) - np.array([240, 200, 160])).max() <= 2


def test_pale_pencil_keeps_its_strength():
    line = np.full((256, 256), 255, np.uint8)
    line[:, 127:129] = 190
    color = np.full((32, 32, 3), (240, 200, 160), np.uint8)
    expected = np.array([240, 200, 160]) * 190 / 255
    assert np.abs(blend(line, color)[:, 127:129] - expected).max() <= 1


def test_a_wide_grey_tone_keeps_the_colour_painted_on_it():
    layer = np.full((256, 256, 3), (240, 200, 170), np.uint8)
    line = np.full((256, 256), 255, np.uint8)
    layer[:, 128:], line[:, 128:] = (60, 120, 200), 140
    truth = np.rint(layer * (line[..., None] / 255)).astype(np.uint8)
    assert np.abs(blend(line, reduced(truth, 64))[:, 136:].astype(int) - truth[:, 136:]).max() <= 1


@given(color=colors, kind=st.sampled_from(["grey", "colour", "extremes"]), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_luma_leaves_a_page_at_its_own_luma(color, kind, seed):
    height, width = 3 * color.shape[0], 3 * color.shape[1]
    page = noise(height, width, 3, seed=seed) if kind == "colour" else noise(height, width, seed=seed)
    if kind == "extremes":
        page[:] = np.array([0, 1, 254, 255], np.uint8)[page % 4]
    luma = grey_uint8(page) if kind == "colour" else page
    result = blend(page, color, "luma")
    assert np.abs(grey_uint8(result).astype(int) - luma).max() <= 1
    for extreme in (0, 255):
        assert (result[luma == extreme] == extreme).all()


def test_luma_paints_exactly_the_chroma_that_fits():
    truth = np.array([[[200, 120, 90], [90, 120, 200], [128, 128, 128]]], np.uint8)
    darker = grey_uint8(truth)
    assert np.abs(blend(darker, truth, "luma").astype(int) - truth).max() <= 1
    assert np.ptp(blend(darker, np.full_like(truth, 77), "luma"), axis=2).max() == 0


def test_luma_reduces_chroma_and_keeps_hue_where_a_channel_would_be_cut():
    color = np.full((1, 1, 3), (250, 40, 40), np.uint8)  # luma 103: at 200 its red would be 347
    red, green, blue = blend(np.full((1, 1), 200, np.uint8), color, "luma")[0, 0].tolist()
    assert red == 255
    assert green == blue == 177  # 200 - 55 * (102.8 - 40) / (250 - 102.8) = 176.53


def test_luma_never_takes_dark_for_ink():
    """The clean rule would inpaint the dark stroke's colour from beside it."""
    page, color = np.full((32, 32), 200, np.uint8), np.full((32, 32, 3), 200, np.uint8)
    page[15:17], color[15:17] = 60, (120, 30, 45)
    result = blend(page, color, "luma")[15, 16].astype(int)
    assert result[0] - result[1] == pytest.approx(120 - 30, abs=2)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(211, 150), (37, 26), (420, 300)])
def test_bands_do_not_show(mode, size):
    line, color = strokes(*size), noise(70, 50, 3)
    whole = blend(line, color, mode, band_rows=size[0])
    for band_rows in (1, 2, 13, 32, 10_000):
        assert np.array_equal(blend(line, color, mode, band_rows=band_rows), whole)


@given(height=sides, width=sides, factor=st.sampled_from([0.05, 0.3, 1, 1.7]), mode=st.sampled_from(MODES))
@settings(max_examples=60, deadline=None)
def test_any_size_and_aspect(height, width, factor, mode):
    color = noise(max(1, round(height * factor)), max(1, round(width * factor)), 3)
    result = blend(noise(height, width), color, mode)
    assert result.shape == (height, width, 3)
    assert result.dtype == np.uint8


@pytest.mark.parametrize("mode", MODES)
def test_grey_and_rgb_line_and_uint8_and_float_colour_agree(mode):
    line, color = strokes(101, 77), noise(40, 30, 3)
    plain = blend(line, color, mode)
    assert np.array_equal(plain, blend(np.dstack([line] * 3), color, mode))
    for dtype in (np.float32, np.float64):
        assert np.array_equal(plain, blend(line, color.astype(dtype), mode))


@pytest.mark.parametrize("mode", MODES)
def test_neither_input_is_changed_and_views_are_welcome(mode):
    line, color = strokes(64, 64), noise(16, 16, 3)
    before = line.copy(), color.copy()
    turned = blend(line.T, color.transpose(1, 0, 2), mode)
    assert np.array_equal(line, before[0])
    assert np.array_equal(color, before[1])
    assert np.array_equal(turned, blend(np.ascontiguousarray(line.T), np.ascontiguousarray(color.swapaxes(0, 1)), mode))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(128, 96), (131, 97), (20, 15)])
@pytest.mark.parametrize("axis", [0, 1])
def test_flips_commute(mode, size, axis):
    """A shift by part of a pixel anywhere would break this."""
    line, color = strokes(*size), noise(32, 24, 3)
    flipped = blend(np.flip(line, axis), np.flip(color, axis), mode)
    difference = np.abs(np.flip(flipped, axis).astype(int) - blend(line, color, mode))
    assert difference.max() <= (1 if mode == "clean" else 0)
    assert (difference > 0).mean() < 0.01


HALF_A_PIXEL = np.array([[1, 0, 0.5], [0, 1, 0.5]])
NETWORKS = {
    "none": lambda line, color: color,
    "blurred": lambda line, color: cv2.GaussianBlur(color, (0, 0), 1),
    "shifted": lambda line, color: cv2.warpAffine(color, HALF_A_PIXEL, (256, 256), borderMode=cv2.BORDER_REPLICATE),
    "fat_lines": lambda line, color: cv2.erode(color, np.ones((2, 2), np.uint8)),
    "no_lines": inpaint_ink,
}
"""What networks of several faults make of the reduced truth."""


@pytest.mark.parametrize(
    ("fault", "side", "least", "ahead"),
    [("none", 256, 50, 12), ("none", 128, 42, 12), *((fault, 256, 36, 3) for fault in NETWORKS if fault != "none")],
)
def test_clean_beats_paper_and_plain_resize_on_the_reduced_truth_and_when_the_network_errs(
    drawing, fault, side, least, ahead
):
    line, truth = drawing
    color = NETWORKS[fault](line, reduced(truth, side))
    score = {mode: psnr(blend(line, color, mode), truth) for mode in MODES}
    assert score["clean"] > least
    assert score["clean"] > max(score["paper"], score["none"]) + ahead


@pytest.mark.parametrize("mode", MODES)
def test_memory_stays_below_the_output_size(mode):
    line, color = strokes(2000, 2000), noise(200, 200, 3)
    blend(line, color, mode)
    tracemalloc.start()
    result = blend(line, color, mode)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - result.nbytes <= result.nbytes


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mode": "crayon"}, f"blend=crayon is unknown: use {', '.join(BLENDS)}"),
        ({"line": np.zeros((40, 40), np.float32)}, "line must be uint8"),
        ({"line": np.zeros((40, 40, 4), np.uint8)}, r"\(40, 40, 4\)"),
        ({"line": np.zeros((0, 40), np.uint8)}, r"\(0, 40\)"),
        ({"color": np.zeros((20, 20), np.uint8)}, r"\(20, 20\)"),
        ({"color": np.zeros((20, 20, 3), np.int32)}, "int32"),
        ({"color": np.full((20, 20, 3), -1.0)}, "found -1 to -1"),
        ({"color": np.full((20, 20, 3), np.nan)}, "found nan"),
        ({"color": np.zeros((20, 24, 3), np.uint8)}, "24 x 20 and line 40 x 40.*20%"),
        ({"sigma": -0.1}, "not -0.1"),
        ({"sigma": float("nan")}, "not nan"),
        ({"band_rows": 0}, "not 0"),
    ],
)
def test_wrong_input_is_refused_with_its_value(change, words):
    arguments = {"line": np.zeros((40, 40), np.uint8), "color": np.zeros((20, 20, 3), np.uint8), **change}
    with pytest.raises(ValueError, match=words):
        blend(**arguments)


def test_a_row_of_the_table_is_all_that_a_blend_needs(monkeypatch):
    """Options, cards, configurations and the command line know it by its row."""
    monkeypatch.setitem(BLENDS, "multiply", Blend("multiply", "line times colour", BLENDS["clean"].function))
    line, color = strokes(64, 64), noise(16, 16, 3)
    assert (blend(line, color, "multiply")[line == 0] == 0).all()
    assert RenderingOptions.from_mapping({"resolution": 64, "blend": "multiply"}).blend == "multiply"
    assert "multiply: line times colour" in " ".join(colorize._parser().format_help().split())
