import numpy as np
import pytest

from datamodules.prepare import characters
from datamodules.prepare.rendering import render_svg, rendered_line
from datamodules.sources.data_set import RenderingRefused
from linecolor.images import PictureBytes, read_color

pytestmark = pytest.mark.slow


def test_character_is_the_same_for_its_seed_and_another_for_another():
    assert characters.pair_svgs("micah-000007", 0) == characters.pair_svgs("micah-000007", 0)
    assert characters.pair_svgs("micah-000007", 0) != characters.pair_svgs("micah-000007", 1)
    assert characters.pair_svgs("micah-000007", 0) != characters.pair_svgs("micah-000008", 0)


@pytest.mark.parametrize("style", characters.STYLES)
def test_character_lines_lie_under_the_ink_of_its_picture(style):
    for number in range(6):
        color, line = characters.pair_svgs(f"{style}-{number:06d}", 0)
        rgb, lines = read_color(PictureBytes("color", render_svg(color, 128)))[0], rendered_line(line, 128)
        assert 0.01 < (lines < 128).mean() < 0.6
        # Where the line is black the picture is dark, but for coloured strokes (glasses, earrings).
        assert (rgb[lines < 8].max(axis=1) < 90).mean() > 0.8
        assert np.isin(lines, (0, 255)).mean() > 0.7


def test_variants_that_no_line_can_colour_are_left_out():
    for number in range(150):
        assert "head-longAfro" not in characters.pair_svgs(f"open-peeps-{number:06d}", 0)[0]
        assert "hair-mrT" not in characters.pair_svgs(f"micah-{number:06d}", 0)[0]


def test_dark_hair_is_a_dye_not_ink():
    names = [f"adventurer-{number:06d}" for number in range(40)]
    dark_haired = [name for name in names if any(c in characters.pair_svgs(name, 0)[0] for c in ("#562306", "#0e0e0e"))]
    assert dark_haired
    for name in dark_haired:
        assert (rendered_line(characters.pair_svgs(name, 0)[1], 96) < 128).mean() < 0.2


def test_more_characters_only_add():
    few, many = (characters.character_rows(["micah", "adventurer"], count) for count in (30, 400))
    assert many[:30] == few
    assert few[1].id == "adventurer-000000"
    assert 5 <= sum(row.split == "test" for row in many) <= 40


@pytest.mark.parametrize(("styles", "count"), [(["manga"], 3), ([], 3), (["micah", "micah"], 3), (["micah"], 0)])
def test_bad_character_options_are_refused(styles, count):
    with pytest.raises(RenderingRefused):
        characters.character_rows(styles, count)


def test_licence_names_every_style_in_use():
    assert characters.characters_origin(["open-peeps"]).licence.name == "CC0 1.0"
    both = characters.characters_origin(["open-peeps", "micah"]).licence
    assert both.name == "CC0 1.0; CC BY 4.0"
    assert "Micah Lanier" in both.attribution
