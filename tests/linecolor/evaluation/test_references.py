import os
import stat
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label

from linecolor.evaluation import gmic, references
from linecolor.evaluation.fills import bare_line, flood_fill, voronoi_fill
from linecolor.evaluation.protocol import Hint, paint_hints
from linecolor.evaluation.references import REFERENCES
from linecolor.images import read_hint_layer, read_line, write_png

RED, GREEN, BLUE = (250, 20, 30), (10, 200, 40), (30, 40, 220)
BY_NAME = {reference.name: reference for reference in REFERENCES}
SMART = BY_NAME[references.SMART_COLORING]
BUILT_IN = [reference for reference in REFERENCES if reference is not SMART]
WITH_HINTS = [reference for reference in REFERENCES if reference.uses_hints]


def named(reference):
    return reference.name


def box(y, x, color, side=3):
    """A hint of side x side px with its corner at (y, x)."""
    return Hint(y, y + side, x, x + side, y, x, color)


def two_rooms(side=64):
    """A page with two closed rooms side by side: insides x < 30 and x >= 34 of a frame."""
    line = np.full((side, side), 255, np.uint8)
    cv2.rectangle(line, (8, 8), (55, 55), 0, 2)
    line[8:56, 30:34] = 0
    return line


@pytest.fixture
def page():
    """Line, truth, foreground and hints of a small drawing."""
    line = two_rooms()
    truth = bare_line(line)
    truth[12:52, 12:30][line[12:52, 12:30] > 0] = RED
    truth[12:52, 34:52][line[12:52, 34:52] > 0] = BLUE
    foreground = np.zeros(line.shape, bool)
    foreground[8:56, 8:56] = True
    return line, truth, foreground, [box(20, 15, RED), box(40, 40, BLUE), box(1, 1, (255, 255, 255))]


@st.composite
def hinted_lines(draw):
    """A line of 8 to 64 px with grey levels and walls of ink, and hints anywhere: on ink, on borders, on each other."""
    height, width = draw(st.integers(8, 64)), draw(st.integers(8, 64))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    line = rng.choice(np.array([128, 200, 255], np.uint8), (height, width))
    line[rng.random((height, width)) < draw(st.sampled_from([0, 0.05, 0.4]))] = draw(st.sampled_from([0, 127]))
    for _ in range(draw(st.integers(0, 3))):
        line[rng.integers(height)] = 0
        line[:, rng.integers(width)] = 0
    hints = []
    for _ in range(draw(st.integers(0, 8))):
        y, x, side = int(rng.integers(height)), int(rng.integers(width)), int(rng.integers(1, 6))
        color = tuple(int(level) for level in rng.choice([0, 99, 255], 3))
        hints.append(Hint(y, min(y + side, height), x, min(x + side, width), y, x, color))
    return line, hints


def test_the_table_keeps_its_order_and_names_its_oracles():
    without = ["bare line", "mean colour", "mean paint"]
    assert list(BY_NAME) == [*without, "Voronoi", "watershed", "flood fill", "G'MIC smart coloring"]
    assert [reference.name for reference in REFERENCES if reference.oracle] == ["mean colour", "mean paint"]


@pytest.mark.parametrize("reference", BUILT_IN, ids=named)
def test_a_reference_reads_what_it_says_and_nothing_else(reference, page):
    line, truth, foreground, hints = page
    before = [array.copy() for array in (line, truth, foreground)]
    picture = reference.color(line, truth, foreground, hints)
    assert picture.shape == (64, 64, 3)
    assert picture.dtype == np.uint8
    assert np.array_equal(picture, reference.color(line, truth, foreground, list(hints)))
    assert all(np.array_equal(now, then) for now, then in zip((line, truth, foreground), before))

    others = [Hint(h.y0, h.y1, h.x0, h.x1, h.y, h.x, GREEN) for h in hints]
    assert np.array_equal(picture, reference.color(line, truth, foreground, others)) != reference.uses_hints
    other_truth = np.where(line[..., None] == 0, 0, np.uint8(77)) + np.zeros_like(truth)
    assert np.array_equal(picture, reference.color(line, other_truth, foreground, hints)) != reference.oracle
    if not reference.oracle:
        assert np.array_equal(picture, reference.color(line, truth, ~foreground, hints))


def test_the_mean_color_has_the_ink_in_it_and_the_mean_paint_has_not(page):
    line, truth, foreground, hints = page
    truth[line > 0] = RED
    inked = BY_NAME["mean colour"].color(line, truth, foreground, hints)[20, 20]
    share = (line[foreground] > 0).mean()
    assert inked.tolist() == np.rint(np.multiply(RED, share)).tolist()
    assert BY_NAME["mean paint"].color(line, truth, foreground, hints)[20, 20].tolist() == list(RED)


@pytest.mark.parametrize("reference", WITH_HINTS, ids=named)
def test_without_hints_the_line_stays_bare(reference, page, monkeypatch):
    monkeypatch.setenv("PATH", "")
    line, truth, foreground, _ = page
    assert np.array_equal(reference.color(line, truth, foreground, []), bare_line(line))


@pytest.mark.parametrize("name", ["watershed", "flood fill"])
def test_colors_stay_inside_closed_outlines(name, page):
    line, truth, foreground, hints = page
    picture = BY_NAME[name].color(line, truth, foreground, hints)
    assert (picture[12:52, 12:30] == RED).all()
    assert (picture[12:52, 34:52] == BLUE).all()
    assert (picture[:7] == 255).all()


@pytest.mark.parametrize("fill", [flood_fill, voronoi_fill])
@settings(max_examples=60, deadline=None)
@given(hinted_lines())
def test_a_flood_gives_paper_the_nearest_hint_that_a_path_leads_to_and_voronoi_the_nearest_one(fill, drawing):
    """Closed parts without a hint, corners, borders, ink and hints on each other are all among the drawings."""
    line, hints = drawing
    line = line if fill is flood_fill else np.full_like(line, 255)
    picture = fill(np.where(line >= 128, np.uint8(255), np.uint8(127)), hints)
    parts = label(line >= 128, connectivity=1)
    layer = paint_hints(hints, line.shape)
    for part in range(parts.max() + 1):
        seen, pixels = picture[parts == part], np.argwhere(parts == part)
        seeds = np.argwhere((parts == part) & (layer[..., 3] > 0))
        if part == 0:
            assert (seen == 127).all(), "ink"
        elif not len(seeds):
            assert (seen == 255).all()
        else:
            distance = ((pixels[:, None] - seeds) ** 2).sum(axis=2)
            same = (seen[:, None] == layer[*seeds.T, :3]).all(axis=2)
            assert (same & (distance == distance.min(axis=1, keepdims=True))).any(axis=1).all()


@settings(max_examples=30, deadline=None)
@given(hinted_lines())
def test_a_flood_is_multiplied_by_the_line_and_rounded(drawing):
    line, hints = drawing
    ink = line < 128
    paint = flood_fill(np.where(ink, np.uint8(0), np.uint8(255)), hints).astype(float)
    paint[ink] = 255
    assert np.array_equal(flood_fill(line, hints), np.rint(paint * line[..., None] / 255))


def test_a_line_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"a line is \(H, W\) uint8"):
        flood_fill(np.zeros((8, 8, 3), np.uint8), [box(0, 0, RED)])


FAKE = """#!{python}
import os, shutil, sys, time
from pathlib import Path
told = Path({told!r})
told.mkdir(exist_ok=True)
(told / "arguments").write_text("\\n".join(sys.argv[1:]))
(told / "home").write_text(os.environ["GMIC_PATH"] + "\\n" + os.getcwd())
for name in ("spots.png", "line.png"):
    shutil.copy(name, told / name)
{does}
"""
PAINTS = "shutil.copy(told / 'paint.png', 'colors.png')"


@pytest.fixture
def fake_gmic(tmp_path, monkeypatch):
    """Puts a program named gmic that does what the given Python says on the PATH; returns what it was told."""

    def install(does: str) -> Path:
        told = tmp_path / "told"
        program = tmp_path / "bin" / "gmic"
        program.parent.mkdir(exist_ok=True)
        program.write_text(FAKE.format(python=sys.executable, told=str(told), does=does))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(program.parent))
        told.mkdir(exist_ok=True)
        return told

    return install


def test_without_the_program_smart_coloring_is_left_out_and_says_why(page, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert references.available() == BUILT_IN
    assert list(references.unavailable()) == [SMART.name]
    assert "apt-get install gmic" in references.unavailable()[SMART.name]
    with pytest.raises(RuntimeError, match="no program gmic on the PATH"):
        SMART.color(*page)


def test_gmic_gets_the_spots_first_and_the_command_of_the_protocol(page, fake_gmic):
    told = fake_gmic(PAINTS)
    assert references.available() == list(REFERENCES)
    assert references.unavailable() == {}
    line, truth, foreground, hints = page
    paint = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    write_png(told / "paint.png", paint)
    picture = SMART.color(line, truth, foreground, hints)
    assert np.array_equal(picture, np.rint(paint * (line[..., None] / 255)))
    command = "fx_colorize_lineart_smart 1,95,0,0,1,24,200,0,75,2,60,20,90,1,10,1,1"
    told_words = (told / "arguments").read_text().split("\n")
    assert told_words == ["spots.png", "line.png", *command.split(), "output[-1]", "colors.png"]
    assert np.array_equal(read_hint_layer(told / "spots.png"), paint_hints(hints, line.shape))
    assert np.array_equal(read_line(told / "line.png"), line)


def test_gmic_on_a_relative_path_works_in_a_folder_that_is_gone_afterwards(page, fake_gmic, monkeypatch, tmp_path):
    told = fake_gmic(PAINTS)
    write_png(told / "paint.png", page[1])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "bin")
    assert gmic.smart_coloring(page[0], page[3]).shape == (64, 64, 3)
    home, folder = (told / "home").read_text().split("\n")
    assert os.path.realpath(home) == os.path.realpath(folder)
    assert not Path(home).exists()


def test_a_gmic_that_takes_too_long_is_stopped(page, fake_gmic):
    fake_gmic("time.sleep(60)")
    with pytest.raises(RuntimeError, match=r"stopped after 0\.3 seconds"):
        gmic.smart_coloring(page[0], page[3], timeout=0.3)


@pytest.mark.parametrize(
    ("does", "message"),
    [
        (
            "print('chatter')\nsys.stderr.write('[gmic]-2./ \\x1b[0;31;59m*** Error *** bad\\n')\nsys.exit(255)",
            r"exit code 255: \[gmic\]-2\./ \*\*\* Error \*\*\* bad$",  # its terminal's colours are left out
        ),
        ("print('done')", r"no usable picture \(no such file\); it said: done"),
        ("Path('colors.png').write_text('none')", r"no usable picture \(.*\); it said: \(nothing\)"),
        ("shutil.copy(told / 'small.png', 'colors.png')", "line of 64 x 64 px and left 10 x 9"),
    ],
)
def test_a_gmic_that_fails_or_leaves_no_picture_is_quoted(page, fake_gmic, does, message):
    told = fake_gmic(does)
    write_png(told / "small.png", np.zeros((9, 10, 3), np.uint8))
    with pytest.raises(RuntimeError, match=message):
        gmic.smart_coloring(page[0], page[3])


def test_a_gmic_that_cannot_be_started_is_named(page, tmp_path, monkeypatch):
    program = tmp_path / "gmic"
    program.write_bytes(b"\x7fELF nonsense")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"gmic.* cannot be started"):
        gmic.smart_coloring(page[0], page[3])


@pytest.mark.skipif(gmic.missing() is not None, reason=gmic.missing() or "")
def test_the_real_gmic_closes_a_gap_that_a_flood_runs_through(page):
    line, truth, foreground, hints = page
    line[29:33, 28:36] = 255
    picture = SMART.color(line, truth, foreground, hints)
    assert (picture[14:50, 14:28] == RED).all()
    assert (picture[14:50, 36:50] == BLUE).all()
    assert (picture[:6] == 255).all()
    assert np.array_equal(picture, SMART.color(line, truth, foreground, hints))
    assert (flood_fill(line, hints[:1])[14:50, 36:50] == RED).all()
