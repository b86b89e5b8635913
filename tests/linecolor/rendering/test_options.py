from dataclasses import replace

import pytest

from linecolor.rendering.options import RenderingOptions

OPTIONS = RenderingOptions(resolution=256, blend="paper", mirrored=True, enforce_hints=True, temperature=0.5)


def test_a_mapping_is_read_back_as_it_was_written_and_other_keys_are_ignored():
    assert RenderingOptions.from_mapping({**OPTIONS.to_mapping(), "hint_spread": "none"}) == OPTIONS


def test_what_an_older_card_or_configuration_lacks_has_its_default():
    assert RenderingOptions.from_mapping({"resolution": 256}) == RenderingOptions(resolution=256)
    assert RenderingOptions.from_mapping({"resolution": None, "blend": "none"}, 64) == RenderingOptions(
        resolution=64, blend="none"
    )


def test_none_changes_nothing():
    assert OPTIONS.changed(blend=None, resolution=32) == replace(OPTIONS, resolution=32)


@pytest.mark.parametrize(
    ("option", "value", "advice"),
    [
        ("resolution", None, "16 to 2048"),
        ("resolution", 15, "16 to 2048"),
        ("resolution", 2049, "16 to 2048"),
        ("resolution", 32.0, "16 to 2048"),
        ("resolution", True, "16 to 2048"),
        ("blend", "multiply", "use clean, paper, none"),
        ("blend", ["clean"], "use clean, paper, none"),
        ("mirrored", 1, "true or false"),
        ("enforce_hints", "yes", "true or false"),
        ("temperature", 2.1, "from 0 to 2"),
        ("temperature", -0.1, "from 0 to 2"),
        ("temperature", float("nan"), "from 0 to 2"),
        ("temperature", "1", "from 0 to 2"),
    ],
)
def test_what_cannot_be_is_refused_with_its_name_and_what_to_use(option, value, advice):
    with pytest.raises(ValueError, match=f"^{option}=.*{advice}"):
        replace(OPTIONS, **{option: value})
