"""Several drawings on one page, whole pages, and further data sets to train on."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datamodules.illustrations import Page, collage
from datamodules.pair_settings import CropSettings
from datamodules.recipe import SampleKey, draw_crop, sample_collage_partners
from datamodules.sources.drawing import Drawing
from linecolor.experiment.config import default_data
from linecolor.experiment.config_sections import DataConfig
from linecolor.experiment.data import data_licence, load_drawings
from linecolor.images import write_png


def page(shade: int, height: int = 40, width: int = 60, line: bool = True) -> Page:
    color = np.full((height, width, 3), shade, np.uint8)
    ink = np.full((height, width), 255, np.uint8)
    ink[height // 2] = 0
    drawing = Drawing(str(shade), Path(str(shade)), None, "train", str(shade))
    return Page(drawing, color, ink if line else None, np.full((height, width), 255, np.uint8))


def test_four_pages_lie_in_four_squares_with_white_between_and_a_line_only_if_all_have_one():
    made = collage([page(10), page(80, 60, 40), page(150), page(220)], 32)
    assert made.color.shape == (64, 64, 3)
    assert [made.color[y, x, 0] for y in (16, 48) for x in (16, 48)] == [10, 80, 150, 220]
    assert made.color[1, 16, 0] == 255  # a lying page has white above
    assert made.alpha[1, 16] == 0
    assert made.alpha[16, 16] == 255
    assert made.line is not None
    assert made.line[16, 16] < 200
    assert made.drawing.id == "10"
    assert collage([page(10), page(80), page(150, line=False), page(220)], 16).line is None


def crops(**chances: float) -> CropSettings:
    return replace(CropSettings("native", 0, 0, 0, 0, 0, 0), **chances)


def test_chances_are_kept_and_depend_on_the_name_alone():
    keys = [SampleKey(0, "draft", 0, str(number)) for number in range(2000)]
    partners = [sample_collage_partners(crops(collage_prob=0.1), key) for key in keys]
    assert 0.07 < np.mean([found is not None for found in partners]) < 0.13
    assert sample_collage_partners(crops(), keys[0]) is None
    whole = [draw_crop(crops(full_page_prob=0.4), key, (500, 700), 256)[2] == 500 for key in keys]
    assert 0.36 < np.mean(whole) < 0.44
    again = sample_collage_partners(crops(collage_prob=1.0), keys[5])
    np.testing.assert_array_equal(again, sample_collage_partners(crops(collage_prob=1.0), keys[5]))


def prepared(folder: Path, names: dict[str, str], licence: str) -> Path:
    """A data set as `linecolor-data prepare` leaves it: names and their splits."""
    for name, split in names.items():
        for kind in ("color", "line"):
            write_png(folder / split / kind / f"{name}.png", np.full((32, 32), 255, np.uint8))
    rows = [{"id": name, "base": name, "split": split, "size": [32, 32]} for name, split in names.items()]
    manifest = {"format": 1, "source": licence, "source_version": "1", "options": {}, "drawings": rows}
    manifest["licence"] = {"name": licence, "url": f"u-{licence}", "attribution": f"by {licence}"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def settings_of(root: Path, *more: Path) -> DataConfig:
    return default_data(root=str(root), more=[str(folder) for folder in more])


def test_of_further_data_sets_only_training_drawings_are_taken(tmp_path):
    first = prepared(tmp_path / "a", {"a1": "train", "a2": "test"}, "CC BY")
    second = prepared(tmp_path / "b", {"b1": "train", "b2": "test"}, "CC0")
    data = settings_of(first, second)
    assert [(one.id, one.split) for one in load_drawings(data).drawings] == [
        ("a1", "train"), ("a2", "test"), ("b1", "train")
    ]  # fmt: skip
    licence = data_licence(data.roots)
    assert licence is not None
    assert licence["name"] == "CC BY; CC0"
    assert licence["attribution"] == "by CC BY; by CC0"


def test_two_drawings_of_one_name_are_refused_and_a_missing_data_set_with_its_own_option(tmp_path):
    first = prepared(tmp_path / "a", {"same": "train", "a2": "test"}, "CC BY")
    second = prepared(tmp_path / "b", {"same": "train"}, "CC0")
    with pytest.raises(ValueError, match="named as others are"):
        load_drawings(settings_of(first, second))
    with pytest.raises(FileNotFoundError, match=r"data\.more=.*release-characters.*prepare characters"):
        load_drawings(settings_of(first, tmp_path / "release-characters"))
