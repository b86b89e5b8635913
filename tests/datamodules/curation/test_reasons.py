import numpy as np
import pyarrow as pa
import pytest

from datamodules.curation.manifest import MEASURED
from datamodules.curation.measures import FIGURES
from datamodules.curation.reasons import REASONS, excesses, judge
from datamodules.curation.thresholds import Thresholds

FIT = {
    "height": 1000, "width": 800, "drawing_share": 0.6, "chroma": 70.0, "drawing_light_20": 30.0,
    "drawing_light_80": 70.0, "picture_light_80": 90.0, "tone_range": 60.0, "hue_spread": 60.0, "color_cast": 0.3,
    "white_share": 0.4, "paper_share": 0.5, "stroke_share": 0.1, "texture": 0.1, "smooth_share": 0.5,
    "even_share": 0.7, "line_excess": 0.5, "prevalence": 0.6, "photograph": 0.02,
}  # fmt: skip


def table(*changes: dict) -> pa.Table:
    rows = []
    for number, change in enumerate(changes):
        row = {"path": f"{number}.png", "bytes": 9, "modified_ns": 1, "hash": f"{number * 0x0F0F0F0F0F0F0F0F:016x}"}
        rows.append(row | FIT | change)
    return pa.Table.from_pylist(rows, MEASURED)


def reasons(change: dict, **limits: float) -> list[str]:
    return judge(table(change), Thresholds(**limits)).reasons()[0]


def test_the_example_has_every_figure():
    assert set(FIGURES) <= set(FIT)
    assert reasons({}) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"width": 512}, ["short_side"]),
        ({"width": 513}, []),
        ({"chroma": 6.0}, ["greyscale"]),
        ({"chroma": 7.0}, []),
        ({"drawing_light_20": 80.0}, ["high_key"]),
        ({"picture_light_80": 10.0}, ["low_key"]),
        ({"drawing_light_80": 10.0}, ["low_key"]),
        ({"tone_range": 10.0}, ["biased_tone"]),
        ({"color_cast": 3.0}, ["biased_color"]),
        ({"hue_spread": 2.0, "white_share": 0.0}, ["biased_color"]),
        ({"hue_spread": 2.0, "white_share": 0.5}, []),
        ({"stroke_share": 0.9, "paper_share": 0.9}, ["scribble"]),
        ({"stroke_share": 0.9, "paper_share": 0.3}, []),
        ({"photograph": 0.9}, ["photograph"]),
        ({"width": 400, "chroma": 0.0, "photograph": 1.0}, ["short_side", "greyscale", "photograph"]),
        # A pencil on paper has no tones and colours of its own; a white picture has no contrast.
        ({"stroke_share": 0.9, "paper_share": 0.9, "drawing_light_20": 90.0, "color_cast": 9.0}, ["scribble"]),
        ({"drawing_light_20": 90.0, "tone_range": 5.0}, ["high_key"]),
        ({"chroma": 3.0, "color_cast": 5.0}, ["greyscale"]),
    ],
)
def test_each_limit_drops_for_its_reason(change, expected):
    assert reasons(change) == expected


@pytest.mark.parametrize(
    ("change", "limits"),
    [
        ({"width": 600}, {"short_side": 600}),
        ({"chroma": 20.0}, {"grey_chroma": 20.0}),
        ({"drawing_light_20": 55.0}, {"high_key_light": 50.0}),
        ({"picture_light_80": 35.0}, {"low_key_light": 40.0}),
        ({"tone_range": 25.0}, {"tone_range": 30.0}),
        ({"hue_spread": 15.0, "white_share": 0.0}, {"hue_spread": 20.0}),
        ({"color_cast": 1.0}, {"color_cast": 0.9}),
        ({"stroke_share": 0.5, "paper_share": 0.8}, {"stroke_share": 0.4}),
        ({"photograph": 0.4}, {"photograph": 0.3}),
    ],
)
def test_each_threshold_moves_its_limit(change, limits):
    assert reasons(change) == []
    assert len(reasons(change, **limits)) == 1


def test_of_near_duplicates_the_largest_fit_picture_is_kept():
    same = {"hash": "00000000ffffffff"}
    changes = [
        same,
        same | {"height": 2000},
        same | {"height": 3000, "chroma": 0.0},
        same | {"hash": "00000000fffffff0"},
    ]
    judgement = judge(table(*changes), Thresholds())
    assert judgement.reasons() == [["near_duplicate"], [], ["greyscale"], ["near_duplicate"]]
    assert judgement.duplicate_of.tolist() == [1, -1, -1, 1]
    assert judge(table(*changes), Thresholds(hash_distance=3)).reasons()[3] == []
    assert judge(table(*changes), Thresholds(hash_distance=-1)).kept.tolist() == [True, True, False, True]


def test_an_unreadable_file_has_that_reason_alone():
    empty = dict.fromkeys(FIT) | {"hash": None, "error": "is empty"}
    assert judge(table(empty, {}), Thresholds()).reasons() == [["unreadable"], []]
    assert judge(table(empty), Thresholds()).kept.tolist() == [False]


def test_what_lies_further_beyond_a_limit_has_the_larger_excess():
    figures = {name: np.array([value, value], float) for name, value in FIT.items()}
    figures["chroma"] = np.array([5.0, 1.0])
    excess = excesses(figures, Thresholds())
    assert 0 < excess["greyscale"][0] < excess["greyscale"][1]
    assert set(excess) == set(REASONS) - {"unreadable", "near_duplicate"}


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"short_side": -1}, r"--short-side -1 must be a whole number from 0 to 100000"),
        ({"short_side": 1.5}, "whole number"),
        ({"photograph": float("nan")}, "--photograph nan"),
        ({"hash_distance": 11}, "--hash-distance 11 must be a whole number from -1 to 10"),
        ({"tone_range": True}, "--tone-range"),
    ],
)
def test_a_threshold_out_of_range_is_named(limits, said):
    with pytest.raises(ValueError, match=said):
        Thresholds(**limits)
