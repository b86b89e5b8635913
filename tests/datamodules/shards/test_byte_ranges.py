"""Shards on a disk, on a web server and in S3."""

import logging
import pickle
import shutil
from pathlib import Path

import pytest

from datamodules.illustrations import read_page
from datamodules.shards import remote_ranges
from datamodules.shards.byte_ranges import ChangedFile, DiskRanges, open_place
from datamodules.shards.drawings import load_shards
from datamodules.shards.index import INDEX

pytestmark = pytest.mark.slow


@pytest.fixture(params=["http", "s3"])
def root(request, served) -> str:
    return served.url if request.param == "http" else request.getfixturevalue("bucket")


def test_a_changed_shard_is_named_before_training(shards, tmp_path):
    shutil.copytree(shards, tmp_path / "copy")
    path = tmp_path / "copy" / "shard-000000.tar"
    path.write_bytes(path.read_bytes()[:-512])
    with pytest.raises(ChangedFile, match=r"shard-000000\.tar: has .* its index says .* copied in part"):
        load_shards(str(tmp_path / "copy"))
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"shard-000000\.tar"):
        load_shards(str(tmp_path / "copy"))


def test_many_shards_do_not_use_up_open_files_and_a_range_past_the_end_of_one_says_that_it_was_changed(tmp_path):
    for number in range(300):
        (tmp_path / str(number)).write_bytes(bytes([number % 256]) * 10)
    files = DiskRanges(tmp_path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in (*range(300), *range(300)):
        assert files.read(str(number), 2, 3, 10) == bytes([number % 256]) * 3
    assert len(list(Path("/proc/self/fd").iterdir())) - before <= 128

    (tmp_path / "x").write_bytes(b"12345")
    with pytest.raises(ChangedFile, match="has 5 bytes, its index says 10"):
        files.read("x", 2, 8, 10)


def test_a_line_comes_with_its_colour_picture_in_one_request(shards, served):
    drawings = load_shards(served.url).drawings
    drawing = next(drawing for drawing in drawings if drawing.line is not None)
    before = len(served.requests)
    color, line = drawing.color.read(), drawing.line.read()
    assert len(served.requests) == before + 1
    assert drawing.line.read() == line
    assert len(served.requests) == before + 2
    disk = next(d for d in load_shards(str(shards)).drawings if d.id == drawing.id)
    assert (disk.color.read(), disk.line.read()) == (color, line)


def test_a_passing_failure_is_tried_again(root, served, shards, caplog):
    drawings = load_shards(root).drawings
    expected = load_shards(str(shards)).drawings[0].color.read()
    for failures in ([503, 500], [429], [0, 0]):  # 0: the connection breaks in the middle of the body
        served.failures = list(failures)
        with caplog.at_level(logging.WARNING, "linecolor"):
            assert drawings[0].color.read() == expected
        assert not served.failures
    assert "trying again" in caplog.text


def test_a_lasting_failure_ends_with_the_address(root, served):
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


def test_a_missing_place_and_a_server_without_ranges_are_named_and_not_tried_again(root, served):
    with pytest.raises(FileNotFoundError, match=f"{root}/nowhere/{INDEX}: there is no such file"):
        load_shards(f"{root}/nowhere")
    assert len(served.requests) == 1
    served.ranges = False
    with pytest.raises(remote_ranges.NoRanges, match=rf"{root}/{INDEX}: the server does not support range requests"):
        load_shards(root)
    assert len(served.requests) == 2


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
    assert [method for method, _, _ in served.requests] == ["GET", "GET"]
    assert served.requests[0][1].startswith(f"/pictures/big/set/{INDEX}")
    assert all(requested.startswith("bytes=") for _, _, requested in served.requests)


def test_a_shard_that_was_replaced_on_the_server_is_noticed(served, shards, tmp_path):
    shutil.copytree(shards, tmp_path / "copy")
    served.folder = tmp_path / "copy"
    drawings = load_shards(served.url).drawings
    with (tmp_path / "copy" / "shard-000000.tar").open("ab") as file:
        file.write(b"\0" * 512)
    with pytest.raises(ChangedFile, match="its index says"):
        drawings[0].color.read()


def test_a_large_index_is_fetched_in_ranges_and_one_of_any_length_not_swallowed(served, shards, monkeypatch):
    for place in (served.url, str(shards)):
        with pytest.raises(ValueError, match=rf"{INDEX}: has more than 100 bytes"):
            open_place(place).read_whole(INDEX, 100)
    served.requests.clear()
    monkeypatch.setattr(remote_ranges, "_CHUNK", 1000)
    whole = (shards / INDEX).read_bytes()
    assert open_place(served.url).read_whole(INDEX, 10**6) == whole
    assert len(served.requests) == -(-len(whole) // 1000)


def test_passwords_and_signatures_reach_the_server_but_no_message(served, monkeypatch):
    host = served.url.removeprefix("http://")
    root = f"http://me:secret@{host}/nowhere?signature=hidden"
    with pytest.raises(FileNotFoundError) as caught:
        load_shards(root)
    assert str(caught.value).startswith(f"http://{host}/nowhere/{INDEX}: there is no such file")
    assert "secret" not in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert served.requests[0][1] == f"/nowhere/{INDEX}?signature=hidden"


@pytest.mark.parametrize("root", ["ftp://host/x", "gs://bucket/x", "s3:///x", "s3://key:secret@bucket/x"])
def test_other_addresses_are_refused(root):
    with pytest.raises(ValueError, match=r"://.*(read from a folder|is no S3 address)"):
        load_shards(root)
