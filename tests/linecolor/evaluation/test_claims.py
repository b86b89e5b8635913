import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linecolor.evaluation.claims import ClaimTruth, measure_claims
from linecolor.evaluation.claims.pattern import checkerboard
from linecolor.evaluation.claims.regions import Regions

SHAPE = (384, 448)
PAPER = (255, 255, 255)
SKIN, HAIR, CLOTH, SKY = (235, 195, 165), (120, 80, 60), (90, 130, 190), (190, 215, 180)


def drawing(shape=SHAPE):
    """Line, paint and foreground: a head in front of a coat and a disc, with eyes and strands of hair."""
    height, width = shape
    scale = min(shape) / 384
    paint = np.full((*shape, 3), 255, np.uint8)
    line = np.full(shape, 255, np.uint8)
    inside = np.zeros(shape, np.uint8)

    def at(x, y):
        return round(width / 2 + x * scale), round(height / 2 + y * scale)

    def disc(x, y, radius, color):
        center, size = at(x, y), round(radius * scale)
        cv2.circle(paint, center, size, color, -1)
        cv2.circle(line, center, size, 255, -1)
        cv2.circle(line, center, size, 0, max(1, round(2 * scale)), cv2.LINE_AA)
        cv2.circle(inside, center, size, 1, -1)

    disc(0, 0, 170, SKY)
    disc(0, 90, 75, CLOTH)
    disc(0, -50, 90, HAIR)
    disc(0, -20, 60, SKIN)
    for x in (-25, 25):
        for radius in (12, 8, 5):
            cv2.circle(line, at(x, -25), round(radius * scale), 0, 1, cv2.LINE_AA)
    for x in range(-60, 61, 7):
        cv2.line(line, at(x, -110), at(x * 1.1, -90), 0, 1, cv2.LINE_AA)
    return line, paint, inside > 0


def inked(paint, line):
    return np.rint(paint * (line[..., None] / 255)).astype(np.uint8)


def bled(strength, line=None):
    return inked(cv2.GaussianBlur(PAINT, (0, 0), strength), LINE if line is None else line)


def desaturated(share):
    grey = cv2.cvtColor(TRUTH, cv2.COLOR_RGB2GRAY)[..., None].astype(float)
    return np.rint(grey + (TRUTH - grey) * share).astype(np.uint8)


def checkered(picture, levels, pattern="xy"):
    y, x = np.indices(picture.shape[:2])
    phase = {"x": x, "y": y, "xy": x + y}[pattern] % 2
    # Room at both ends, so that no level is cut.
    return np.rint(picture * 0.9 + 12 + levels * (1 - 2 * phase)[..., None]).astype(np.uint8)


def enlarged(side):
    height, width = SHAPE
    small = cv2.resize(TRUTH, (round(width * side / height), side), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def noisy(levels):
    noise = np.random.default_rng(0).normal(0, levels, TRUTH.shape)
    return np.clip(np.rint(TRUTH + noise), 0, 255).astype(np.uint8)


def compressed(quality):
    return cv2.imdecode(cv2.imencode(".jpg", TRUTH, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def turned_hue():
    lab = cv2.cvtColor(TRUTH.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    lab[..., 1], lab[..., 2] = -lab[..., 2].copy(), lab[..., 1].copy()
    return np.rint(np.clip(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), 0, 1) * 255).astype(np.uint8)


def wrong_cloth():
    paint = PAINT.copy()
    paint[(paint == CLOTH).all(axis=2)] = (150, 110, 170)
    return inked(paint, LINE)


LINE, PAINT, FOREGROUND = drawing()
TRUTH = inked(PAINT, LINE)
PREPARED = ClaimTruth.of(LINE, TRUTH, FOREGROUND)
REGIONS, DETAIL = PREPARED.regions, PREPARED.detail

FAULTS = {
    "chroma_ratio": lambda: desaturated(0.5),
    "bleeding": lambda: bled(5),
    "checkerboard": lambda: checkered(TRUTH, 2),
    "edge_loss": lambda: enlarged(192),
}
CONTROLS = {"hue": turned_hue, "cloth": wrong_cloth, "noise": lambda: noisy(4), "jpeg": lambda: compressed(75)}
# How far each figure may stray from its best value on pictures that have another fault or none.
ASTRAY = {"chroma_ratio": 0.15, "bleeding": 0.04, "checkerboard": 0.3, "edge_loss": 0.1}


def badness(picture):
    figures = measure_claims(picture, picture, PREPARED)
    return {**figures, "chroma_ratio": abs(1 - figures["chroma_ratio"])}


@pytest.mark.parametrize("name", [*FAULTS, *CONTROLS])
def test_each_fault_moves_its_own_figure_and_no_other_and_what_is_none_moves_none(name):
    for figure, value in badness((FAULTS | CONTROLS)[name]()).items():
        assert value > 2 * ASTRAY[figure] if figure == name else value <= ASTRAY[figure], figure


def test_the_truth_has_the_best_figures():
    figures = measure_claims(TRUTH, TRUTH, PREPARED)
    assert figures == {"chroma_ratio": 1, "bleeding": 0, "checkerboard": pytest.approx(0, abs=0.02), "edge_loss": 0}


def chroma_ratio(result, truth=TRUTH, foreground=FOREGROUND):
    return measure_claims(result, None, ClaimTruth.of(LINE, truth, foreground))["chroma_ratio"]


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_chroma_falls_in_proportion_to_saturation(share):
    assert chroma_ratio(desaturated(share)) == pytest.approx(share, abs=0.06)


def test_ink_does_not_dilute_saturation():
    broad = cv2.erode(LINE, np.ones((9, 9), np.uint8))
    ratio = chroma_ratio(inked(desaturated(0.5), broad), inked(PAINT, broad))
    assert ratio == pytest.approx(chroma_ratio(desaturated(0.5)), abs=0.03)


def test_chroma_outside_the_foreground_does_not_count():
    result = np.where(FOREGROUND[..., None], TRUTH, np.uint8([255, 0, 0]))
    assert chroma_ratio(result) == pytest.approx(1, abs=1e-6)


def test_a_truth_without_colours_has_no_chroma_ratio():
    assert math.isnan(chroma_ratio(TRUTH, truth=desaturated(0)))
    assert math.isnan(chroma_ratio(TRUTH, foreground=np.zeros_like(FOREGROUND)))


def test_bleeding_grows_with_the_blur_across_lines():
    values = [REGIONS.bleeding(bled(strength)) for strength in (1, 3, 6, 12)]
    assert values == sorted(values)
    assert values[0] < 0.02 < 0.1 < values[2]
    assert values[3] < 0.5


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_bleeding_is_the_share_of_the_neighbours_colour(share):
    line = np.full((128, 160), 255, np.uint8)
    line[:, 79:81] = 0
    paint = np.full((128, 160, 3), CLOTH, np.uint8)
    paint[:, :80] = SKIN
    spilt = paint.copy()
    spilt[:, 80:100] = np.add(CLOTH, share * np.subtract(SKIN, CLOTH))
    regions = Regions.of(line, inked(paint, line))
    # One side of the edge bleeds, the other does not.
    assert regions.bleeding(inked(spilt, line)) == pytest.approx(share / 2, abs=0.01)


def test_colours_hidden_under_the_ink_do_not_bleed():
    broad = cv2.erode(LINE, np.ones((11, 11), np.uint8))
    assert Regions.of(broad, inked(PAINT, broad)).bleeding(bled(2, broad)) < 0.01
    assert REGIONS.bleeding(bled(3)) > 0.04


def test_what_the_truth_shades_is_no_bleeding():
    away = cv2.distanceTransform((LINE >= 128).astype(np.uint8), cv2.DIST_L2, 5)
    truth = np.rint(TRUTH * np.clip(0.8 + 0.02 * away, 0, 1)[..., None]).astype(np.uint8)
    assert Regions.of(LINE, truth).bleeding(truth) == 0


def test_a_place_where_the_truth_leaves_its_regions_colour_does_not_count():
    line = np.full((256, 256), 255, np.uint8)
    line[:, 127:129] = 0
    left, right = np.array(SKIN, float), np.array(CLOTH, float)
    glow = np.zeros((256, 256), np.float32)
    glow[80:170, 90:127] = 1
    glow = cv2.GaussianBlur(glow, (0, 0), 12)[..., None]
    truth = np.where((np.arange(256) < 128)[None, :, None], left + glow * (right - left), right)
    result = np.where((glow > 0.55) & (np.arange(256) < 127)[None, :, None], right, truth)
    truth, result = (inked(picture, line) for picture in (truth, result))
    assert Regions.of(line, truth).bleeding(result) < 0.002


def test_an_open_line_does_not_hide_bleeding_elsewhere():
    line = LINE.copy()
    line[300:, 200:240] = 255
    regions = Regions.of(line, inked(PAINT, line))
    assert regions.bleeding(inked(PAINT, line)) == 0
    assert regions.bleeding(bled(6, line)) > 0.1


def test_one_colour_everywhere_has_nothing_to_bleed():
    assert math.isnan(REGIONS.bleeding(np.full_like(TRUTH, 200)))
    assert math.isnan(Regions.of(LINE, np.repeat(LINE[..., None], 3, axis=2)).bleeding(TRUTH))


@pytest.mark.parametrize("pattern", ["x", "y", "xy"])
@pytest.mark.parametrize("levels", [1, 2, 6])
def test_a_checkerboard_scores_its_levels(pattern, levels):
    assert checkerboard(checkered(TRUTH, levels, pattern), LINE) == pytest.approx(levels, rel=0.06)
    assert checkerboard(checkered(TRUTH, levels, pattern)) == pytest.approx(levels, rel=0.06)


def test_edges_and_strokes_are_no_checkerboard_even_without_a_line():
    assert max(checkerboard(TRUTH), checkerboard(PAINT)) < 0.1


@pytest.mark.parametrize("period", [3, 4, 8])
def test_textures_of_longer_periods_are_no_checkerboard(period):
    wave = 4 * np.cos(2 * np.pi * np.arange(128) / period)
    texture = np.rint(128 + wave[None, :, None] + np.zeros((128, 1, 3))).astype(np.uint8)
    assert checkerboard(texture) < 0.2


@pytest.mark.parametrize("levels", [2, 5])
def test_noise_is_hardly_a_checkerboard(levels):
    assert checkerboard(noisy(levels), LINE) < 0.05 * levels


def test_a_screentone_in_the_line_is_no_checkerboard():
    line = LINE.copy()
    line[100:200:2, 300:400] = 200
    assert checkerboard(inked(PAINT, line), line) < 0.1
    assert checkerboard(inked(PAINT, line)) > 2


def test_a_checkerboard_in_one_part_counts_for_that_part():
    half = checkered(TRUTH, 0)
    half[:, 224:] = checkered(TRUTH, 4)[:, 224:]
    assert checkerboard(half, LINE) == pytest.approx(4 / math.sqrt(2), rel=0.1)


def test_edge_loss_grows_as_fewer_pixels_are_enlarged():
    losses = [DETAIL.loss(enlarged(side)) for side in (384, 256, 128, 48)]
    assert losses == sorted(losses)
    assert losses[0] == 0
    assert losses[1] > 0.2
    assert 0.75 < losses[3] < 1.05


def test_no_lines_lose_all_detail_and_those_in_wrong_places_more_but_darker_paint_none():
    assert DETAIL.loss(np.full_like(TRUTH, 255)) == pytest.approx(1, abs=1e-6)
    assert DETAIL.loss(np.roll(TRUTH, 3, axis=1)) > 1
    assert DETAIL.loss((TRUTH * 0.6).astype(np.uint8)) < 0.02


def test_detail_counts_where_contours_are_dense():
    ink = LINE < 128
    fringe, outline = np.s_[82:103, 165:285], np.s_[:, [*range(120), *range(330, SHAPE[1])]]
    assert DETAIL.where[fringe][ink[fringe]].mean() > 0.8
    assert DETAIL.where[outline][ink[outline]].mean() < 0.1


def test_without_ink_there_is_neither_bleeding_nor_detail_and_without_a_network_no_checkerboard():
    blank = np.full(SHAPE, 255, np.uint8)
    figures = measure_claims(PAINT, None, ClaimTruth.of(blank, PAINT, FOREGROUND))
    nan = pytest.approx(math.nan, nan_ok=True)
    assert figures == {"chroma_ratio": 1, "bleeding": nan, "checkerboard": nan, "edge_loss": nan}


def test_the_network_picture_may_be_smaller_than_the_drawing():
    small = checkered(cv2.resize(TRUTH, (224, 192), interpolation=cv2.INTER_AREA), 3)
    assert measure_claims(TRUTH, small, PREPARED)["checkerboard"] == pytest.approx(3, rel=0.06)


def test_figures_are_alike_at_any_size():
    twice = {}
    for scale in (1, 3):
        line, paint, foreground = drawing((256 * scale, 320 * scale))
        truth = ClaimTruth.of(line, inked(paint, line), foreground)
        twice[scale] = truth.regions.bleeding(inked(cv2.GaussianBlur(paint, (0, 0), 4 * scale), line))
    assert twice[1] == pytest.approx(twice[3], rel=0.25)


@st.composite
def small_drawings(draw):
    shape = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    pictures = []
    for _ in range(2):
        levels = draw(st.sampled_from([(0, 1), (255, 256), (0, 256), (100, 104)]))
        picture = rng.integers(*levels, (*shape, 3), dtype=np.uint8)
        picture[: shape[0] // 2] = draw(st.sampled_from([0, 128, 255]))
        pictures.append(picture)
    line = np.where(rng.random(shape) < draw(st.sampled_from([0, 0.1, 1])), 0, 255).astype(np.uint8)
    return line, *pictures, rng.random(shape) < draw(st.sampled_from([0, 0.5, 1]))


@settings(max_examples=60, deadline=None)
@given(small_drawings())
def test_any_picture_of_any_size_has_figures_in_range_or_none(case):
    line, truth, result, foreground = case
    figures = measure_claims(result, result, ClaimTruth.of(line, truth, foreground))
    assert all(math.isnan(value) or 0 <= value < math.inf for value in figures.values())
    assert not figures["bleeding"] > 1


def test_icons_of_16_px_are_measured():
    line, paint, foreground = drawing((16, 16))
    assert measure_claims(paint, paint, ClaimTruth.of(line, paint, foreground))["chroma_ratio"] == 1


def test_pictures_that_do_not_compare_are_refused():
    for wrong in (TRUTH[1:], TRUTH.astype(np.float32), LINE):
        with pytest.raises(ValueError, match=r"expected \(384, 448, 3\) uint8 RGB"):
            measure_claims(wrong, TRUTH, PREPARED)
        with pytest.raises(ValueError, match=r"expected \(384, 448, 3\) uint8 RGB"):
            ClaimTruth.of(LINE, wrong, FOREGROUND)
    for wrong in (LINE, FOREGROUND[1:]):
        with pytest.raises(ValueError, match=r"foreground should be \(384, 448\) bool"):
            ClaimTruth.of(LINE, TRUTH, wrong)
    with pytest.raises(ValueError, match=r"network's picture should be \(H, W, 3\) uint8 RGB, is .* float64"):
        measure_claims(TRUTH, TRUTH.astype(float), PREPARED)
    with pytest.raises(ValueError, match="a line is"):
        ClaimTruth.of(TRUTH, TRUTH, FOREGROUND)
