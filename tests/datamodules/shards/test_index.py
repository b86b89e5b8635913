"""An index comes from outside: nothing in it leads out of its shards or of a folder."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.shards.drawings import load_shards
from datamodules.shards.index import INDEX, DamagedIndex, is_safe_id, read_index, read_table, to_bytes
from datamodules.sources.drawing import ids_of

pytestmark = pytest.mark.slow

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
    return to_bytes(pa.Table.from_pylist(rows, table.schema), metadata)


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
        read_index(to_bytes(table, known | metadata), "index")


def test_other_parquet_files_are_no_index(shards):
    table, metadata = read_table((shards / INDEX).read_bytes(), "index")
    other_type = table.set_column(4, "shard", table["shard"].cast(pa.int64()))
    others = [to_bytes(other, metadata) for other in (pa.table({"a": [1]}), table.drop_columns(["width"]), other_type)]
    for about in (None, {b"linecolor": b"[" * 100_000}):
        pq.write_table(table.replace_schema_metadata(about), sink := pa.BufferOutputStream())
        others.append(sink.getvalue().to_pybytes())
    assert len(read_index(to_bytes(table, metadata), "index").ids) == len(table)
    for other in others:
        with pytest.raises(DamagedIndex):
            read_index(other, "index")


def test_text_that_is_no_text_is_refused_when_the_index_is_read(shards):
    table, metadata = read_table((shards / INDEX).read_bytes(), "index")
    raw = [name.encode() for name in table["id"].to_pylist()]
    bad = pa.array([b"\xff\xfe", *raw[1:]], pa.binary()).view(pa.string())
    with pytest.raises(DamagedIndex, match="is damaged"):
        read_index(to_bytes(table.set_column(0, "id", bad), metadata), "index")


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


@pytest.mark.parametrize("name", ["girls/summer", "a.b", "über", "1F35B", "...a", "a b"])
def test_common_names_are_safe(name):
    assert is_safe_id(name)
