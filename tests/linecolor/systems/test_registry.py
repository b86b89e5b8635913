"""Systems are found by their stages: ours, and those of other packages."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from linecolor.experiment.errors import is_user_error
from linecolor.systems import registry
from linecolor.systems.registry import SYSTEMS, Stage, system_of, system_with, systems

TOY = """
from linecolor.systems.registry import Stage, System
TOY = System("toy", (Stage("toy", "collections.OrderedDict"), Stage("toy_refiner", "nowhere.Refiner", ("toy",))))
TAKEN = System("taken", (Stage("draft", "collections.OrderedDict"),))
DRAFTED = System("drafted", (stage_of("draft"), Stage("refiner", "collections.OrderedDict", ("draft",))))
NOT_A_SYSTEM = Stage
def refuse():
    raise ValueError("width=-1 must be positive")
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs packages with entry points, as pip would."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "_installed", registry.cache(registry._installed.__wrapped__))

    def install(**entries: str) -> None:
        (tmp_path / "toy_systems.py").write_text("from linecolor.systems.registry import stage_of\n" + TOY)
        about = tmp_path / "toy_package-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-package\nVersion: 1.0\n")
        lines = "".join(f"{name} = {value}\n" for name, value in entries.items())
        (about / "entry_points.txt").write_text(f"[linecolor.systems]\n{lines}")
        sys.modules.pop("toy_systems", None)

    yield install
    sys.modules.pop("toy_systems", None)


def test_the_first_stages_of_a_system_are_that_system():
    assert system_of(["draft"]).name == system_of(["draft", "colorizer"]).name == "draft and colorizer"
    assert system_of(("low_resolution", "background")).name == "comic"
    assert system_with(["plain_polishing", "low_resolution"]).name == "comic"


@pytest.mark.parametrize(
    "stages", [[], ["colorizer"], ["draft", "draft"], ["draft", "pix2pix"], "draft", None, [["x"]]]
)
def test_other_stages_are_refused_with_what_there_is(stages):
    known = ", ".join(f"[{', '.join(system.names)}]" for system in SYSTEMS.values())
    with pytest.raises(ValueError, match=re.escape(f"use {known}, or the first ones of them")):
        system_of(stages)


def test_every_class_of_ours_is_where_the_registry_says():
    from torch import nn

    from linecolor.systems.pipelines import Pipeline

    for system in SYSTEMS.values():
        assert issubclass(system.pipeline_class(), Pipeline)
        for stage in system.stages:
            assert issubclass(stage.generator_class(), nn.Module)
            assert set(stage.needs) <= set(system.names[: system.names.index(stage.name)])


def test_a_package_of_ones_own_adds_a_system(install):
    install(toy="toy_systems:TOY", drafted="toy_systems:DRAFTED")
    assert system_of(["toy"]) == systems()["toy"]
    assert registry.stage_of("toy_refiner").needs == ("toy",)
    # A stage of ours may be the first one of another system; alone it is ours all the same.
    assert system_of(["draft", "refiner"]).name == "drafted"
    assert system_of(["draft"]).name == "draft and colorizer"
    with pytest.raises(ValueError, match=r"nowhere\.Refiner cannot be imported \(ModuleNotFoundError"):
        registry.stage_of("toy_refiner").generator_class()


def test_what_a_package_of_ones_own_says_is_for_its_user(install):
    """Its errors are reported in one line as ours are; a library's are faults."""
    install(toy="toy_systems:TOY")
    import toy_systems

    for raises, is_reported in ((toy_systems.refuse, True), (lambda: int("no number"), False)):
        with pytest.raises(ValueError) as error:  # noqa: PT011
            raises()
        assert is_user_error(error.value) == is_reported


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("no_such_module:TOY", "ModuleNotFoundError"),
        ("toy_systems:MISSING", "AttributeError"),
        ("toy_systems:NOT_A_SYSTEM", "not a linecolor.systems.registry.System"),
        ("toy_systems:TAKEN", "has a stage draft already"),
    ],
)
def test_a_broken_entry_point_is_named_and_hinders_no_other_system(install, value, why):
    install(broken=value, toy="toy_systems:TOY")
    assert system_of(["toy"]).name == "toy"
    assert system_of(["draft"]) == SYSTEMS["draft and colorizer"]
    with pytest.raises(ValueError, match=f"broken = {value} of the package toy-package .*{why}"):
        system_of(["unheard_of"])


def test_entry_points_are_looked_up_only_for_a_system_that_is_not_ours(monkeypatch):
    def look_up(**_: str) -> None:
        raise AssertionError("looked up")

    monkeypatch.setattr(registry, "entry_points", look_up)
    monkeypatch.setattr(registry, "_installed", registry.cache(registry._installed.__wrapped__))
    system_of(["draft", "colorizer"])
    registry.stage_of("polishing")
    with pytest.raises(AssertionError, match="looked up"):
        system_of(["toy"])


def test_a_stage_has_a_name_that_is_safe_as_a_folder():
    for name in ("", "../draft", "a.b", "with space"):
        with pytest.raises(ValueError, match="cannot be called"):
            Stage(name, "collections.OrderedDict")


def test_the_registry_loads_no_torch():
    code = "import sys, linecolor.systems.registry as r; r.system_of(['draft']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3]).returncode == 0
