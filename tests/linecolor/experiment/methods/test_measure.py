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
from linecolor.experiment.methods.cost import measure_cost, operations
from linecolor.experiment.methods.entries import Entry, named_entries, picture_folder
from linecolor.experiment.methods.measure import _asked, _notes, chosen_references, measure_systems
from linecolor.experiment.methods.progress import Progress
from linecolor.images import read_color, write_png
from linecolor.networks.pix2pix import Pix2PixUNet
from linecolor.networks.unet import ResNeXtUNet
from linecolor.rendering.options import RenderingOptions
from linecolor.systems.bundle import save_bundle
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


def measure(entries, drawings, out, **changes):
    arguments = {"hints": ProtocolHints([0, 2]), "features": "efficientnet-lite0", "references": [], "keep": True}
    arguments |= changes
    return measure_systems(
        entries, drawings, arguments["hints"], arguments["features"], arguments["references"], out, arguments["keep"]
    )


def test_names_are_those_of_folders_and_of_a_runs_bundle_the_runs():
    found = named_entries(["runs/a", "runs/b/bundle"], None)
    assert [(entry.name, entry.member) for entry in found] == [("a", ""), ("b", "")]
    found = named_entries(["x/a", "y/a"], None)
    assert [entry.name for entry in found] == ["x/a", "y/a"]
    found = named_entries({"Ours": ["runs/s0/bundle", "runs/s1/bundle"], "Theirs": "results"}, "clean")
    assert [(entry.name, entry.member) for entry in found] == [("Ours", "s0"), ("Ours", "s1"), ("Theirs", "")]
    assert {entry.blend for entry in found} == {"clean"}


@pytest.mark.parametrize(
    ("name", "folder"), [("..", "_.."), ("a/b", "a_b"), ("Ours, not blended", "Ours,_not_blended")]
)
def test_a_systems_name_is_no_way_out_of_the_pictures(name, folder):
    assert picture_folder(name, "") == folder


def test_seeds_of_bundles_are_measured_each_for_itself(drawings, tmp_path):
    seeds = [str(bundle_of(tmp_path / f"s{seed}/bundle", seed)) for seed in range(3)]
    measured, _ = measure(named_entries({"Ours": seeds}, None), drawings, tmp_path / "out")
    values = [system.figure("002", "psnr_mean") for system in measured.methods]
    assert len(set(values)) == 3
    assert [system.figure("002", "n") for system in measured.methods] == [3, 3, 3]
    folders = sorted(path.name for path in (tmp_path / "out/pictures").iterdir())
    assert folders == ["Ours-s0", "Ours-s1", "Ours-s2"]
    assert [system.cost["images"] for system in measured.methods] == [1000, 1001, 1002]
    assert measured.methods[0].cost["memory"] > 0


def test_what_was_measured_is_measured_again_when_anything_has_changed(drawings, tmp_path, capsys):
    entry = Entry("Ours", bundle_of(tmp_path / "bundle"))
    hints = ProtocolHints([0, 2])
    first = _asked([entry], [], drawings, hints, "x")
    assert _asked([entry], [], drawings, hints, "x") == first
    assert _asked([entry], [], drawings, ProtocolHints([0, 4]), "x") != first
    bundle_of(tmp_path / "bundle", blend="clean")
    blended = _asked([entry], [], drawings, hints, "x")
    assert blended != first
    picture, _ = read_color(drawings.drawings[0].color)
    write_png(drawings.drawings[0].color, 255 - picture)
    assert _asked([entry], [], drawings, hints, "x") != blended


def test_the_page_shows_pictures_of_this_measurement_and_no_older_ones(drawings, tmp_path):
    bundle = bundle_of(tmp_path / "bundle")
    _, gallery = measure([Entry("Ours", bundle)], drawings, tmp_path / "out")
    before = gallery("Ours", "002", "d1")
    bundle_of(tmp_path / "bundle", seed=5)
    _, gallery = measure([Entry("Ours", bundle)], drawings, tmp_path / "out", keep=False)
    now = LineColorizer.load(bundle)(drawings[1].line, ProtocolHints([2]).of(drawings[1])[0].layer)
    np.testing.assert_array_equal(gallery("Ours", "002", "d1"), now)
    assert not np.array_equal(before, now)


def test_a_drawing_that_cannot_be_measured_counts_for_nobody(drawings, tmp_path, capsys):
    write_png(drawings.drawings[1].line, np.zeros((48, 48), np.uint8))
    measured, _ = measure([Entry("Ours", bundle_of(tmp_path / "bundle"))], drawings, tmp_path / "out")
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


def test_the_cost_of_a_bundle_is_measured_in_a_process_of_its_own(tmp_path):
    bundle = bundle_of(tmp_path / "bundle")
    cost = measure_cost(LineColorizer.load(bundle), bundle, (64, 96))
    assert cost["parameters"] == sum(p.numel() for p in Pix2PixUNet(**PIX2PIX).parameters())
    assert cost["flops"] > 0
    assert cost["memory"] >= 0


def test_what_a_reader_must_know_of_a_system_is_noted(tmp_path):
    spread = {"in_channels": 8, "width": 4, "levels": 2, "blocks": 1, "cardinality": 2}
    save_bundle(tmp_path, {"draft": ResNeXtUNet(**spread)}, {"draft": spread}, SMALL, "watershed", {})
    assert "hints spread by a watershed" in _notes(tmp_path)
    assert _notes(bundle_of(tmp_path / "plain")) == ""


def test_a_reference_that_does_not_run_here_is_named(monkeypatch):
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(ValueError, match=r"G'MIC.*"):
        chosen_references(["G'MIC smart coloring"])
    assert "watershed" in [system.name for system in chosen_references(None)]
