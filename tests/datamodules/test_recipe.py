from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from datamodules import recipe
from datamodules.pair_settings import (
    ArtifactSettings,
    ColorSettings,
    CropSettings,
    HintSettings,
    LineSettings,
    PairSettings,
)
from datamodules.recipe import SampleKey, draw, draw_crop, keyed_generator
from linecolor.conf_folder import conf_folder
from linecolor.experiment.composition import compose_training
from linecolor.lineart import methods
from linecolor.lineart.methods import METHODS

PARAMETERS = {name: [1, 2] for name in methods.PARAMETERS} | {"sigmas": [0.3, 0.4, 0.5], "kernels": [4, 5]}


def settings(**changes) -> PairSettings:
    made = {
        "crop": CropSettings("log_uniform", 0.0, 0.0, 0.5, 0.5, 8.0, 0.1),
        "color": ColorSettings(0.5, 0.0, 0.5, 0.4, 0.25, 0.5, 1),
        "line": line_settings(xdog=1.0, dilate=1.0, real=1.0),
        "hints": HintSettings(0.25, "log_uniform", 1, 64, 0.3, [1, 2, 3]),
        "artifacts": ArtifactSettings(0.5, 0.5, 0.5, 0.5),
    }
    return PairSettings(**(made | changes))


def key(sample_id: str = "a", epoch: int = 0, stage: str = "draft", seed: int = 0) -> SampleKey:
    return SampleKey(seed, stage, epoch, sample_id)


def same(one: dict, other: dict) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_the_same_key_draws_the_same_recipe_and_each_part_of_it_changes_it():
    assert same(draw(settings(), key()), draw(settings(), key()))
    for other in (key("b"), key(epoch=1), key(stage="colorizer"), key(seed=1)):
        assert not same(draw(settings(), key()), draw(settings(), other)), other
    assert keyed_generator("a", "bc").random() != keyed_generator("ab", "c").random()
    assert keyed_generator(1, "1").random() != keyed_generator("1", 1).random()


def test_a_change_in_how_hints_are_drawn_leaves_the_rest_as_it_was():
    before = draw(settings(), key())
    after = draw(settings(hints=HintSettings(0.25, "log_uniform", 1, 32, 0.0, [1])), key())
    assert all(np.array_equal(before[n], after[n]) for n in before if not n.startswith("hint"))


@given(st.integers(16, 3000), st.integers(16, 3000), st.text(max_size=5), st.sampled_from(["native", "log_uniform"]))
def test_a_crop_lies_on_the_page_and_between_native_and_whole(height, width, name, scale):
    y, x, cut = draw_crop(CropSettings(scale, 0, 0, 0, 0, 0, 0), key(name), (height, width), side=256)
    short = min(height, width)
    assert min(256, short) <= cut <= short
    assert 0 <= y <= height - cut
    assert 0 <= x <= width - cut
    if scale == "native":
        assert cut == min(256, short)


def test_crops_reach_from_native_to_the_whole_page():
    cuts = [draw_crop(settings().crop, key(str(n)), (1024, 2048), 256)[2] for n in range(300)]
    assert min(cuts) < 280
    assert max(cuts) > 950
    assert 480 < np.median(cuts) < 545  # log-uniform: the geometric mean of 256 and 1024 is 512


def counts(hints: HintSettings, n: int = 2000) -> np.ndarray:
    return np.array([int(draw(settings(hints=hints), key(str(i)))["hint_count"]) for i in range(n)])


def test_a_set_share_of_samples_has_no_hints():
    drawn = counts(HintSettings(0.25, "log_uniform", 1, 64, 0.3, [1]), 1000)
    assert (drawn == 0).mean() == pytest.approx(0.25, abs=0.04)
    assert drawn.max() <= 64
    assert np.median(drawn[drawn > 0]) == pytest.approx(8, abs=2)


@pytest.mark.slow
def test_alac_counts_have_the_published_distribution():
    drawn = counts(HintSettings(0.5, "alac", 1, 400, 0.0, [2]))
    some = drawn[drawn > 0]
    assert (drawn == 0).mean() == pytest.approx(0.5, abs=0.04)
    assert some.mean() == pytest.approx(65, rel=0.08)
    assert np.percentile(some, 95) == pytest.approx(161, rel=0.12)


@pytest.mark.slow
def test_the_authors_counts_have_the_published_distribution():
    drawn = counts(HintSettings(0.24, "authors", 1, 65, 0.0, [2]))
    assert (drawn == 0).mean() == pytest.approx(0.24, abs=0.03)
    assert ((drawn > 0) & (drawn <= 5)).mean() == pytest.approx(0.16, abs=0.03)
    assert drawn.mean() == pytest.approx(22, rel=0.08)


def test_samples_without_hints_keep_their_colours_and_their_paper():
    for index in range(200):
        drawn = draw(settings(), key(str(index)))
        if drawn["hint_count"] == 0:
            assert (drawn["hue"], drawn["saturation"], drawn["gamma"]) == (0, 1, 1)
            assert not drawn["background_on"]


def test_nothing_is_changed_when_every_chance_is_zero():
    still = settings(
        crop=CropSettings("native", 0.0, 0.0, 0.0, 0.0, 8.0, 0.1),
        color=ColorSettings(0.0, 0.0, 0.5, 0.4, 0.25, 0.0, 1),
        line=LineSettings({"xdog": 1.0, "dilate": 1.0}, PARAMETERS),
        artifacts=ArtifactSettings(0.0, 0.0, 0.0, 0.0),
    )
    for index in range(50):
        drawn = draw(still, key(str(index)))
        assert (drawn["angle"], drawn["zoom"], drawn["jitter"], drawn["hue"]) == (0, 1, 1, 0)
        on = ("flip", "background_on", "distort_on", "spray_on", "bleed_on")
        assert not any(drawn[name] for name in on)
        assert not drawn["paste_on"].any()


def line_settings(**weights: float) -> LineSettings:
    return LineSettings(weights, PARAMETERS, [0.7, 1.0])


def lines_of(line: LineSettings, n: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    drawn = [draw(settings(line=line), key(str(i))) for i in range(n)]
    return tuple(np.array([int(one[name]) for one in drawn]) for name in ("line_method", "line_fallback"))


def test_samples_drawn_before_there_were_outlines_stay_what_they_were():
    """Written down from the version that knew XDoG, dilate-abs-sub and real lines only."""
    methods, fallbacks = lines_of(line_settings(xdog=1.0, dilate=0.5, real=1.0), 24)
    assert methods.tolist() == [1, 2, 0, 2, 0, 0, 2, 2, 1, 2, 2, 0, 1, 2, 2, 0, 0, 0, 1, 2, 2, 0, 2, 1]
    assert fallbacks.tolist() == [1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    drawn = draw(settings(line=line_settings(xdog=1.0, dilate=0.5, real=1.0)), key())
    assert (int(drawn["line_sigmas"]), int(drawn["line_kernels"])) == (1, 1)
    assert float(drawn["jitter"]) == pytest.approx(0.7454503, abs=1e-6)


@pytest.mark.slow
def test_line_methods_come_by_their_weights():
    methods, fallbacks = lines_of(line_settings(xdog=1.0, dilate=1.0, outline=2.0, grey=4.0, real=8.0))
    assert np.bincount(methods, minlength=5) / 2000 == pytest.approx([1 / 16, 1 / 16, 8 / 16, 2 / 16, 4 / 16], abs=0.03)
    assert np.bincount(fallbacks, minlength=5) / 2000 == pytest.approx([1 / 8, 1 / 8, 0, 2 / 8, 4 / 8], abs=0.03)


weights_of_all = st.lists(st.sampled_from([0.0, 0.1, 0.3, 1.0, 7.0]), min_size=len(METHODS), max_size=len(METHODS))


@given(weights_of_all.filter(any), st.integers(0, 99))
def test_a_method_without_weight_is_never_drawn(weights, number):
    weighed = dict(zip(METHODS, weights, strict=True))
    drawn = draw(settings(line=line_settings(**weighed)), key(str(number)))
    allowed = {METHODS[name].code for name, weight in weighed.items() if weight}
    assert int(drawn["line_method"]) in allowed
    assert int(drawn["line_fallback"]) in allowed


@pytest.mark.parametrize("way", METHODS)
def test_one_way_to_draw_a_line_is_enough(way):
    assert settings(line=line_settings(**{way: 0.1}))


def test_unknown_settings_are_refused_by_name():
    with pytest.raises(ValueError, match=r"pairs\.crop\.scale"):
        CropSettings("wide", 0, 0, 0, 0, 0, 0)
    with pytest.raises(ValueError, match=r"pairs\.color\.background_areas"):
        ColorSettings(0, 0, 0, 0, 0, 0, 7)
    with pytest.raises(ValueError, match=r"pairs\.hints\.count"):
        HintSettings(0, "many", 1, 2, 0, [1])
    with pytest.raises(ValueError, match="no way to draw a line"):
        line_settings(xdog=0, real=1)
    with pytest.raises(ValueError, match=r"pairs\.line\.outline=-1 is no weight"):
        line_settings(xdog=1, outline=-1)
    with pytest.raises(ValueError, match=r"pairs\.line\.kernels has no value, and dilate needs one"):
        LineSettings({"dilate": 1}, {"sigmas": [0.4]})
    with pytest.raises(ValueError, match=r"pairs\.line\.pencil is unknown: use xdog, .*real, sigmas, kernels, jitter"):
        LineSettings.from_config({"xdog": 1, "pencil": 2, "sigmas": [0.4], "jitter": [1, 1]})
    with pytest.raises(ValueError, match="no pairs 'poor'; use one of alac, authors"):
        PairSettings.named("poor")


def test_shipped_settings_are_read_as_hydra_reads_them():
    for name in sorted(path.stem for path in (conf_folder() / "pairs").glob("*.yaml")):
        config = OmegaConf.to_container(compose_training([f"pairs={name}", "data.root=x"])["pairs"])
        assert PairSettings.named(name) == PairSettings.from_config(config), name


def test_a_method_that_is_added_leaves_all_other_samples_as_they_were(monkeypatch):
    before = [draw(settings(), key(str(n))) for n in range(20)]
    added = replace(METHODS["dilate"], code=9, parameter="radii")
    monkeypatch.setitem(METHODS, "pencil", added)
    monkeypatch.setattr(recipe, "PARAMETERS", (*recipe.PARAMETERS, "radii"))
    with_it = settings(line=LineSettings(settings().line.weights, PARAMETERS | {"radii": [1, 2]}, [0.7, 1.0]))
    assert all(same(one, draw(with_it, key(str(n)))) for n, one in enumerate(before))
    drawn = [draw(settings(line=LineSettings({"pencil": 1.0}, {"radii": [1, 2]})), key(str(n))) for n in range(20)]
    assert {int(one["line_method"]) for one in drawn} == {9}
    assert {int(one["line_radii"]) for one in drawn} == {0, 1}
