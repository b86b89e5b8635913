import os
import stat
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from linecolor.images import find_images, list_folder, write_atomically, write_png
from linecolor.images.files import FolderListing


def test_find_images_is_recursive_sorted_and_skips_what_is_hidden(tmp_path):
    for name in ("b.PNG", "a.jpeg", "deep/er/c.webp", "deep/d.Jpg", ".hidden.png", ".git/e.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "dangling.png").symlink_to(tmp_path / "nowhere.png")
    found = [path.relative_to(tmp_path).as_posix() for path in find_images(tmp_path)]
    assert found == ["a.jpeg", "b.PNG", "deep/d.Jpg", "deep/er/c.webp"]


def test_other_files_and_closed_folders_are_listed_too(tmp_path, monkeypatch):
    for name in ("b.png", "a.psd", "deep/c.KRA", "notes.txt", ".hidden.psd", f"{'x' * 251}.psd", f"{'y' * 251}.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "closed").mkdir()
    scan = os.scandir

    def refuse(folder: str) -> object:
        if str(folder).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(folder))
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    listing = list_folder(tmp_path)
    assert [path.name for path in listing.images] == ["b.png", f"{'y' * 251}.png"]
    assert [path.name for path in listing.others] == ["a.psd", "c.KRA", "notes.txt", f"{'x' * 251}.psd"]
    assert listing.left_out() == [
        "4 files are of other kinds and left out: a.psd, c.KRA, notes.txt and 1 more",
        "1 folder cannot be opened (Permission denied): closed",
    ]
    with pytest.raises(PermissionError):
        list_folder(tmp_path / "closed")
    assert FolderListing([], [Path("a\nb.psd")], []).left_out() == [r"1 file is of another kind and left out: a\nb.psd"]


def test_find_images_ends_in_a_loop_of_links_and_names_a_missing_folder(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").touch()
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a")
    assert find_images(tmp_path) == [tmp_path / "a" / "x.png"]
    with pytest.raises(NotADirectoryError, match="nowhere"):
        find_images(tmp_path / "nowhere")


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 3), (3, 4, 4), (1, 1), (1, 1_000_001, 3), (1_000_001, 1)])
def test_written_png_is_read_back_exactly(tmp_path, shape):
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path / "new" / "folder" / "a.png"
    write_png(path, array)
    assert np.array_equal(np.asarray(Image.open(path)), array)


@pytest.mark.parametrize("array", [np.zeros((2, 2)), np.zeros((2, 2, 2), np.uint8), np.zeros((0, 2), np.uint8)])
def test_write_png_refuses_what_is_no_picture(tmp_path, array):
    with pytest.raises(ValueError, match="uint8"):
        write_png(tmp_path / "a.png", array)
    assert not any(tmp_path.iterdir())


def test_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    write_atomically(path, b"old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]
    assert path.read_bytes() == b"old"


def test_a_failed_write_names_the_file_that_was_asked_for(tmp_path, monkeypatch):
    def fail(self: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(PermissionError) as caught:
        write_atomically(tmp_path / "a.png", b"new")
    assert str(caught.value) == f"[Errno 13] Permission denied: '{tmp_path / 'a.png'}'"


def test_written_file_gets_the_users_usual_permissions(tmp_path):
    (tmp_path / "plain").touch()
    write_atomically(tmp_path / "atomic", b"x")
    assert stat.S_IMODE((tmp_path / "atomic").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
