"""Panels, the comic colorizer's stages in sequence, its report, and its bundle in the hands of whoever colours."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from linecolor.cli.colorize import main as colorize
from linecolor.cli.export import main as export
from linecolor.evaluation.methods import color_by_protocol
from linecolor.samples import FullDrawing
from linecolor.systems.bundle import load_bundle
from linecolor.systems.line_colorizer import LineColorizer
from tests.end_to_end import program

STAGES = ["low_resolution", "background", "polishing", "plain_polishing"]
COLUMNS = ["outline", "background", "low-resolution colour", "without background network"]
COLUMNS += ["with background network", "truth"]
COMIC = ("experiment=comic", "debug=tiny")


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A folder with small panels and a whole tiny run on them."""
    home = tmp_path_factory.mktemp("home")
    small = ["--count", "6", "--test-count", "3", "--size", "96", "--test-size", "128"]
    done = program.run("data", "prepare", "panels", "--out", "data/panels", *small, cwd=home)
    assert "experiment=comic" in done.stdout
    program.run("train", *COMIC, "evaluation.drawings=3", cwd=home)
    return home


@pytest.fixture(scope="module")
def run(home) -> Path:
    return home / "runs" / "tiny"


@pytest.fixture(scope="module")
def colorizer(run) -> LineColorizer:
    return LineColorizer.load(run)


@pytest.fixture
def page(tmp_path) -> str:
    """A white panel with one line."""
    line = np.full((64, 80), 255, np.uint8)
    line[30] = 0
    Image.fromarray(line).save(tmp_path / "panel.png")
    return str(tmp_path / "panel.png")


def test_every_stage_is_recorded_and_whole(run):
    for stage in STAGES:
        lines = [json.loads(line) for line in (run / stage / "metrics.jsonl").read_text().splitlines()]
        assert [line["step"] for line in lines if "generator_gradient" in line] == [1, 2]
        assert list((run / stage / "samples").glob("*.png"))
    assert list(yaml.safe_load((run / "bundle/bundle.yaml").read_text())["networks"]) == STAGES


def test_the_evaluation_measures_the_background(run):
    figures = json.loads((run / "evaluation/evaluation.json").read_text())
    background = figures["background"]
    assert background["n"] == 3
    assert len(figures["background_rows"]) == 3
    assert 0 <= background["iou"] <= 1
    assert 0.2 < background["iou_of_everything"] < 0.8
    for name in ("variance", "variance_without", "foreground_psnr", "foreground_psnr_without"):
        assert np.isfinite(background[name])
    assert figures["obedience"] is None
    assert Image.open(run / "evaluation/sheet.png").width == 6 * 256 + 7 * 6


def test_the_report_has_the_slides_six_columns(run):
    page = (run / "report.html").read_text()
    assert [page.count(f'data-column="{column}"') for column in COLUMNS] == [4] * 6
    assert "One colour for one background" in page


def test_the_same_command_has_nothing_left_to_do(home):
    done = program.run("train", *COMIC, "evaluation.drawings=3", cwd=home)
    assert done.stdout.count("nothing to do") == 5


def test_a_longer_first_stage_refuses_the_stages_built_on_it(home, training_refuses):
    assert "low_resolution_weights" in training_refuses(*COMIC, "stage.low_resolution.steps=3", cwd=home)


def test_pages_of_any_size_and_the_same_again(colorizer):
    line = np.full((90, 230), 255, np.uint8)
    line[40:42] = 0
    picture = colorizer.colorize(line)
    assert picture.shape == (90, 230, 3)
    assert np.array_equal(picture, colorizer.colorize(line))
    assert not np.array_equal(picture, colorizer.candidate(1).colorize(line))
    assert colorizer.seed == 0


def test_a_long_page_has_one_background_too(colorizer, monkeypatch):
    seen = []
    color_window = colorizer.color_window

    def watched(page, inputs):
        seen.append(page.shape)
        return color_window(page, inputs)

    monkeypatch.setattr(colorizer, "color_window", watched)
    colorizer.colorize(np.full((64, 64 * 300), 255, np.uint8))
    assert len(seen) == 1


def test_held_out_panels_are_not_all_given_the_same_noise(colorizer):
    line, nothing = np.full((64, 64), 255, np.uint8), np.zeros((64, 64, 3), np.uint8)
    drawings = [FullDrawing(name, line, nothing, line > 0) for name in ("a", "b", "a")]
    pictures = [color_by_protocol(colorizer, drawing, 0).full for drawing in drawings]
    assert np.array_equal(pictures[0], pictures[2])
    assert not np.array_equal(pictures[0], pictures[1])


def test_candidates_from_the_command_line(run, colorizer, page, tmp_path):
    assert colorize([page, "--bundle", str(run), "--candidates", "3", "--seed", "5"]) == 0
    found = sorted(tmp_path.glob("panel.*.color.png"))
    assert [path.name for path in found] == [f"panel.{number}.color.png" for number in (1, 2, 3)]
    pictures = [np.asarray(Image.open(path)) for path in found]
    assert not np.array_equal(pictures[0], pictures[1])
    assert np.array_equal(pictures[1], colorizer.candidate(6).colorize(np.asarray(Image.open(page))))
    # Once more over the whole folder: what came out is no page.
    assert colorize([str(tmp_path), "-o", str(tmp_path / "out"), "--bundle", str(run)]) == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["panel.png"]


def test_hints_rule_although_the_networks_read_none(colorizer):
    line = np.full((128, 128), 255, np.uint8)
    picture = colorizer.colorize(line, [(64, 64, "#c01040")])
    assert np.abs(picture[64, 64].astype(int) - (0xC0, 0x10, 0x40)).max() <= 12
    with pytest.raises(ValueError, match="take no hints"):
        colorizer.with_options(enforce_hints=False).colorize(line, [(64, 64, "#c01040")])


@pytest.mark.parametrize("options", [["--candidates", "2", "--temperature", "0"], ["--draft"], ["--seed", "-1"]])
def test_requests_without_meaning_are_refused(options, run, page, capsys):
    assert colorize([page, "--bundle", str(run), *options]) == 2
    assert options[0] in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--candidates=2", "--seed=3", "--temperature=0.5"])
def test_what_does_not_sample_has_no_candidates(option, bundle, page, capsys):
    assert colorize([page, "--bundle", str(bundle), option]) == 2
    assert "sample their colours" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("evaluation.mirrored=true", "evaluation.mirrored"),
        ("callbacks.sample_sheet.hints=8", "callbacks.sample_sheet.hints=0"),
        ("model.low_resolution.channels=chroma", "pairs=comic_grey"),
        ("model.low_resolution.depth=33", "depth"),
        ("model.hint_spread=reach", "model.hint_spread"),
        ("pairs.line.grey=1", "pairs=comic_grey"),
        ("stage.background.temperature=0", "stage.background.temperature"),
        ("stages=[low_resolution,polishing]", "stages="),
        ("evaluation.temperature=3", "evaluation.temperature"),
    ],
)
def test_what_cannot_work_is_told_before_anything_is_written(override, told, home, training_refuses):
    assert told in training_refuses(*COMIC, "name=never", override, cwd=home)


def test_no_onnx_of_what_samples_cell_by_cell(run, tmp_path, capsys):
    assert export([str(run), "-o", str(tmp_path / "model")]) == 2
    assert "comic colorizer" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


def test_a_bundle_whose_polishing_networks_are_exchanged_is_refused(run, tmp_path):
    for name in ("bundle.yaml", "linecolor.safetensors"):
        (tmp_path / name).write_bytes((run / "bundle" / name).read_bytes())
    card = yaml.safe_load((tmp_path / "bundle.yaml").read_text())
    card["networks"]["polishing"]["background"] = False
    (tmp_path / "bundle.yaml").write_text(yaml.safe_dump(card, sort_keys=False))
    with pytest.raises(ValueError, match="does not know"):
        load_bundle(tmp_path)
