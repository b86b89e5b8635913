import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from datamodules.sources.drawing import split_of
from datamodules.sources.folder import NoPictures, read_licence, scan_folder
from linecolor.images import write_png


def gray(path: Path, height: int = 6, width: int = 4, value: int = 9) -> Path:
    write_png(path, np.full((height, width), value, np.uint8))
    return path


def test_ids_are_posix_stems_and_lines_are_found_by_path_in_any_suffix(tmp_path):
    for name in ("a.png", "deep/b.png"):
        gray(tmp_path / "art" / name)
    Image.new("L", (4, 6)).save(tmp_path / "b.webp")
    (tmp_path / "ink" / "deep").mkdir(parents=True)
    shutil.move(tmp_path / "b.webp", tmp_path / "ink" / "deep" / "b.webp")
    drawings = scan_folder(tmp_path / "art", lines=tmp_path / "ink").drawings
    assert [d.id for d in drawings] == ["a", "deep/b"]
    assert [d.line for d in drawings] == [None, tmp_path / "ink" / "deep" / "b.webp"]


def test_lines_inside_a_loose_folder_are_no_colour_pictures_and_it_has_no_licence(tmp_path):
    gray(tmp_path / "a.png")
    gray(tmp_path / "lines" / "a.png")
    drawings = scan_folder(tmp_path, lines=tmp_path / "lines").drawings
    assert [(d.id, d.line) for d in drawings] == [("a", tmp_path / "lines" / "a.png")]
    assert read_licence(tmp_path) is None


def test_bad_pictures_are_named_counted_and_skipped_and_a_truncated_one_passes_by_header(tmp_path, caplog):
    gray(tmp_path / "good.png")
    whole = gray(tmp_path / "cut.png", 30, 30).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) - 30])
    (tmp_path / "empty.jpg").touch()
    gray(tmp_path / "giant.png", 40, 40)
    with caplog.at_level(logging.WARNING, "linecolor"):
        scan = scan_folder(tmp_path, max_pixels=1599)
    assert [d.id for d in scan.drawings] == ["good"]
    assert [error.path.name for error in scan.skipped] == ["cut.png", "empty.jpg", "giant.png"]
    messages = [record.message for record in caplog.records]
    assert messages[-1] == "3 of 4 pictures skipped"
    assert all("\n" not in message for message in messages)
    assert [d.id for d in scan_folder(tmp_path, max_pixels=1599, verify="header").drawings] == ["cut", "good"]
    (tmp_path / "good.png").unlink()
    with pytest.raises(NoPictures, match="none of its 3 pictures"):
        scan_folder(tmp_path, max_pixels=1599)


def test_files_of_other_kinds_are_told_and_a_long_name_is_a_picture_like_others(tmp_path, caplog):
    gray(tmp_path / "a.png")
    long = gray(tmp_path / f"{'x' * 251}.png")
    for name in ("a.psd", "b.txt", "c.txt", "d.kra"):
        (tmp_path / name).touch()
    with caplog.at_level(logging.WARNING, "linecolor"):
        assert [d.id for d in scan_folder(tmp_path).drawings] == ["a", long.stem]
    said = f"{tmp_path}: 4 files are of other kinds and left out: a.psd, b.txt, c.txt and 1 more"
    assert [record.message for record in caplog.records] == [said]


def test_a_line_of_another_size_is_named_and_ignored(tmp_path, caplog):
    gray(tmp_path / "art" / "a.png", 6, 4)
    gray(tmp_path / "art" / "b.png", 6, 4)
    gray(tmp_path / "ink" / "a.png", 6, 5)
    (tmp_path / "ink" / "b.png").write_bytes(b"no")
    with caplog.at_level(logging.WARNING, "linecolor"):
        scan = scan_folder(tmp_path / "art", lines=tmp_path / "ink")
    assert [d.line for d in scan.drawings] == [None, None]
    assert scan.skipped == []
    assert "5 x 6 pixels, but its picture has 4 x 6" in caplog.text
    assert "ink/b.png: is not a PNG" in caplog.text


def test_missing_and_empty_folders_say_what_to_do(tmp_path):
    for root in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(NoPictures, match="linecolor-data prepare openmoji"):
            scan_folder(root)
    gray(tmp_path / "a.png")
    with pytest.raises(NoPictures, match="line art"):
        scan_folder(tmp_path, lines=tmp_path / "nowhere")


@pytest.mark.parametrize("wrong", [{"test_share": 1.5}, {"test_share": float("nan")}, {"verify": "hope"}])
def test_bad_options_are_named(tmp_path, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        scan_folder(tmp_path, **wrong)


NAMES = st.text("abcdefgh0123456789_", min_size=1, max_size=6)


@settings(max_examples=25, deadline=None)
@given(names=st.sets(NAMES, min_size=1, max_size=12), added=NAMES, suffix=st.sampled_from([".png", ".PNG"]))
def test_adding_a_picture_never_moves_another(tmp_path_factory, names, added, suffix):
    root = tmp_path_factory.mktemp("folder")
    for name in names:
        gray(root / f"{name}.png")
    before = {d.color: d.split for d in scan_folder(root, test_share=0.5, verify="header").drawings}
    gray(root / f"{added}{suffix}")
    after = {d.color: d.split for d in scan_folder(root, test_share=0.5, verify="header").drawings}
    assert {path: after[path] for path in before} == before


def test_two_files_of_one_stem_share_a_split_and_differ_in_id_and_decomposed_names_are_composed(tmp_path):
    gray(tmp_path / "a.png")
    Image.new("L", (4, 6)).save(tmp_path / "a.jpg")
    first, second = scan_folder(tmp_path).drawings
    assert (first.id, second.id) == ("a.jpg", "a.png")
    assert first.base == second.base == "a"
    assert first.split == second.split
    gray(tmp_path / "u\u0308ber.png")
    assert scan_folder(tmp_path).drawings[2].id == "\u00fcber"


def test_split_is_frozen_and_its_share_kept():
    # These values must never change: a drawing that was tested on would be trained on.
    assert [split_of(name, 0.3) for name in ("a", "b", "c", "d", "girls/summer")] == [*["train"] * 4, "test"]
    share = sum(split_of(f"picture-{n}", 0.05) == "test" for n in range(4000)) / 4000
    assert 0.035 < share < 0.065
    assert {split_of("a", 0.0), split_of("a", 1.0)} == {"train", "test"}
