"""Training reads what a manifest keeps, and refuses one that does not fit."""

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from datamodules.curation.manifest import MEASURED, ManifestRefused, write_manifest
from datamodules.curation.reasons import Judgement
from datamodules.sources.folder import scan_folder
from linecolor.images import write_png


def judged(path: Path, root: Path, kept: dict[str, bool]) -> Path:
    """A manifest of files of a folder: by their names, whether they are kept."""
    rows = [{"path": name, "bytes": (root / name).stat().st_size, "modified_ns": 1} for name in kept]
    grey = ~np.array(list(kept.values()))
    judgement = Judgement({"greyscale": grey}, {}, np.full(len(kept), -1))
    write_manifest(path, pa.Table.from_pylist(rows, MEASURED), judgement, {})
    return path


@pytest.fixture
def curated(tmp_path) -> tuple[Path, Path]:
    """Four pictures in two folders, every second kept, and the manifest."""
    root = tmp_path / "art"
    kept = {"a/one.png": True, "a/two.png": False, "b/one.png": True, "b/two.png": False}
    for name in kept:
        write_png(root / name, np.full((6, 4), 9, np.uint8))
    return root, judged(tmp_path / "manifest.parquet", root, kept)


def test_only_kept_pictures_are_read_with_the_same_ids_and_splits(curated):
    root, manifest = curated
    everything = scan_folder(root, test_share=0.5).drawings
    drawings = scan_folder(root, test_share=0.5, manifest=manifest).drawings
    assert [drawing.id for drawing in drawings] == ["a/one", "b/one"]
    assert drawings == [drawing for drawing in everything if drawing.id.endswith("one")]


def test_a_copied_folder_fits_and_a_picture_that_is_not_known_is_left_out_and_told(curated, tmp_path, caplog):
    copy, manifest = shutil.copytree(curated[0], tmp_path / "copy", copy_function=shutil.copy), curated[1]
    with caplog.at_level(logging.WARNING, "linecolor"):
        assert len(scan_folder(copy, manifest=manifest).drawings) == 2
        assert not caplog.text
        write_png(copy / "new.png", np.zeros((6, 4), np.uint8))
        assert len(scan_folder(copy, manifest=manifest).drawings) == 2
    assert "1 pictures of" in caplog.text
    assert "linecolor-data curate again" in caplog.text


def test_a_missing_or_changed_picture_is_refused_if_it_was_kept(curated):
    root, manifest = curated
    (root / "a/two.png").unlink()
    write_png(root / "b/two.png", np.zeros((60, 40), np.uint8))
    assert len(scan_folder(root, manifest=manifest).drawings) == 2
    write_png(root / "a/one.png", np.random.default_rng(0).integers(0, 256, (60, 40), dtype=np.uint8))
    with pytest.raises(ManifestRefused, match=r"a/one.png has [\d,]+ bytes and had \d+ when measured; run linecolor"):
        scan_folder(root, manifest=manifest)
    (root / "a/one.png").unlink()
    with pytest.raises(
        ManifestRefused, match=r"does not fit .*: 1 of the 2 pictures it keeps are not there, .*a/one.png"
    ):
        scan_folder(root, manifest=manifest)


def test_line_art_need_not_be_among_the_pictures_and_a_manifest_that_keeps_nothing_or_is_missing_is_refused(
    curated, tmp_path
):
    root, _ = curated
    manifest = judged(tmp_path / "m.parquet", root, {"a/one.png": True, "b/one.png": True})
    drawings = scan_folder(root, lines=root / "b", manifest=manifest).drawings
    assert [drawing.id for drawing in drawings] == ["a/one"]
    manifest = judged(tmp_path / "none.parquet", root, {"a/one.png": False})
    with pytest.raises(ManifestRefused, match="keeps none of its 1 pictures"):
        scan_folder(root, manifest=manifest)
    with pytest.raises(ManifestRefused, match="no such manifest; make it with linecolor-data curate"):
        scan_folder(root, manifest=tmp_path / "missing.parquet")


def test_a_prepared_data_set_needs_no_curation(curated):
    root, manifest = curated
    write_png(root / "train" / "color" / "x.png", np.zeros((6, 4), np.uint8))
    drawing = {"id": "x", "base": "x", "split": "train"}
    (root / "manifest.json").write_text(json.dumps({"format": 1, "drawings": [drawing]}))
    assert len(scan_folder(root).drawings) == 1
    with pytest.raises(ManifestRefused, match=r"leave data\.manifest out"):
        scan_folder(root, manifest=manifest)
