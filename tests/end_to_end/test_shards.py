"""What a user with a big data set types: linecolor-data shard, then training and preview from the shards."""

import re
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file

from linecolor.cli.data import main
from linecolor.experiment.config import default_data
from linecolor.experiment.data import data_licence, load_drawings
from linecolor.experiment.errors import is_user_error
from linecolor.images import read_color
from tests.end_to_end.program import TINY, run


@pytest.fixture(scope="module")
def home(picture_folder, tmp_path_factory) -> Path:
    """A folder in which the drawings were sharded, with one broken file among them."""
    home = tmp_path_factory.mktemp("home")
    (home / "pictures").symlink_to(picture_folder)
    words = ["pictures/color", "--lines", "pictures/line", "--test-share", "0.3", "--out", "shards", "--shard-mb", "1"]
    done, again = (run("data", "shard", *words, cwd=home) for _ in range(2))
    assert "linecolor-train experiment=demo data=shards data.root=shards" in done.stdout
    assert "(1 of them were there already)" in again.stdout
    return home


FOLDER = ["data=folder", "data.root=pictures/color", "data.lines=pictures/line", "data.test_share=0.3"]
SHARDS = ["data=shards", "data.root=shards"]


@pytest.fixture(scope="module")
def both(home, tiny_run) -> Path:
    """The same tiny run from the folder and from the shards, as runs/folder and runs/shards."""
    shutil.copytree(tiny_run / "runs/tiny", home / "runs/folder")
    assert "Open the report" in run("train", *TINY, *SHARDS, "name=shards", cwd=home).stdout
    return home


def test_training_from_shards_gives_the_weights_of_training_from_the_folder(both):
    for stage in ("draft", "colorizer"):
        one, other = (load_file(both / f"runs/{name}/{stage}/generator.safetensors") for name in ("folder", "shards"))
        assert one.keys() == other.keys()
        assert all(one[key].equal(other[key]) for key in one)
    folder, shards = (sorted((both / f"runs/{name}/evaluation").rglob("*.png")) for name in ("folder", "shards"))
    assert [path.name for path in folder] == [path.name for path in shards] != []
    assert all(one.read_bytes() == other.read_bytes() for one, other in zip(folder, shards))


def test_a_run_is_evaluated_on_shards_of_other_drawings(both):
    run("evaluate", "run=runs/folder", "data.root=shards", "data.lines=''", cwd=both)


def test_preview_shows_what_training_sees_from_shards_too(home, monkeypatch):
    monkeypatch.chdir(home)
    for name, data in (("folder", FOLDER), ("shards", SHARDS)):
        assert main(["preview", "-o", f"{name}.png", *TINY, *data]) == 0
    assert (home / "folder.png").read_bytes() == (home / "shards.png").read_bytes()
    sheet, _ = read_color(home / "shards.png")
    assert sheet.shape[1] > 9 * 192
    assert sheet.std() > 20


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere", "--out", "x"], "nowhere: no such folder"),
        (["pictures/color", "--out", "pictures"], "holds other files"),
        (["shards", "--out", "x"], "holds shards already"),
        (["pictures/color", "--out", "x", "--shard-mb", "0"], "--shard-mb 0"),
        (["pictures/color", "--out", "shards"], "written from other drawings or with other options"),
    ],
)
def test_a_mistake_in_sharding_is_one_line(home, words, said, capsys, monkeypatch):
    monkeypatch.chdir(home)
    assert main(["shard", *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (home / "x").exists()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"root": "shards", "lines": "pictures/line"}, "shards bring their own lines"),
        ({"root": "ftp://host/shards"}, "http://, https:// or s3://"),
        ({"root": "broken"}, "index.parquet: is damaged"),
        ({"root": "unfinished"}, "its sharding was interrupted"),
    ],
)
def test_a_mistake_in_what_to_train_from_is_told_to_people(home, data, said, monkeypatch):
    monkeypatch.chdir(home)
    for folder, name in (("broken", "index.parquet"), ("unfinished", ".sharding.json")):
        (home / folder).mkdir(exist_ok=True)
        (home / folder / name).write_bytes(b"PAR1 nonsense")
    with pytest.raises(ValueError, match=re.escape(said)) as told:
        load_drawings(default_data(**data))
    assert is_user_error(told.value)


def test_damaged_shards_end_a_training_before_it_begins(home, training_refuses):
    shutil.copytree(home / "shards", home / "cut")
    tar = home / "cut" / "shard-000000.tar"
    tar.write_bytes(tar.read_bytes()[:-1024])
    words = ["data=shards", "data.root=cut", "name=wrong"]
    assert "cut/shard-000000.tar: has" in training_refuses(*TINY, *words, cwd=home)


def test_overfitting_takes_the_first_training_drawings_of_the_shards(home, monkeypatch):
    monkeypatch.chdir(home)
    scans = []
    for root, lines in (("pictures/color", "pictures/line"), ("shards", None)):
        data = default_data(root=root, lines=lines, test_share=0.3, overfit=2)
        scans.append([(drawing.id, drawing.split) for drawing in load_drawings(data).drawings])
    assert scans[0] == scans[1]
    assert [split for _, split in scans[1]] == ["train", "train", "test", "test"]


def test_the_licence_of_a_prepared_data_set_travels_with_its_shards(tmp_path):
    set_, shards = str(tmp_path / "openmoji"), str(tmp_path / "shards")
    small = ["--limit", "2", "--test-limit", "1", "--size", "64", "--test-size", "64"]
    assert main(["prepare", "openmoji", "--out", set_, *small]) == 0
    assert main(["shard", set_, "--out", shards]) == 0
    licence = data_licence([shards])
    assert licence == data_licence([set_])
    assert licence["name"] == "CC BY-SA 4.0"


def test_a_curated_folder_is_sharded_without_what_its_manifest_drops(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pictures = str(home / "pictures" / "color")
    assert main(["curate", pictures, "--out", "curated", "--jobs", "1", "--examples", "0"]) == 0
    manifest = tmp_path / "curated" / "manifest.parquet"
    table = pq.read_table(manifest)
    keep = pa.array([not path.startswith(("drawing2", "drawing7")) for path in table["path"].to_pylist()])
    pq.write_table(table.set_column(table.schema.get_field_index("kept"), "kept", keep), manifest)
    assert main(["shard", pictures, "--manifest", str(manifest), "--out", "out"]) == 0
    folder = load_drawings(default_data(root=pictures, manifest=str(manifest))).drawings
    shards = load_drawings(default_data(root="out")).drawings
    assert len(shards) == 8
    assert [(drawing.id, drawing.split) for drawing in shards] == [(drawing.id, drawing.split) for drawing in folder]
