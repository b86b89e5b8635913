"""Measuring a set of systems: what they are called, what is noticed, what survives a stop."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from datamodules.held_out import FullDrawings
from datamodules.sources.drawing import Drawing
from linecolor.evaluation.hint_levels import ProtocolHints
from linecolor.evaluation.measurement import Measurement
from linecolor.experiment.methods.cost import measure_cost, notes_of_card, operations
from linecolor.experiment.methods.measure import MeasurementRequest, Progress, measure_methods, request_digest
from linecolor.experiment.methods.specs import MethodSpec, chosen_references, method_specs, picture_folder
from linecolor.images import read_color, write_png
from linecolor.networks.pix2pix import Pix2PixUNet
from linecolor.networks.unet import ResNeXtUNet
from linecolor.rendering.options import RenderingOptions
from linecolor.systems.bundle import read_card, save_bundle
from linecolor.systems.line_colorizer import LineColorizer

SMALL = RenderingOptions(resolution=32)
PIX2PIX = {"in_channels": 5, "width": 4, "levels": 5}


def bundle_of(folder: Path, seed: int = 0, blend: str = "none") -> Path:
    torch.manual_seed(seed)
    provenance = {"stages": {"pix2pix": {"images_seen": 1000 + seed}}}
    options = RenderingOptions(resolution=32, blend=blend)
    return save_bundle(folder, {"pix2pix": Pix2PixUNet(**PIX2PIX)}, {"pix2pix": PIX2PIX}, options, "none", provenance)


@pytest.fixture
def drawings(tmp_path) -> FullDrawings:
    found = []
    for index in range(3):
        color = np.full((48, 48, 3), 255, np.uint8)
        color[10:30, 10 + index : 40] = (40 * index, 90, 200)
        line = np.full((48, 48), 255, np.uint8)
        line[10:30, 10 + index] = 0
        write_png(tmp_path / f"data/d{index}.png", color)
        write_png(tmp_path / f"lines/d{index}.png", line)
        paths = tmp_path / f"data/d{index}.png", tmp_path / f"lines/d{index}.png"
        found.append(Drawing(f"d{index}", *paths, "test", f"d{index}"))
    return FullDrawings(found)


def requested(specs, drawings, out, **changes) -> MeasurementRequest:
    asked = {"hints": ProtocolHints([0, 2]), "features": "efficientnet-lite0", "references": [], "keep_pictures": True}
    return MeasurementRequest(specs=specs, drawings=drawings, out=out, **{**asked, **changes})


def measure(specs, drawings, out, **changes):
    return measure_methods(requested(specs, drawings, out, **changes))


def test_names_are_those_of_folders_and_of_a_runs_bundle_the_runs():
    specs = method_specs(["runs/a", "runs/b/bundle"], None)
    assert [(spec.name, spec.seed) for spec in specs] == [("a", ""), ("b", "")]
    specs = method_specs(["x/a", "y/a"], None)
    assert [spec.name for spec in specs] == ["x/a", "y/a"]
    specs = method_specs({"Ours": ["runs/s0/bundle", "runs/s1/bundle"], "Theirs": "results"}, "clean")
    assert [(spec.name, spec.seed) for spec in specs] == [("Ours", "s0"), ("Ours", "s1"), ("Theirs", "")]
    assert {spec.blend for spec in specs} == {"clean"}


@pytest.mark.parametrize(
    ("name", "folder"), [("..", "_.."), ("a/b", "a_b"), ("Ours, not blended", "Ours,_not_blended")]
)
def test_a_systems_name_is_no_way_out_of_the_pictures(name, folder):
    assert picture_folder(name, "") == folder


@pytest.mark.slow
def test_seeds_of_bundles_are_measured_each_for_itself(drawings, tmp_path):
    seeds = [str(bundle_of(tmp_path / f"s{seed}/bundle", seed)) for seed in range(3)]
    measured, _ = measure(method_specs({"Ours": seeds}, None), drawings, tmp_path / "out")
    values = [system.figure("002", "psnr_mean") for system in measured.methods]
    assert len(set(values)) == 3
    assert [system.figure("002", "n") for system in measured.methods] == [3, 3, 3]
    folders = sorted(path.name for path in (tmp_path / "out/pictures").iterdir())
    assert folders == ["Ours-s0", "Ours-s1", "Ours-s2"]
    assert [system.cost["images"] for system in measured.methods] == [1000, 1001, 1002]
    assert measured.methods[0].cost["memory"] > 0


def test_what_was_measured_is_measured_again_when_anything_has_changed(drawings, tmp_path, capsys):
    spec = MethodSpec("Ours", bundle_of(tmp_path / "bundle"))

    def digest(**changes) -> str:
        return request_digest(requested([spec], drawings, tmp_path, **changes), [spec.load("cpu")])

    first = digest()
    assert digest() == first
    assert digest(hints=ProtocolHints([0, 4])) != first
    bundle_of(tmp_path / "bundle", blend="clean")
    blended = digest()
    assert blended != first
    picture, _ = read_color(drawings.drawings[0].color)
    write_png(drawings.drawings[0].color, 255 - picture)
    assert digest() != blended


@pytest.mark.slow
def test_the_page_shows_pictures_of_this_measurement_and_no_older_ones(drawings, tmp_path):
    bundle = bundle_of(tmp_path / "bundle")
    _, gallery = measure([MethodSpec("Ours", bundle)], drawings, tmp_path / "out")
    before = gallery("Ours", "002", "d1")
    bundle_of(tmp_path / "bundle", seed=5)
    _, gallery = measure([MethodSpec("Ours", bundle)], drawings, tmp_path / "out", keep_pictures=False)
    now = LineColorizer.load(bundle).colorize(drawings[1].line, ProtocolHints([2]).of(drawings[1])[0].layer)
    np.testing.assert_array_equal(gallery("Ours", "002", "d1"), now)
    assert not np.array_equal(before, now)


@pytest.mark.slow
def test_a_drawing_that_cannot_be_measured_counts_for_nobody(drawings, tmp_path, capsys):
    write_png(drawings.drawings[1].line, np.zeros((48, 48), np.uint8))
    measured, _ = measure([MethodSpec("Ours", bundle_of(tmp_path / "bundle"))], drawings, tmp_path / "out")
    assert measured.drawings == ["d0", "d2"]
    assert measured.facts["skipped"] == ["d1"]
    assert "not measured: d1" in capsys.readouterr().err


def test_progress_is_taken_up_by_the_same_measurement_alone(tmp_path, capsys):
    measurement = Measurement([], ProtocolHints([0]), None)
    measurement.drawings = ["a", "b"]
    progress = Progress(tmp_path, "this")
    progress.EVERY_S = 0.0
    progress.keep(measurement)
    other, same = Measurement([], ProtocolHints([0]), None), Measurement([], ProtocolHints([0]), None)
    Progress(tmp_path, "that").restore(other)
    Progress(tmp_path, "this").restore(same)
    assert (other.drawings, same.drawings) == ([], ["a", "b"])
    progress.path.write_bytes(b"PK no")
    Progress(tmp_path, "this").restore(other)
    assert other.drawings == []
    assert "cannot be read" in capsys.readouterr().err
    progress.drop()
    assert not progress.path.exists()


def test_operations_are_those_of_a_convolution_counted_by_hand():
    """A 1x1 convolution of 5 to 3 channels on half of 32 px: 2 * 5 * 3 * 16 * 16, in a draft alone."""

    class Draft(torch.nn.Module):
        multiple = 2

        def __init__(self) -> None:
            super().__init__()
            self.mix = torch.nn.Conv2d(5, 3, 1, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.mix(x)

    assert operations(LineColorizer({"draft": Draft()}, "none", SMALL)) == 2 * 5 * 3 * 16 * 16


@pytest.mark.slow
def test_the_cost_of_a_bundle_is_measured_in_a_process_of_its_own(tmp_path):
    bundle = bundle_of(tmp_path / "bundle")
    cost = measure_cost(LineColorizer.load(bundle), bundle, (64, 96))
    assert cost["parameters"] == sum(p.numel() for p in Pix2PixUNet(**PIX2PIX).parameters())
    assert cost["flops"] > 0
    assert cost["memory"] >= 0


def test_what_a_reader_must_know_of_a_system_is_noted(tmp_path):
    spread = {"in_channels": 8, "width": 4, "levels": 2, "blocks": 1, "cardinality": 2}
    save_bundle(tmp_path, {"draft": ResNeXtUNet(**spread)}, {"draft": spread}, SMALL, "watershed", {})
    assert "hints propagated by a watershed" in notes_of_card(read_card(tmp_path))
    assert notes_of_card(read_card(bundle_of(tmp_path / "plain"))) == ""


def test_a_reference_that_does_not_run_here_is_named(monkeypatch):
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(ValueError, match=r"G'MIC.*"):
        chosen_references(["G'MIC smart coloring"])
    assert "watershed" in [system.name for system in chosen_references(None)]
