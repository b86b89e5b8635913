"""From what Hydra composes, and from runs of older builds, to typed objects that refuse what cannot work."""

import pickle
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from datamodules.sources.drawing import Drawing
from linecolor.experiment.composition import compose_training
from linecolor.experiment.config import RunConfig, default_data, default_mapping
from linecolor.experiment.data import check_splits
from linecolor.experiment.training import check_buildable

EARLIER = Path(__file__).parents[2] / "fixtures" / "version_0_1_0" / "settings"


@pytest.fixture(scope="module")
def config() -> RunConfig:
    return RunConfig.from_hydra(compose_training(["experiment=demo", "debug=tiny"]))


def with_values(config: RunConfig, values: dict) -> RunConfig:
    """The configuration with other values, by dotted keys."""
    mapping = OmegaConf.create(config.mapping)
    for key, value in values.items():
        OmegaConf.update(mapping, key, value, merge=False)
    return RunConfig.from_mapping(OmegaConf.to_container(mapping))


def test_the_parts_say_what_hydra_composed(config):
    assert list(config.stages) == ["draft", "colorizer"]
    assert config.stages["draft"].steps == 2
    assert config.evaluation.rendering.resolution == config.model.resolution == 64
    assert config.trainer.world_size == 1
    assert pickle.loads(pickle.dumps(config)) == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"resume": "perhaps"}, "use auto, must or never"),
        ({"seed": -1}, "seed=-1 must be a whole number, 0 or more"),
        ({"stages": ["colorizer"]}, r"use \[draft, colorizer\]"),
        ({"stages": ["pix2pix"]}, "stage.pix2pix.checkpoint_every is missing: choose a stage="),
        ({"stages": ["pix2pix"], "stage": {}}, "stage has no pix2pix: choose model="),
        ({"stage.draft.steps": "abc"}, "stage.draft.steps=abc must be a whole number"),
        ({"stage.draft.checkpoint_minutes": -1}, "must be a number of minutes"),
        ({"data.workers": -1}, "data.workers=-1"),
        ({"data.test_share": 1.5}, "data.test_share=1.5 must be a number from 0 to 1"),
        ({"data.root": 7}, "data.root=7 is no folder"),
        ({"evaluation.hints": []}, r"evaluation.hints=\[\] must be a list"),
        ({"evaluation.blend": "soft"}, "evaluation.blend=soft is unknown: use clean"),
        ({"evaluation.resolution": 8}, "evaluation.resolution=8"),
        ({"evaluation.features": "resnet"}, "evaluation.features=resnet is unknown"),
        ({"pairs.hints.count": "lots"}, "pairs.hints.count is .* not .lots"),
        ({"pairs.line.crayon": 1.0}, "pairs.line.crayon is unknown"),
        ({"pairs.crop.tilt": 1.0}, "pairs: .*tilt"),
        ({"model.draft.width": 0}, "model.draft.width=0 must be a whole number, 1 or more"),
        ({"trainer.devices": 4}, "batch_size=2 is of all devices together and cannot be shared by 4 devices"),
        *(
            ({"preflight": {"enabled": True, "memory_gb": memory, "json": None}}, "preflight.memory_gb=.* must be")
            for memory in ("eleven", 0, -1, True, float("inf"), float("nan"))
        ),
        *(
            ({"preflight": {"enabled": True, "memory_gb": 11, "json": file}}, r"must be a file .* ends in \.json")
            for file in ("figures.txt", 3, ".")
        ),
    ],
)
def test_a_wrong_value_is_refused_where_it_belongs(config, values, message):
    with pytest.raises(ValueError, match=message):
        with_values(config, values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model.resolution": 100}, "use a multiple of 32"),
        ({"model.draft.cardinality": 3}, "cardinality 3 does not divide"),
        ({"model.hint_spread": "none"}, "model.draft.in_channels"),
        ({"model.draft._target_": "torch.nn.Identity"}, "register a system of your own for another network"),
    ],
)
def test_networks_that_cannot_be_built_are_refused_before_anything_is_written(config, values, message):
    check_buildable(config)
    with pytest.raises(Exception, match=message):
        check_buildable(with_values(config, values))


def test_an_older_run_gets_what_it_lacks_from_conf_and_keeps_what_it_has(config, tmp_path):
    older = yaml.safe_load(yaml.safe_dump(config.mapping))
    for option in ("resolution", "mirrored", "enforce_hints", "temperature"):
        del older["evaluation"][option]
    del older["data"]["more"], older["data"]["manifest"], older["pairs"]["line"]["grey"]
    older["evaluation"]["drawings"] = 3
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(older))
    read = RunConfig.of_run(tmp_path, evaluation={"blend": "paper", "hints": None}, data={"test_share": 1.0})
    assert read.evaluation.rendering.blend == "paper"
    assert (read.evaluation.drawings, read.evaluation.hints) == (3, config.evaluation.hints)
    assert read.data.more == default_mapping()["data"]["more"]
    assert read.data.test_share == 1.0
    assert read.pairs == config.pairs


@pytest.mark.parametrize("run", sorted(EARLIER.iterdir()), ids=lambda path: path.name)
def test_runs_of_version_0_1_0_are_read(run):
    config = RunConfig.of_run(run)
    assert list(config.stages) == yaml.safe_load((run / "config.yaml").read_text())["stages"]
    assert all(stage.micro_batches >= 1 for stage in config.stages.values())


def test_what_is_no_run_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no run here"):
        RunConfig.of_run(tmp_path)


def test_pictures_that_belong_to_no_run_have_conf_s_defaults():
    assert default_data(root="mine", lines=None).root == "mine"
    assert default_data(root="mine").verify == default_mapping()["data"]["verify"]


def test_a_variant_of_a_held_out_drawing_is_not_trained_on(config):
    rows = (("a", "test", "a"), ("b", "train", "b"), ("a-dark", "train", "a"))
    drawings = [Drawing(name, Path(name), None, split, base) for name, split, base in rows]
    check_splits(drawings[:2], config)
    with pytest.raises(ValueError, match=r"variants of held-out ones \(a-dark, ...\)"):
        check_splits(drawings, config)


def test_a_stage_that_names_no_module_is_refused_before_training_and_read_of_an_older_run():
    words = ["experiment=demo", "debug=tiny", "data.root=x"]
    composed = compose_training([*words, "~stage.draft._target_"])
    with pytest.raises(ValueError, match=r"stage\.draft\._target_ is missing"):
        RunConfig.from_hydra(composed)
    assert RunConfig.of_run(EARLIER / "paper").stages["draft"].steps


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["stage=pix2pix"], "but model has no pix2pix: choose model="),
        (["model=pix2pix"], "but stage has no pix2pix: choose model="),
        (["model=pix2pix", "stage=pix2pix", "~model.discriminator"], r"stage\.pix2pix\.discriminator: .*choose model="),
    ],
)
def test_a_model_and_a_stage_that_do_not_belong_together_are_refused_in_words(words, message):
    with pytest.raises(ValueError, match=message):
        RunConfig.from_hydra(compose_training([*words, "stages=[pix2pix]", "data.root=x"]))
