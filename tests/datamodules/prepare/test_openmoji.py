import pytest

from datamodules.prepare import openmoji
from datamodules.prepare.rendering import render_svg, rendered_line
from linecolor.images import PictureBytes, read_color

pytestmark = pytest.mark.slow


def test_no_drawing_of_the_protocol_nor_kin_of_one_is_ever_trained_on():
    protocol = set(openmoji.protocol_stems())
    assert len(protocol) == 60
    drawings = openmoji.usable_drawings()
    held_out = {emoji.base for emoji in drawings if emoji.id in protocol}
    train = [emoji for emoji in drawings if emoji.split == "train"]
    assert protocol.isdisjoint(emoji.id for emoji in train)
    assert held_out.isdisjoint(emoji.base for emoji in train)
    assert {emoji.split for emoji in drawings if emoji.base in held_out} == {"test"}


@pytest.mark.parametrize(
    ("kin", "of"),
    [
        ("1F468-1F3FD-200D-1F393", "1F468-200D-1F393"),  # a skin tone
        ("1F9D1-1F3FB-200D-2764-FE0F-200D-1F9D1-1F3FF", "1F491"),  # mixed tones have their own code points
        ("1F9D1-200D-1F393", "1F468-200D-1F393"),  # the same line art under another emoji
        ("1F486-1F3FB-200D-2642-FE0F", "1F486"),  # a gender
        ("1F696", "1F694"),  # a taxi is a police car without the badge
    ],
)
def test_drawings_that_share_line_art_share_their_base(kin, of):
    drawings = {emoji.id: emoji for emoji in openmoji.usable_drawings()}
    assert drawings[kin].base == drawings[of].base
    assert drawings[kin].split == "test"


def test_no_training_line_art_equals_that_of_a_test_drawing():
    drawings = openmoji.usable_drawings()

    def seen(emoji):
        return rendered_line(openmoji.pair_svgs(emoji.id)[1], 24).tobytes()

    test = {seen(emoji) for emoji in drawings if emoji.split == "test" and not emoji.variant}
    train = [emoji for emoji in drawings if emoji.split == "train" and not emoji.variant]
    assert [emoji.id for emoji in train if seen(emoji) in test] == []


def test_selection_has_drawings_only():
    drawings = {emoji.id: emoji for emoji in openmoji.usable_drawings()}
    assert 1700 < len(drawings) < 2000
    assert 650 < sum(not emoji.variant for emoji in drawings.values()) < 750
    flag, keycap, heart_sign, brand, tone_swatch = "1F1E9-1F1EA", "0023-FE0F-20E3", "2764", "E040", "1F3FB"
    assert {flag, keycap, heart_sign, brand, tone_swatch, "1F3F4"}.isdisjoint(drawings)


def test_a_larger_limit_adds_to_a_smaller_one_and_variants_come_last():
    small, large = openmoji.select_drawings(40, 3), openmoji.select_drawings(700, 5)
    train = [emoji for emoji in large if emoji.split == "train"]
    assert train[:40] == [emoji for emoji in small if emoji.split == "train"]
    variants = [emoji.variant for emoji in train]
    assert variants == sorted(variants)
    assert variants[-1]
    for drawings, count in ((large, 5), (openmoji.select_drawings(), 60)):
        assert [emoji.id for emoji in drawings if emoji.split == "test"] == openmoji.protocol_stems()[:count]


def test_openmoji_line_is_the_line_layer_alone():
    color, line = openmoji.pair_svgs("1F35B")
    lines = rendered_line(line, 96)
    assert 0.02 < (lines < 128).mean() < 0.3
    assert (lines == 255).mean() > 0.6
    assert (read_color(PictureBytes("color", render_svg(color, 96)))[0][lines < 5] < 40).all()
