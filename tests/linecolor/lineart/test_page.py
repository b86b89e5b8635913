"""What the networks are shown of a page, and what is laid over its colour."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.figure import PAPERS, line, on_paper, shirt, toned
from linecolor.lineart.lines import reduce
from linecolor.lineart.page import PagePreparation
from linecolor.lineart.paper import on_white, paper_of
from linecolor.lineart.tone import without_tone

WIDTH, HEIGHT = 1200, 1500
FACTOR = WIDTH / 256
SEEN = (320, 256)
PREPARE = PagePreparation().prepare


@pytest.fixture(scope="module")
def plain() -> np.ndarray:
    return line(WIDTH, HEIGHT)


def test_a_clean_page_stays_as_it_is(plain):
    """Black hair, eyes and outlines close to each other are no tone, and white is white enough."""
    page = plain.copy()
    page[200:380, 480:720][plain[200:380, 480:720] > 128] = 20
    for gap in (0, 20, 40):
        page[1330 + gap : 1336 + gap, 400:800] = 0
    prepared = PREPARE(page, FACTOR)
    assert prepared.notes == ()
    assert prepared.line is prepared.ink
    assert np.array_equal(prepared.ink, page)


@pytest.mark.parametrize("tone", ["hatching 16", "hatching 30", "cross-hatching", "dots 6 14", "dither", "flat 190"])
def test_the_networks_see_a_page_with_tone_nearly_as_without(plain, tone):
    page = toned(plain, tone)
    prepared = PREPARE(page, FACTOR)
    assert np.array_equal(prepared.ink, page)
    assert not prepared.has_only_lines
    inside = np.zeros(SEEN, bool)
    inside[165:270] = reduce(np.where(shirt(WIDTH, HEIGHT), 0, 255).astype(np.uint8), SEEN)[165:270] == 0
    with_tone, without = (reduce(p, SEEN)[inside].astype(float).mean() for p in (page, prepared.line))
    assert without > with_tone + 10
    assert without > reduce(plain, SEEN)[inside].mean() - 6
    outside = ~shirt(WIDTH, HEIGHT)
    assert np.abs(prepared.line.astype(int) - plain)[outside].mean() < 1


def test_a_page_hardly_larger_than_the_networks_see_it_keeps_its_tone(plain):
    assert without_tone(toned(plain, "hatching 12"), 1.9) is None


@pytest.mark.parametrize("paper", PAPERS)
def test_paper_becomes_white_and_ink_stays_dark(plain, paper):
    page = on_paper(plain, **PAPERS[paper])
    white = on_white(page, paper_of(page)).mean(axis=2)
    assert np.percentile(white[plain == 255], 5) > 248
    assert np.median(white[plain < 20]) < 255 * (1.1 - PAPERS[paper].get("ink", 0.9))


def test_a_black_area_and_a_grey_one_are_no_paper(plain):
    page = np.where(shirt(WIDTH, HEIGHT), np.minimum(plain, 150), plain)
    page[:380, 350:800] = 10
    white = on_white(page := on_paper(page, (214, 190, 150)), paper_of(page)).mean(axis=2)
    assert np.median(white[1000:1040, 580:640]) == pytest.approx(255 * 0.1 + 0.9 * 150, abs=8)
    assert np.median(white[100:300, 400:700]) < 60


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 1200), st.integers(1, 1200), st.integers(0, 255), st.sampled_from(["auto", "keep", "white"]))
def test_any_size_and_grey_can_be_prepared(height, width, grey, paper):
    page = np.full((height, width), grey, np.uint8)
    page[height // 2] //= 3
    prepared = PagePreparation(paper=paper).prepare(page, max(0.01, min(height, width) / 256))
    assert prepared.ink.shape == prepared.line.shape == (height, width)
    assert prepared.ink.dtype == prepared.line.dtype == np.uint8


def test_a_long_strip_takes_little_time_and_memory():
    page = np.full((2, 400_000), 200, np.uint8)
    assert paper_of(page).nbytes < 10**6


def test_pages_in_white_are_inverted_unless_told_otherwise(plain):
    for negative in (255 - plain, np.dstack([255 - plain] * 3), np.dstack([np.full_like(plain, 255), 255 - plain])):
        prepared = PREPARE(negative, FACTOR)
        assert prepared.notes == ("inverted: light ink on dark paper",)
        assert np.abs(prepared.line.astype(int) - plain).max() <= 1
    assert "inverted" not in str(PagePreparation(invert="no").prepare(255 - plain, FACTOR).notes)
    assert np.array_equal(PagePreparation(invert="yes").prepare(plain, FACTOR).ink, 255 - plain)


@pytest.mark.parametrize(("grey", "note"), [(255, "no line is darker"), (0, "the page is black")])
def test_a_page_with_nothing_on_it_is_named(grey, note):
    assert note in str(PREPARE(np.full((300, 300), grey, np.uint8), 2.0).notes)


@pytest.mark.parametrize("option", ["paper", "invert"])
def test_an_unknown_mode_is_refused(option):
    with pytest.raises(ValueError, match=f"{option}=maybe is unknown: use auto"):
        PagePreparation(**{option: "maybe"})
