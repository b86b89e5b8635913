import errno
import json
import logging
import os
import shutil
import tarfile

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from datamodules.shards import write
from datamodules.shards.drawings import NoShards, is_sharded, load_shards
from datamodules.shards.index import INDEX, read_table
from datamodules.shards.write import ShardingRefused, write_shards
from datamodules.sources.drawing import ids_of
from datamodules.sources.folder import scan_folder
from linecolor.images import write_png
from tests.datamodules.shards.small_sets import contents, scan, shard

pytestmark = pytest.mark.slow


def test_shards_are_plain_tars_of_the_original_files_in_webdataset_naming(picture_folder, tmp_path):
    jpeg = tmp_path / "folder" / "color" / "sub" / "a.b.png"  # a JPEG, whatever its name says
    jpeg.parent.mkdir(parents=True)
    Image.new("RGB", (30, 20), (200, 30, 30)).save(jpeg, format="JPEG")
    for kind in ("color", "line"):
        (tmp_path / "folder" / kind).mkdir(exist_ok=True)
        shutil.copy(picture_folder / kind / "drawing1.png", tmp_path / "folder" / kind / "drawing1.png")
    shard(tmp_path / "folder", tmp_path / "out")
    with tarfile.open(tmp_path / "out" / "shard-000000.tar") as tar:
        members = {member.name: (member, tar.extractfile(member).read()) for member in tar}
    assert list(members) == [
        "000000000.color.png",
        "000000000.line.png",
        "000000000.json",
        "000000001.color.jpg",
        "000000001.json",
    ]
    # WebDataset's rule: the key ends at the first dot of the base name, samples are runs of one key.
    keys = [name.partition(".")[0] for name in members]
    assert keys == sorted(keys)
    assert members["000000000.color.png"][1] == (picture_folder / "color" / "drawing1.png").read_bytes()
    assert members["000000000.line.png"][1] == (picture_folder / "line" / "drawing1.png").read_bytes()
    assert members["000000001.color.jpg"][1] == jpeg.read_bytes()
    about = json.loads(members["000000001.json"][1])
    assert about == {"id": "sub/a.b", "base": "sub/a.b", "split": about["split"], "path": "sub/a.b.png"}
    assert {(m.mtime, m.uid, m.gid, m.uname, m.mode) for m, _ in members.values()} == {(0, 0, 0, "", 0o644)}

    table, _ = read_table((tmp_path / "out" / INDEX).read_bytes(), "index")
    rows = table.to_pylist()
    for row, color, line in zip(rows, ("000000000.color.png", "000000001.color.jpg"), ("000000000.line.png", None)):
        assert (row["color_offset"], row["color_length"]) == (members[color][0].offset_data, members[color][0].size)
        if line:
            assert (row["line_offset"], row["line_length"]) == (members[line][0].offset_data, members[line][0].size)
        else:
            assert row["line_offset"] is None
    assert [(row["height"], row["width"]) for row in rows] == [(96, 96), (20, 30)]


def test_the_same_input_gives_the_same_bytes(noisy_folder, tmp_path):
    shard(noisy_folder, tmp_path / "one", shard_mb=1, jobs=1)
    for path in noisy_folder.rglob("*.png"):
        os.utime(path, (1, 1))
    shard(noisy_folder, tmp_path / "two", shard_mb=1, jobs=4)
    one = contents(tmp_path / "one")
    assert list(one) == [INDEX, *(f"shard-{number:06d}.tar" for number in range(5))]
    assert one == contents(tmp_path / "two")


def test_shards_are_as_large_as_asked_and_an_interruption_ends_with_the_same_bytes(noisy_folder, tmp_path, monkeypatch):
    whole = shard(noisy_folder, tmp_path / "whole", shard_mb=2)
    assert (whole.shards, sum(whole.drawings.values())) == (3, 9)
    assert all(path.stat().st_size <= 2_000_000 for path in (tmp_path / "whole").glob("*.tar"))
    out = tmp_path / "out"
    add = write.add

    def interrupted(tar, number, one):
        if number == 1 and one.planned.number == 5:
            raise KeyboardInterrupt
        return add(tar, number, one)

    monkeypatch.setattr(write, "add", interrupted)
    with pytest.raises(KeyboardInterrupt):
        shard(noisy_folder, out, shard_mb=2)
    assert [path.name for path in sorted(out.glob("shard-*"))] == ["shard-000000.tar"]
    assert not [*out.glob("*.tmp"), *out.glob(".*.tmp")]
    assert is_sharded(str(out))
    with pytest.raises(NoShards, match="interrupted; run the same linecolor-data shard again"):
        load_shards(str(out))
    first = (out / "shard-000000.tar").stat().st_mtime_ns

    monkeypatch.setattr(write, "add", add)
    done = shard(noisy_folder, out, shard_mb=2)
    assert (done.reused, done.shards) == (1, 3)
    assert (out / "shard-000000.tar").stat().st_mtime_ns == first
    assert contents(out) == contents(tmp_path / "whole")

    again = shard(noisy_folder, out, shard_mb=2)
    assert again.reused == 3
    assert again == write.Sharded(out, done.drawings, 3, 3, done.size, [])


def test_a_shard_that_was_cut_short_is_written_again(noisy_folder, tmp_path, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setattr(write.pa, "concat_tables", lambda *_: 1 / 0)  # dies just before the index
    with pytest.raises(ZeroDivisionError):
        shard(noisy_folder, out, shard_mb=2)
    monkeypatch.undo()
    whole = (out / "shard-000001.tar").read_bytes()
    (out / "shard-000001.tar").write_bytes(whole[:-1])
    (out / ".shard-000002.parquet").write_bytes(b"PAR1 nonsense PAR1")
    assert shard(noisy_folder, out, shard_mb=2).reused == 1
    assert (out / "shard-000001.tar").read_bytes() == whole


def test_what_cannot_be_used_is_named_and_left_out_as_from_a_folder(mixed_folder, tmp_path, caplog):
    folder = tmp_path / "folder"
    shutil.copytree(mixed_folder, folder)
    (folder / "line" / "drawing6.png").write_bytes(b"no picture")
    write_png(folder / "line" / "drawing7.png", np.full((5, 5), 255, np.uint8))
    listed = scan(folder, "header")
    with caplog.at_level(logging.WARNING, "linecolor"):
        done = write_shards(listed, folder / "color", tmp_path / "out", progress=False)
    assert "drawing3.png: broken picture" in caplog.text
    assert len(done.skipped) == 1
    sharded = load_shards(str(tmp_path / "out")).drawings
    assert [(d.id, d.line is None) for d in sharded] == [(d.id, d.line is None) for d in scan(folder)]
    assert write_shards(listed, folder / "color", tmp_path / "out", progress=False).skipped == done.skipped


def test_a_name_that_no_index_can_hold_is_named_and_left_out(tmp_path, caplog):
    root = tmp_path / "folder"
    write_png(root / "good.png", np.full((8, 8), 9, np.uint8))
    shutil.copy(root / "good.png", os.fsencode(root) + b"/bad\xff.png")
    shutil.copy(root / "good.png", root / "back\\slash.png")
    with caplog.at_level(logging.WARNING, "linecolor"):
        done = write_shards(scan_folder(root, progress=False).drawings, root, tmp_path / "out", progress=False)
    assert len(done.skipped) == 2
    assert "its name cannot stand in an index" in caplog.text
    assert ids_of(load_shards(str(tmp_path / "out")).drawings) == ["good"]


def test_room_on_the_disk_is_looked_at_before_anything_is_written(noisy_folder, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=52_000_000))
    with pytest.raises(ShardingRefused, match=r"the shards take 0\.0 GB, the disk has 0\.1 GB free; make room"):
        shard(noisy_folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("name", ["notes.txt", INDEX, "shard-000000.tar"])
def test_a_folder_of_somebody_elses_files_is_left_alone(noisy_folder, tmp_path, force, name):
    out = tmp_path / "mine"
    out.mkdir()
    (out / name).write_bytes(b"mine")
    with pytest.raises(ShardingRefused, match="another --out"):
        shard(noisy_folder, out, force=force)
    assert contents(out) == {name: b"mine"}


def test_other_drawings_or_options_are_refused_and_force_writes_anew(noisy_folder, tmp_path):
    out = tmp_path / "out"
    shard(noisy_folder, out, shard_mb=2)
    (noisy_folder / "color" / "n0.png").unlink()
    for options in ({"shard_mb": 2}, {"shard_mb": 1}):
        with pytest.raises(ShardingRefused, match=r"other drawings or with other options.*--force"):
            shard(noisy_folder, out, **options)
    assert shard(noisy_folder, out, shard_mb=100, force=True).shards == 1
    assert [path.name for path in sorted(out.iterdir())] == [INDEX, "shard-000000.tar"]
    (out / "shard-000000.tar").unlink()
    with pytest.raises(ShardingRefused, match="missing or cut short"):
        shard(noisy_folder, out, shard_mb=100)


@pytest.mark.parametrize("options", [{"shard_mb": 0}, {"verify": "look"}, {"jobs": 0}])
def test_bad_options_are_refused(noisy_folder, tmp_path, options):
    with pytest.raises(ShardingRefused, match=next(iter(options)).replace("_", "-")):
        shard(noisy_folder, tmp_path / "out", **options)


def test_shards_hold_no_pickle_and_no_path_and_none_are_made_from_them(shards, mixed_folder, tmp_path):
    with pytest.raises(ShardingRefused, match="in shards already"):
        write_shards(load_shards(str(shards)).drawings, shards, tmp_path / "out", progress=False)
    for path in shards.iterdir():
        assert str(mixed_folder).encode() not in path.read_bytes()
    assert pq.read_schema(shards / INDEX).names[:4] == ["id", "split", "base", "path"]


def test_a_disk_that_fills_meanwhile_is_named_and_what_is_whole_stays(noisy_folder, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(write, "add", full)
        with pytest.raises(OSError, match=r"shard-000000\.tar"):
            shard(noisy_folder, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.tmp"))
    assert shard(noisy_folder, tmp_path / "out").shards > 0
