import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from datamodules import illustrations
from datamodules.held_out import FullDrawings
from datamodules.illustrations import Illustrations
from datamodules.pair_settings import PairSettings
from datamodules.prepare import openmoji
from datamodules.prepare.characters import TEST_SHARE
from datamodules.prepare.panels import compose
from datamodules.prepare.panels.backgrounds import Background, Shade, draw_background, draw_shade
from datamodules.prepare.panels.balloons import SHAPES, Balloon, balloon_svg
from datamodules.prepare.panels.cast import Actor, draw_actors
from datamodules.prepare.panels.layout import Frame, Layout, draw_frame, draw_layout
from datamodules.prepare.rendering import DrawingSet, Licence, Origin, Pictures, Row, render_set
from datamodules.recipe import keyed_generator
from datamodules.sources.data_set import RenderingRefused
from datamodules.sources.drawing import split_of
from datamodules.sources.folder import read_licence, scan_folder
from linecolor import images

pytestmark = pytest.mark.slow

ORIGIN = Origin("squares", "1", Licence("CC0", "https://example.org/cc0", "Squares by nobody"))
ROWS = [Row("a", "a", "train"), Row("b", "b", "test")]

keys = st.integers(0, 2**32)


def panel(number: int = 0, size: int = 96, split: str = "test", seed: int = 0) -> Pictures:
    return compose.draw_panel(Row(f"panel-{number:06d}", "", split), size, seed)


def square(row: Row, size: int) -> Pictures:
    """An opaque grey picture whose left half is background."""
    mask = np.zeros((size, size), np.uint8)
    mask[:, : size // 2] = 255
    color, line = np.full((size, size, 3), 90, np.uint8), np.full((size, size), 255, np.uint8)
    return Pictures(color, line, mask)


def render(out: Path, draw=square, **more):
    drawings = DrawingSet(ORIGIN, ROWS, draw, {"seed": 0}, masked=more.pop("masked", ("test",)))
    return render_set(out, drawings, 16, 24, **{"jobs": 1, "progress": False} | more)


@pytest.fixture
def prepared(tmp_path):
    render(tmp_path)
    return {drawing.id: drawing for drawing in scan_folder(tmp_path, progress=False).drawings}


def test_nobody_and_nothing_acts_on_both_sides_of_the_split():
    bases = {emoji.id: emoji.base for emoji in openmoji.usable_drawings()}
    met = {}
    for split in ("train", "test"):
        random = keyed_generator(split)
        actors = {actor.name for _ in range(600) for actor in draw_actors(random, split, 3)}
        met[split] = {bases.get(name, name) for name in actors}
        assert {split_of(name, TEST_SHARE) for name in actors - bases.keys()} == {split}
        assert any(name.startswith("micah") for name in actors)
    assert met["train"].isdisjoint(met["test"])
    assert {bases[stem] for stem in openmoji.protocol_stems()}.isdisjoint(met["train"])


def test_somebody_acts_in_every_panel_and_props_never_alone():
    random = keyed_generator("props")
    casts = [draw_actors(random, "train", count) for count in (1, 2, 3) for _ in range(60)]
    assert {len(cast) for cast in casts} == {1, 2, 3}
    assert all(cast[0].stance != "prop" and len(set(cast)) == len(cast) for cast in casts)
    assert any(actor.stance == "prop" for cast in casts for actor in cast)


def test_backgrounds_have_any_colour():
    shades = [draw_shade(keyed_generator("shade", number)) for number in range(600)]
    hues = np.histogram([shade.hue for shade in shades], 12, (0, 1))[0]
    lights = np.array([shade.lightness for shade in shades])
    assert hues.min() > 20
    assert min((lights < 0.35).mean(), ((lights > 0.4) & (lights < 0.7)).mean(), (lights > 0.75).mean()) > 0.1
    assert 0.03 < (lights > 0.92).mean() < 0.25
    assert 0.03 < np.mean([shade.saturation == 0 for shade in shades]) < 0.25


@given(keys, st.floats(0, 1), st.floats(0.1, 0.99), st.floats(0, 1))
def test_a_near_shade_is_another_colour_of_the_same_hue(key, hue, lightness, saturation):
    shade = Shade(hue, lightness, saturation)
    other = shade.near(keyed_generator(key))
    assert re.fullmatch("#[0-9a-f]{6}", str(other))
    assert abs((other.hue - hue + 0.5) % 1 - 0.5) <= 0.0201
    assert 0.01 < abs(other.lightness - lightness) < 0.14


def test_about_half_of_the_backgrounds_are_flat():
    paints = [draw_background(keyed_generator("flat", number)).paint for number in range(400)]
    assert 0.42 < np.mean([paint.count("<") == 1 for paint in paints]) < 0.58


def test_a_background_does_not_depend_on_who_stands_before_it(monkeypatch):
    for number in range(3):
        one = panel(number)
        with monkeypatch.context() as patch:
            patch.setattr(compose, "draw_actors", lambda random, split, count: [Actor("1F600", "head")])
            other = panel(number)
        # Well inside, where no edge is mixed in.
        both = cv2.erode(np.minimum(one.background, other.background), np.ones((7, 7))) == 255
        assert both.any()
        assert np.array_equal(one.color[both], other.color[both])
        assert np.array_equal(one.line[both], other.line[both])


def test_a_panel_is_the_same_for_its_seed_and_another_for_another():
    one, again, other = panel(seed=0), panel(seed=0), panel(seed=1)
    assert np.array_equal(one.color, again.color)
    assert np.array_equal(one.line, again.line)
    assert not np.array_equal(one.color, other.color)


@pytest.mark.parametrize("number", range(3))
def test_a_panel_is_the_same_picture_at_every_size(number):
    small, large = panel(number, 128), panel(number, 512)
    for name in ("color", "line", "background"):
        # A figure may be half a pixel off at 128 px: compared where that no longer shows.
        both = (getattr(drawn, name) for drawn in (small, large))
        one, other = (cv2.resize(one, (32, 32), interpolation=cv2.INTER_AREA).astype(int) for one in both)
        assert np.abs(one - other).mean() < 6 < np.abs(one - other[:, ::-1]).mean()


def test_actors_hide_the_ink_behind_them_and_background_ink_counts_as_background(monkeypatch):
    black = Background('<rect width="1000" height="1000" fill="#fff"/>', '<rect width="1000" height="1000"/>')
    monkeypatch.setattr(compose, "draw_background", lambda random: black)
    drawn = panel(4, 128)
    behind = cv2.erode(drawn.background, np.ones((5, 5))) == 255
    assert behind.any()
    assert (drawn.line[behind] == 0).all()
    assert (drawn.color[behind] == 0).all()
    before = cv2.erode(255 - drawn.background, np.ones((5, 5))) == 255
    assert (drawn.line[before] == 255).mean() > 0.5


def test_the_ink_of_the_line_is_dark_in_the_colour_and_paper_lies_under_flat_paint():
    for number in range(4):
        drawn = panel(number, 128)
        ink = drawn.line < 8
        assert 0.01 < ink.mean() < 0.5
        # Glasses and earrings have coloured frames.
        assert (drawn.color[ink].max(axis=1) < 90).mean() > 0.8
        assert np.isin(drawn.line, (0, 255)).mean() > 0.6


def test_what_lies_outside_the_frame_is_a_white_gutter_and_no_background(monkeypatch):
    corners = ((100, 100), (900, 100), (900, 900), (100, 900))
    monkeypatch.setattr(compose, "draw_frame", lambda random: Frame(corners, 20))
    drawn = panel(1, 100)
    outside = np.ones((100, 100), bool)
    outside[8:92, 8:92] = False
    assert (drawn.color[outside] == 255).all()
    assert (drawn.line[outside] == 255).all()
    assert (drawn.background[outside] == 0).all()
    assert (drawn.line[10, 12:88] == 0).all()


def test_the_background_takes_its_share_of_every_panel():
    shares = [(panel(number, 64).background == 255).mean() for number in range(12)]
    assert all(0.2 < share < 0.8 for share in shares)
    assert 0.35 < np.mean(shares) < 0.65


@given(keys, st.integers(0, 2), st.lists(st.sampled_from(["bust", "head", "whole"]), min_size=1, max_size=3))
def test_figures_and_balloons_are_seen_wherever_the_dice_put_them(key, balloons, stances):
    random = keyed_generator(key)
    frame = draw_frame(random)
    cast = [*(Actor("1F600", stance) for stance in stances), Actor("1F34E", "prop")]
    layout = draw_layout(random, frame, cast, balloons)
    left, top, right, bottom = frame.inside
    assert 0 <= min(left, top) <= max(left, top) < 120
    assert 880 < min(right, bottom) <= max(right, bottom) <= 1000
    assert len(layout.figures) == len(cast)
    assert layout.figures[-1].actor.stance == "prop"
    for figure in layout.figures:
        x0, y0, x1, y1 = figure.box
        # At least half of each is within the frame.
        assert (min(x1, right) - max(x0, left)) * (min(y1, bottom) - max(y0, top)) > 0.5 * (x1 - x0) * (y1 - y0)
        if figure.actor.stance == "bust":
            assert y1 > bottom
    assert len(layout.balloons) == balloons
    for balloon in layout.balloons:
        assert left - 5 < balloon.x - balloon.half_width < balloon.x + balloon.half_width < right + 5
        assert top - 5 < balloon.y - balloon.half_height < balloon.y + balloon.half_height < 0.5 * bottom
        assert np.isfinite(balloon.tip).all()


@given(keys, st.sampled_from(SHAPES), st.floats(90, 240), st.floats(50, 130), st.floats(-300, 300), st.floats(1, 300))
def test_lettering_stays_inside_its_balloon(key, shape, half_width, half_height, aside, below):
    balloon = Balloon(shape, 500, 300, half_width, half_height, (500 + aside, 300 + half_height + below))
    svg = balloon_svg(balloon, keyed_generator(key))
    assert "nan" not in svg
    letters = re.search(r' d="([^"]*)"/>$', svg).group(1)
    points = np.array(re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", letters), float)
    assert len(points)
    # The outer corners of text in an ellipse come near its edge.
    assert (np.abs(points - (500, 300)) <= (half_width, half_height)).all()


def test_a_cast_that_never_fits_gets_the_layout_nearest_to_a_half(monkeypatch):
    shares = iter([0.9, 0.1, 0.8, *[0.95] * compose.ATTEMPTS])
    drawn: list[Layout] = []

    def draw(*arguments) -> Layout:
        drawn.append(draw_layout(*arguments))
        return drawn[-1]

    monkeypatch.setattr(compose, "draw_layout", draw)
    monkeypatch.setattr(compose, "_background_share", lambda *_: next(shares))
    chosen = compose.draw_composition(Row("panel-000000", "", "train"), 0)
    assert len(drawn) == compose.ATTEMPTS
    assert chosen is drawn[2]


def test_more_panels_only_add_and_more_than_can_be_named_are_refused():
    few, many = compose.panel_rows(2, 1), compose.panel_rows(5, 3)
    assert [row.id for row in few] == ["panel-000000", "panel-000001", "panel-t000000"]
    assert set(few) < set(many)
    with pytest.raises(RenderingRefused, match="--count 1000000000 must be between 1 and 1,000,000"):
        compose.panel_rows(10**9, 1)


def test_prepared_panels_have_masks_in_the_test_split_alone_and_all_licences(tmp_path):
    render_set(tmp_path, compose.panel_set(2, 1), size=32, test_size=48, jobs=1, progress=False)
    (mask,) = tmp_path.rglob("background/*")
    assert mask == tmp_path / "test/background/panel-t000000.png"
    assert set(np.unique(images.read_line(mask))) == {0, 255}
    color, alpha = images.read_color(tmp_path / "train/color/panel-000001.png")
    assert color.shape == (32, 32, 3)
    assert alpha is None
    licence = read_licence(tmp_path)
    assert "CC BY-SA 4.0" in licence["name"]
    assert "CC0 1.0" in licence["name"]
    assert "OpenMoji" in licence["attribution"]
    assert "Micah Lanier" in licence["attribution"]
    assert json.loads((tmp_path / "manifest.json").read_text())["options"]["count"] == 2


@pytest.mark.parametrize("kind", ["color", "line", "background"])
def test_a_row_with_a_damaged_file_is_drawn_again(tmp_path, kind):
    render(tmp_path)
    (tmp_path / "test" / kind / "b.png").write_bytes(b"")
    assert render(tmp_path).reused == 1
    assert images.image_size(tmp_path / "test" / kind / "b.png") == (24, 24)


def test_a_source_that_owes_a_mask_is_told_and_force_drops_the_old_masks_too(tmp_path):
    with pytest.raises(ValueError, match="b: split test is to have background masks"):
        render(tmp_path / "owing", lambda row, size: replace(square(row, size), background=None))
    render(tmp_path / "set")
    render(tmp_path / "set", force=True, masked=())
    assert not list(tmp_path.rglob("background/*"))


def test_a_folder_knows_its_backgrounds_the_foreground_is_what_they_leave_and_a_wrong_size_is_named(prepared, tmp_path):
    assert prepared["a"].background is None
    assert prepared["b"].background == tmp_path / "test/background/b.png"
    (drawing,) = FullDrawings([prepared["b"]])
    assert not drawing.foreground[:, :12].any()
    assert drawing.foreground[:, 12:].all()
    (unmasked,) = FullDrawings([replace(prepared["b"], background=None)])
    assert unmasked.foreground.all()
    images.write_png(prepared["b"].background, np.zeros((24, 23), np.uint8))
    with pytest.raises(images.UnreadableImage, match=r"background.b\.png: is 23 x 24 px"):
        FullDrawings([prepared["b"]])[0]


def test_training_never_opens_a_mask(prepared, monkeypatch):
    opened = []
    read_line = images.read_line
    monkeypatch.setattr(illustrations.images, "read_line", lambda path: opened.append(path) or read_line(path))
    settings = PairSettings.named("rich")
    plain = replace(prepared["b"], background=None)
    samples = [Illustrations([drawing], settings, 16, 0, "draft")[0, 0] for drawing in (prepared["b"], plain)]
    assert prepared["b"].background not in opened
    assert opened == [plain.line] * 2
    for name in ("color", "alpha", "line", "has_line"):
        assert torch.equal(samples[0][name], samples[1][name])
    one, other = (sample["recipe"] for sample in samples)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    prepared["b"].background.unlink()
    again = Illustrations([prepared["b"]], settings, 16, 0, "draft")[0, 0]
    assert torch.equal(again["alpha"], samples[1]["alpha"])
