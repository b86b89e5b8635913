import io
import json
import logging
import os
import pickle
import shutil
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from datamodules.datamodule import LineArtDataModule
from datamodules.held_out import FullDrawings, readable
from datamodules.illustrations import KeyedBatches, read_page
from datamodules.pair_settings import PairSettings
from datamodules.shards import remote_ranges, write
from datamodules.shards.byte_ranges import DiskRanges, open_place
from datamodules.shards.drawings import NoShards, is_sharded, load_shards
from datamodules.shards.errors import ChangedFile
from datamodules.shards.index import INDEX, read_index
from datamodules.shards.rows import DamagedIndex, is_safe_id, joined, read_table, to_bytes
from datamodules.shards.write import ShardingRefused, write_shards
from datamodules.sources.drawing import ids_of, of_split
from datamodules.sources.folder import scan_folder
from linecolor import images
from linecolor.images import UnreadableImage, write_png

LICENCE = {"name": "CC0", "url": "https://example.org/cc0", "attribution": "nobody", "source": "test 1"}
RICH = {
    "crop": {
        "scale": "log_uniform",
        "full_page_prob": 0.0,
        "collage_prob": 0.0,
        "flip_prob": 0.5,
        "rotate_prob": 0.5,
        "rotation": 8.0,
        "zoom": 0.1,
    },
    "color": {
        "recolor": 0.5,
        "palette_swap": 0.0,
        "hue": 0.5,
        "saturation": 0.4,
        "gamma": 0.25,
        "background": 0.5,
        "background_areas": 1,
    },
    "line": {
        "xdog": 0.5,
        "dilate": 0.5,
        "outline": 0.0,
        "grey": 0.0,
        "real": 3.0,
        "sigmas": [0.3, 0.4],
        "kernels": [4, 5],
        "jitter": [0.7, 1.0],
    },
    "hints": {"no_hint_prob": 0.35, "count": "log_uniform", "least": 1, "most": 96, "strokes": 0.3, "sides": [1, 2, 3]},
    "artifacts": {"paste": 0.3, "distort": 0.3, "spray": 0.4, "bleed": 0.4},
}


def scan(folder: Path, verify: str = "decode"):
    return scan_folder(folder / "color", folder / "line", 0.3, verify, progress=False).drawings


def shard(folder: Path, out: Path, **options):
    listed = scan(folder, "header")
    return write_shards(listed, folder / "color", out, **{"licence": LICENCE, "progress": False} | options)


@pytest.fixture(scope="module")
def mixed_folder(picture_folder, tmp_path_factory) -> Path:
    """The ten drawings, one of them broken half way through its file, two without a line, one a JPEG."""
    root = tmp_path_factory.mktemp("mixed")
    shutil.copytree(picture_folder, root, dirs_exist_ok=True)
    whole = (root / "color" / "drawing3.png").read_bytes()
    (root / "color" / "drawing3.png").write_bytes(whole[: len(whole) // 2])
    (root / "line" / "drawing4.png").unlink()
    (root / "line" / "drawing5.png").unlink()
    (root / "color" / "deep").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (80, 70, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(root / "color" / "deep" / "photo.v2.jpg")
    return root


@pytest.fixture(scope="module")
def shards(mixed_folder, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("shards") / "set"
    shard(mixed_folder, out, verify="header")
    return out


# ---- servers ----


class Files(BaseHTTPRequestHandler):
    """A web server of one folder that knows ranges, and as S3 (path style) a bucket; it can be told to misbehave."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        server = self.server
        server.asked.append((self.command, self.path, self.headers.get("Range")))
        path = server.folder / self.path.split("?")[0].removeprefix(server.prefix).lstrip("/")
        if server.signed and "Credential=dummy/" not in self.headers.get("Authorization", ""):
            return self.answer(403, b"<Error><Code>AccessDenied</Code></Error>")
        if not path.is_file():
            return self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        if server.failures:
            failure = server.failures.pop(0)
            if failure:
                return self.answer(failure, b"<Error><Code>SlowDown</Code></Error>")
            return self.part(path.read_bytes(), cut=True)
        if not server.ranges:
            return self.answer(200, path.read_bytes())
        return self.part(path.read_bytes())

    do_HEAD = do_GET

    def part(self, data: bytes, cut: bool = False) -> None:
        first, last = (int(number) for number in self.headers["Range"].removeprefix("bytes=").split("-"))
        if first >= len(data):
            return self.answer(416, b"")
        last = min(last, len(data) - 1)
        content = data[first : last + 1]
        headers = {"Content-Range": f"bytes {first}-{last}/{len(data)}", "ETag": '"0"'}
        return self.answer(206, content, headers, sent=content[: len(content) // 2] if cut else content)

    def answer(self, status: int, content: bytes, headers: dict | None = None, sent: bytes | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content if sent is None else sent)
        if sent is not None and len(sent) < len(content):
            self.close_connection = True

    def log_message(self, *_) -> None:
        """Not into the tests' output."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address) -> None:
        """A client that hangs up in the middle of an answer is part of these tests."""


@pytest.fixture
def served(shards) -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Files)
    server.folder, server.prefix, server.signed, server.ranges = shards, "/", False, True
    server.failures, server.asked = [], []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def bucket(served, monkeypatch) -> str:
    """The same folder as s3://pictures/big/set, through boto3."""
    pytest.importorskip("boto3", reason="boto3 reads S3; it comes with an extra")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_ENDPOINT_URL": served.url,
        "AWS_ACCESS_KEY_ID": "dummy",
        "AWS_SECRET_ACCESS_KEY": "dummy",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }.items():
        monkeypatch.setenv(name, value)
    served.prefix, served.signed = "/pictures/big/set", True
    return "s3://pictures/big/set"


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(remote_ranges, "DELAYS", (0.0, 0.0))


@pytest.fixture(params=["disk", "http", "s3"])
def place(request, shards) -> str:
    if request.param == "disk":
        return str(shards)
    return request.getfixturevalue("served").url if request.param == "http" else request.getfixturevalue("bucket")


# ---- the promise: the same batches ----


def batches(drawings, workers: int, consumed: int = 0) -> list[dict]:
    settings = PairSettings.from_config(RICH)
    data = LineArtDataModule(drawings, settings, 64, "none", "draft", 3, 8, 5, workers, validation_drawings=0)
    data.consumed = consumed
    return list(data.train_dataloader())


def assert_same(left, right) -> None:
    assert type(left) is type(right)
    if isinstance(left, dict):
        assert left.keys() == right.keys()
        for key in left:
            assert_same(left[key], right[key])
    elif isinstance(left, torch.Tensor):
        assert left.dtype == right.dtype
        assert torch.equal(left, right)
    else:
        assert left == right


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("consumed", [0, 12])
def test_folder_and_shards_give_identical_batches_also_after_a_resume(mixed_folder, place, workers, consumed):
    # Header only, so that the broken picture is met in training and another takes its place: the same one.
    loose = scan(mixed_folder, "header")
    folder = batches(loose, 0, consumed)
    drawings = load_shards(place).drawings
    read_page(drawings[0])  # the parent has files and connections open when its workers are forked
    sharded = batches(drawings, workers, consumed)
    assert len(folder) == len(sharded) == 8 - consumed // 3
    assert 12 % len(of_split(loose, "train")) != 0, "the resume must fall into the middle of an epoch"
    for one, other in zip(folder, sharded):
        assert_same(one, other)


def test_folder_and_shards_give_identical_held_out_drawings(mixed_folder, place):
    loose = FullDrawings(readable(of_split(scan(mixed_folder), "test"), 10))
    sharded = FullDrawings(readable(of_split(load_shards(place).drawings, "test"), 10))
    assert len(loose) == len(sharded) > 0
    for one, other in zip(loose, sharded):
        assert one.name == other.name
        for field in ("line", "color", "foreground"):
            assert np.array_equal(getattr(one, field), getattr(other, field))


def test_shards_remember_split_base_and_licence(mixed_folder, shards):
    loose = scan(mixed_folder, "header")
    found = load_shards(str(shards))
    assert [(d.id, d.split, d.base, d.line is None) for d in found.drawings] == [
        (d.id, d.split, d.base, d.line is None) for d in loose
    ]
    assert found.licence == LICENCE


def test_a_table_of_drawings_is_the_same_in_parts(shards):
    drawings = load_shards(str(shards)).drawings
    listed = list(drawings)
    for split in ("train", "test"):
        part = of_split(drawings, split)
        assert ids_of(part) == ids_of(of_split(listed, split))
        assert [d.id for d in part] == ids_of(part)
    assert [d.id for d in drawings[1:4]] == [d.id for d in listed[1:4]]
    assert drawings[-1].id == listed[-1].id
    with pytest.raises(IndexError):
        drawings[len(listed)]


def test_drawings_travel_to_spawned_workers(place):
    drawings = load_shards(place).drawings
    page = read_page(drawings[0])
    there = pickle.loads(pickle.dumps(drawings))
    assert np.array_equal(read_page(there[0]).color, page.color)


def test_the_order_of_a_stage_does_not_depend_on_the_kind_of_its_names():
    names = ["b", "a", "c", "e", "d"]
    order = [list(KeyedBatches(names, 2, 6, 0, "draft")) for names in (names, tuple(names))]
    assert order[0] == order[1]
    first_epoch = [index for batch in order[0] for epoch, index in batch if epoch == 0]
    assert sorted(first_epoch) == list(range(5))


# ---- what is written ----


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


@pytest.fixture
def noisy_folder(tmp_path) -> Path:
    """Nine pictures of 0.48 MB: two go into a shard of 1 MB, four into one of 2 MB."""
    random = np.random.default_rng(1)
    for index in range(9):
        write_png(tmp_path / "noisy" / "color" / f"n{index}.png", random.integers(0, 256, (400, 400, 3), np.uint8))
    (tmp_path / "noisy" / "line").mkdir()
    return tmp_path / "noisy"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_same_input_gives_the_same_bytes(noisy_folder, tmp_path):
    shard(noisy_folder, tmp_path / "one", shard_mb=1, jobs=1)
    for path in noisy_folder.rglob("*.png"):
        os.utime(path, (1, 1))
    shard(noisy_folder, tmp_path / "two", shard_mb=1, jobs=4)
    one = contents(tmp_path / "one")
    assert list(one) == [INDEX, *(f"shard-{number:06d}.tar" for number in range(5))]
    assert one == contents(tmp_path / "two")


def test_shards_are_about_as_large_as_asked(noisy_folder, tmp_path):
    done = shard(noisy_folder, tmp_path / "out", shard_mb=2)
    assert done.shards == 3
    assert all(path.stat().st_size <= 2_000_000 for path in (tmp_path / "out").glob("*.tar"))
    assert sum(done.drawings.values()) == 9


def test_an_interrupted_sharding_goes_on_and_ends_with_the_same_bytes(noisy_folder, tmp_path, monkeypatch):
    shard(noisy_folder, tmp_path / "whole", shard_mb=2)
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
    assert not list(out.glob("*.tmp"))
    assert not list(out.glob(".*.tmp"))
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
    monkeypatch.setattr(write, "joined", lambda *_: 1 / 0)  # dies just before the index
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


def test_shards_are_not_made_from_shards(shards, tmp_path):
    with pytest.raises(ShardingRefused, match="in shards already"):
        write_shards(load_shards(str(shards)).drawings, shards, tmp_path / "out", progress=False)


# ---- hostile indexes and shards ----

FAR = 2**62
HOSTILE = {
    "outside the shard": {"color_offset": FAR},
    "before the first member": {"color_offset": 0},
    "negative offset": {"color_offset": -512},
    "negative length": {"color_length": -1},
    "empty": {"color_length": 0},
    "longer than the shard": {"color_length": 900_000_000},
    "longer than any picture": {"color_length": FAR},
    "overflowing": {"color_offset": 2**63 - 1, "color_length": 2**63 - 1},
    "no offset": {"color_offset": None},
    "a line far behind": {"line_offset": 2048, "line_length": 900_000_000},
    "a negative line": {"line_offset": 512, "line_length": -5},
    "a line that is the colour": {"line_offset": 512, "line_length": 10},
    "no such shard": {"shard": 7},
    "a shard before the first": {"shard": -1},
    "no shard": {"shard": None},
    "another split": {"split": "validation"},
    "no split": {"split": None},
    "a path upwards": {"id": "../../etc/passwd"},
    "an absolute path": {"id": "/etc/passwd"},
    "a hidden way up": {"id": "a/../../b"},
    "a drive": {"id": "C:evil"},
    "another system's path": {"id": "..\\evil"},
    "no id": {"id": None},
    "an empty id": {"id": ""},
    "an endless id": {"id": "a" * 5000},
    "a base upwards": {"base": "../x"},
    "a huge picture": {"height": 2_000_000, "width": 2_000_000},
    "no picture": {"height": 0},
}


def changed_index(shards: Path, row: int = 0, **values) -> bytes:
    table, metadata = read_table((shards / INDEX).read_bytes(), "index")
    rows = table.to_pylist()
    rows[row] |= values
    return to_bytes(joined([pa.Table.from_pylist(rows, table.schema)], metadata))


@pytest.mark.parametrize("values", HOSTILE.values(), ids=HOSTILE)
def test_an_index_cannot_lead_out_of_its_shards_nor_of_a_folder(shards, values):
    with pytest.raises(DamagedIndex, match=r"row 0 .*linecolor-data shard"):
        read_index(changed_index(shards, **values), "index")


def test_ids_must_be_sorted_and_differ(shards):
    ids = ids_of(load_shards(str(shards)).drawings)
    for name in (ids[1], "zzz"):
        with pytest.raises(DamagedIndex, match="sorted and differ"):
            read_index(changed_index(shards, 0, id=name), "index")


@pytest.mark.parametrize(
    "metadata",
    [
        {"shards": [{"name": "../../etc/passwd", "bytes": 10}]},
        {"shards": [{"name": "shard-000000.tar", "bytes": -1}]},
        {"shards": [{"name": "shard-000000.tar", "bytes": True}]},
        {"shards": ["shard-000000.tar"]},
        {"shards": {}},
        {"format": 2},
        {"format": None},
    ],
)
def test_an_index_names_only_shards_beside_it(shards, metadata):
    table, known = read_table((shards / INDEX).read_bytes(), "index")
    with pytest.raises(DamagedIndex):
        read_index(to_bytes(joined([table], known | metadata)), "index")


def test_other_parquet_files_are_no_index(shards):
    table, metadata = read_table((shards / INDEX).read_bytes(), "index")
    table = joined([table], metadata)
    assert len(read_index(to_bytes(table), "index").ids) == len(table)
    for other in (
        pa.table({"a": [1]}),
        table.drop_columns(["width"]),
        table.set_column(4, "shard", table["shard"].cast(pa.int64())),
        table.replace_schema_metadata(None),
        table.replace_schema_metadata({b"linecolor": b"[" * 100_000}),
    ):
        with pytest.raises(DamagedIndex):
            read_index(to_bytes(other), "index")


def test_text_that_is_no_text_is_refused_when_the_index_is_read(shards):
    table, metadata = read_table((shards / INDEX).read_bytes(), "index")
    raw = [name.encode() for name in table["id"].to_pylist()]
    bad = pa.array([b"\xff\xfe", *raw[1:]], pa.binary()).view(pa.string())
    with pytest.raises(DamagedIndex, match="is damaged"):
        read_index(to_bytes(joined([table.set_column(0, "id", bad)], metadata)), "index")


@given(st.data())
def test_any_bytes_are_read_or_refused(shards, data):
    whole = bytearray((shards / INDEX).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        index = read_index(bytes(whole[: data.draw(st.integers(0, len(whole)))]), "index")
    except DamagedIndex:
        return
    ends = index.color_offset + index.color_length
    assert all(end <= index.shards[shard].size for end, shard in zip(ends, index.shard))


def test_a_changed_shard_is_named_before_training(shards, tmp_path):
    shutil.copytree(shards, tmp_path / "copy")
    path = tmp_path / "copy" / "shard-000000.tar"
    path.write_bytes(path.read_bytes()[:-512])
    with pytest.raises(ChangedFile, match=r"shard-000000\.tar: has .* its index says .* copied in part"):
        load_shards(str(tmp_path / "copy"))
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"shard-000000\.tar"):
        load_shards(str(tmp_path / "copy"))


def test_a_huge_picture_in_a_shard_is_refused_by_its_header(tmp_path):
    header = io.BytesIO()
    Image.new("L", (1, 1)).save(header, format="PNG")
    data = bytearray(header.getvalue())
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    import zlib

    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    with pytest.raises(UnreadableImage, match="60,000 x 60,000 pixels"):
        images.read_color(images.PictureBytes("a slice", bytes(data)))


@pytest.mark.parametrize(
    ("data", "said"), [(b"", "is empty"), (b"GIF89a" + b"\0" * 40, "not a PNG"), (b"\x89PNG\r\n\x1a\n", "broken")]
)
def test_bytes_pass_the_same_door_as_files(data, said):
    with pytest.raises(UnreadableImage, match=f"a slice: .*{said}"):
        images.read_line(images.PictureBytes("a slice", data))


def test_an_unreadable_slice_keeps_its_name_on_its_way_from_a_worker():
    error = UnreadableImage(images.PictureBytes("https://example.org/shard-000000.tar, byte 512", b""), "is empty")
    assert str(pickle.loads(pickle.dumps(error))) == "https://example.org/shard-000000.tar, byte 512: is empty"


@pytest.mark.parametrize("name", ["girls/summer", "a.b", "über", "1F35B", "...a", "a b"])
def test_common_names_are_safe(name):
    assert is_safe_id(name)


# ---- disk ----


def test_many_shards_do_not_use_up_the_files_a_process_may_open(tmp_path):
    for number in range(300):
        (tmp_path / str(number)).write_bytes(bytes([number % 256]) * 10)
    files = DiskRanges(tmp_path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in (*range(300), *range(300)):
        assert files.read(str(number), 2, 3, 10) == bytes([number % 256]) * 3
    assert len(list(Path("/proc/self/fd").iterdir())) - before <= 128


def test_a_range_past_the_end_of_a_file_says_that_it_was_changed(tmp_path):
    (tmp_path / "x").write_bytes(b"12345")
    with pytest.raises(ChangedFile, match="has 5 bytes, its index says 10"):
        DiskRanges(tmp_path).read("x", 2, 8, 10)


# ---- networks ----


def test_a_line_comes_with_its_colour_picture_in_one_request(shards, served):
    drawings = load_shards(served.url).drawings
    drawing = next(drawing for drawing in drawings if drawing.line is not None)
    before = len(served.asked)
    color, line = drawing.color.read(), drawing.line.read()
    assert len(served.asked) == before + 1
    assert drawing.line.read() == line
    assert len(served.asked) == before + 2
    disk = next(d for d in load_shards(str(shards)).drawings if d.id == drawing.id)
    assert (disk.color.read(), disk.line.read()) == (color, line)


@pytest.mark.parametrize("kind", ["http", "s3"])
def test_a_passing_failure_is_tried_again(request, kind, served, shards, caplog):
    root = served.url if kind == "http" else request.getfixturevalue("bucket")
    drawings = load_shards(root).drawings
    expected = load_shards(str(shards)).drawings[0].color.read()
    for failures in ([503, 500], [429], [0, 0]):  # 0: the connection breaks in the middle of the body
        served.failures = list(failures)
        with caplog.at_level(logging.WARNING, "linecolor"):
            assert drawings[0].color.read() == expected
        assert not served.failures
    assert "trying again" in caplog.text


@pytest.mark.parametrize("kind", ["http", "s3"])
def test_a_lasting_failure_ends_with_the_address(request, kind, served):
    root = served.url if kind == "http" else request.getfixturevalue("bucket")
    drawings = load_shards(root).drawings
    served.failures = [503] * 10
    with pytest.raises(
        remote_ranges.Unreachable, match=rf"{root}/shard-000000\.tar: cannot be read, tried 3 times: 503"
    ):
        drawings[0].color.read()
    assert len(served.failures) == 7


def test_a_server_that_is_down_is_named(served):
    drawings = load_shards(served.url).drawings
    served.shutdown()
    served.server_close()
    fresh = pickle.loads(pickle.dumps(drawings))
    with pytest.raises(remote_ranges.Unreachable, match=rf"{served.url}/shard-.*refused"):
        read_page(fresh[0])


@pytest.mark.parametrize("kind", ["http", "s3"])
def test_a_server_without_ranges_is_refused_at_once(request, kind, served):
    root = served.url if kind == "http" else request.getfixturevalue("bucket")
    served.ranges = False
    with pytest.raises(remote_ranges.NoRanges, match=rf"{root}/{INDEX}: the server does not support range requests"):
        load_shards(root)
    assert len(served.asked) == 1


@pytest.mark.parametrize("kind", ["http", "s3"])
def test_a_missing_place_is_named_and_not_tried_again(request, kind, served):
    root = served.url if kind == "http" else request.getfixturevalue("bucket")
    with pytest.raises(FileNotFoundError, match=f"{root}/nowhere/{INDEX}: there is no such file"):
        load_shards(f"{root}/nowhere")
    assert len(served.asked) == 1


def test_wrong_credentials_are_told(bucket, served, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
    with pytest.raises(PermissionError, match=f"{bucket}/{INDEX}: access denied .403 AccessDenied"):
        load_shards(bucket)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(PermissionError, match="Unable to locate credentials; set AWS_ACCESS_KEY_ID"):
        load_shards(bucket)


def test_s3_is_read_by_signed_ranges_path_style(bucket, served):
    read_page(load_shards(bucket).drawings[0])
    assert [method for method, _, _ in served.asked] == ["GET", "GET"]
    assert served.asked[0][1].startswith(f"/pictures/big/set/{INDEX}")
    assert all(asked_range.startswith("bytes=") for _, _, asked_range in served.asked)


def test_a_shard_that_was_replaced_on_the_server_is_noticed(served, shards, tmp_path):
    shutil.copytree(shards, tmp_path / "copy")
    served.folder = tmp_path / "copy"
    drawings = load_shards(served.url).drawings
    with (tmp_path / "copy" / "shard-000000.tar").open("ab") as file:
        file.write(b"\0" * 512)
    with pytest.raises(ChangedFile, match="its index says"):
        drawings[0].color.read()


def test_an_index_of_any_length_is_not_swallowed(served, shards):
    with pytest.raises(ValueError, match=rf"{INDEX}: has more than 100 bytes"):
        open_place(served.url).read_whole(INDEX, 100)
    with pytest.raises(ValueError, match=rf"{INDEX}: has more than 100 bytes"):
        open_place(str(shards)).read_whole(INDEX, 100)


def test_a_large_index_is_fetched_in_ranges(served, shards, monkeypatch):
    monkeypatch.setattr(remote_ranges, "_CHUNK", 1000)
    whole = (shards / INDEX).read_bytes()
    assert open_place(served.url).read_whole(INDEX, 10**6) == whole
    assert len(served.asked) == -(-len(whole) // 1000)


def test_passwords_and_signatures_reach_the_server_but_no_message(served, monkeypatch):
    host = served.url.removeprefix("http://")
    root = f"http://me:secret@{host}/nowhere?signature=hidden"
    with pytest.raises(FileNotFoundError) as told:
        load_shards(root)
    assert str(told.value).startswith(f"http://{host}/nowhere/{INDEX}: there is no such file")
    assert "secret" not in str(told.value)
    assert "hidden" not in str(told.value)
    assert served.asked[0][1] == f"/nowhere/{INDEX}?signature=hidden"


@pytest.mark.parametrize("root", ["ftp://host/x", "gs://bucket/x", "s3:///x", "s3://key:secret@bucket/x"])
def test_other_addresses_are_refused(root):
    with pytest.raises(ValueError, match=r"://.*(read from a folder|is no S3 address)"):
        load_shards(root)


def test_no_pickle_and_no_path_in_what_is_written(shards, mixed_folder):
    for path in shards.iterdir():
        assert str(mixed_folder).encode() not in path.read_bytes()
    assert pq.read_schema(shards / INDEX).names[:4] == ["id", "split", "base", "path"]
