import logging
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datamodules.curation import manifest, survey
from datamodules.curation.manifest import ManifestRefused, read_facts, read_judged, read_measured, row_name
from datamodules.curation.survey import PARTS, drop_parts
from linecolor.cli.data import main
from linecolor.images import find_images
from tests.datamodules.curation.faulty_pictures import made


@pytest.fixture
def folder(tmp_path) -> Path:
    """Twelve pictures: good ones, a grey one, a copy, a broken one."""
    root = tmp_path / "pictures"
    wanted = [("good", range(8)), ("greyscale", [3]), ("near_duplicate", [0, 5]), ("unreadable", [3])]
    for kind, numbers in wanted:
        (root / kind).mkdir(parents=True)
        for number in numbers:
            data, suffix = made(kind, number)
            (root / kind / f"{number}{suffix}").write_bytes(data)
    return root


def curate(root: Path, out: Path, *options: str) -> list[dict]:
    assert main(["curate", str(root), "--out", str(out), "--short-side", "180", "--jobs", "1", *options]) == 0
    return pq.read_table(out / "manifest.parquet").to_pylist()


@pytest.fixture
def measured_files(monkeypatch) -> list[str]:
    """The names of all files that are measured, as they are measured."""
    seen: list[str] = []
    measure = survey._measure_file
    monkeypatch.setattr(survey, "_measure_file", lambda entry: seen.append(entry.name) or measure(entry))
    return seen


@pytest.mark.slow
def test_every_file_has_a_row_with_its_numbers_and_reasons_and_none_is_changed(folder, tmp_path):
    def state():
        return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in folder.rglob("*")}

    before = state()
    rows = curate(folder, tmp_path / "out")
    assert state() == before
    files = sorted(path.relative_to(folder).as_posix() for path in find_images(folder))
    assert [row["path"] for row in rows] == files
    for row in rows:
        assert row["bytes"] == (folder / row["path"]).stat().st_size
        assert row["kept"] == (not row["reasons"])
        assert (row["error"] is None) == (row["chroma"] is not None) == (row["hash"] is not None)
    reasons = {row["path"].split("/")[0]: row["reasons"] for row in rows}
    assert reasons["greyscale"] == ["greyscale"]
    assert reasons["unreadable"] == ["unreadable"]
    copies = {row["path"]: row["duplicate_of"] for row in rows if row["duplicate_of"]}
    assert {Path(copy).stem: Path(original).stem for copy, original in copies.items()} == {"0": "0", "5": "5"}
    assert all(original.startswith("good/") for original in copies.values())


def test_thresholds_are_stored_and_others_judge_again_without_measuring(folder, tmp_path, measured_files):
    first = curate(folder, tmp_path / "out", "--examples", "0")
    assert len(measured_files) == len(first)
    second = curate(folder, tmp_path / "out", "--grey-chroma", "0", "--hash-distance", "-1", "--examples", "0")
    assert len(measured_files) == len(first)
    assert sum(row["kept"] for row in second) == sum(row["kept"] for row in first) + 2
    thresholds = read_facts(tmp_path / "out" / "manifest.parquet")["thresholds"]
    assert (thresholds["grey_chroma"], thresholds["hash_distance"], thresholds["short_side"]) == (0, -1, 180)
    numbers = [{k: v for k, v in row.items() if k not in ("kept", "reasons", "duplicate_of")} for row in first]
    assert numbers == [{k: v for k, v in row.items() if k in numbers[0]} for row in second]


def test_a_stopped_run_goes_on_and_ends_with_the_same_bytes(folder, tmp_path, monkeypatch, measured_files, capsys):
    curate(folder, tmp_path / "whole")
    measured_files.clear()
    measure = survey._measure_file

    def stop_at_the_sixth(entry):
        if len(measured_files) == 5:
            raise KeyboardInterrupt
        return measure(entry)

    monkeypatch.setattr(survey, "_measure_file", stop_at_the_sixth)
    arguments = ["curate", str(folder), "--out", str(tmp_path / "out"), "--short-side", "180", "--jobs", "1"]
    assert main(arguments) == 130
    assert "goes on from here" in capsys.readouterr().err
    assert not (tmp_path / "out" / "manifest.parquet").exists()
    assert len(list((tmp_path / "out" / PARTS).iterdir())) == 1
    monkeypatch.setattr(survey, "_measure_file", measure)
    assert main(arguments) == 0
    assert "5 of them were measured before" in capsys.readouterr().out
    assert len(measured_files) == len(set(measured_files)) == 12
    for name in ("manifest.parquet", "sheet.html"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert not (tmp_path / "out" / PARTS).exists()


def test_changed_and_new_files_are_measured_missing_ones_forgotten_and_for_other_figures_all_anew(
    folder, tmp_path, monkeypatch, measured_files
):
    first = curate(folder, tmp_path / "out")
    measured_files.clear()
    changed, touched, gone = [folder / row["path"] for row in first if row["path"].startswith("good")][:3]
    changed.write_bytes(made("greyscale", 30)[0])
    os.utime(touched, ns=(1, 1))
    gone.unlink()
    (folder / "new.png").write_bytes(made("good", 20)[0])
    second = {row["path"]: row for row in curate(folder, tmp_path / "out")}
    assert sorted(measured_files) == sorted(
        ["new.png", *(p.relative_to(folder).as_posix() for p in (changed, touched))]
    )
    assert len(second) == len(first)
    assert second[changed.relative_to(folder).as_posix()]["reasons"][0] == "greyscale"
    measured_files.clear()
    monkeypatch.setattr(manifest, "VERSION", manifest.VERSION + 1)
    curate(folder, tmp_path / "out")
    assert len(measured_files) == 12


def test_a_manifest_of_another_folder_is_not_overwritten(folder, tmp_path, capsys):
    curate(folder, tmp_path / "out")
    before = (tmp_path / "out" / "manifest.parquet").read_bytes()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.png").write_bytes(made("good", 1)[0])
    assert main(["curate", str(tmp_path / "other"), "--out", str(tmp_path / "out")]) == 2
    assert "of another folder" in capsys.readouterr().err
    assert (tmp_path / "out" / "manifest.parquet").read_bytes() == before


def test_damaged_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(ManifestRefused, match="no such manifest"):
        read_judged(tmp_path / "none.parquet")
    (tmp_path / "junk.parquet").write_bytes(b"PAR1 nothing PAR1")
    pq.write_table(pa.table({"path": ["a"]}), tmp_path / "foreign.parquet")
    for name in ("junk", "foreign"):
        with pytest.raises(ManifestRefused, match=f"{name}.parquet: no manifest of linecolor-data curate"):
            read_measured(tmp_path / f"{name}.parquet")
    manifest.write_table(tmp_path / "part.parquet", manifest.MEASURED.empty_table())
    with pytest.raises(ManifestRefused, match="unfinished"):
        read_judged(tmp_path / "part.parquet")
    manifest.write_table(tmp_path / "bare.parquet", pa.table({"path": ["a"]}), {"thresholds": {}})
    with pytest.raises(ManifestRefused, match="damaged"):
        read_judged(tmp_path / "bare.parquet")


def test_a_name_that_is_no_text_has_a_row(tmp_path):
    root = tmp_path / "pictures"
    root.mkdir()
    strange = os.fsdecode(b"caf\xe9.png")
    try:
        (root / strange).write_bytes(made("good", 2)[0])
    except OSError:
        pytest.skip("this file system takes text only")
    assert curate(root, tmp_path / "out")[0]["path"] == "caf\\xe9.png"
    assert row_name(root / strange, root) == "caf\\xe9.png"


def test_files_of_other_kinds_are_told_and_a_long_name_has_a_row(tmp_path, caplog):
    (tmp_path / "art").mkdir()
    names = ["0.png", f"{'x' * 251}.png"]
    for name in names:
        (tmp_path / "art" / name).write_bytes(made("good", 0)[0])
    for name in ("a.psd", "b.kra"):
        (tmp_path / "art" / name).touch()
    with caplog.at_level(logging.WARNING, "linecolor"):
        assert [row["path"] for row in curate(tmp_path / "art", tmp_path / "out")] == names
    said = f"{tmp_path / 'art'}: 2 files are of other kinds and left out: a.psd, b.kra"
    assert [record.message for record in caplog.records] == [said]


def test_parts_are_dropped_and_other_files_left(tmp_path):
    (tmp_path / PARTS).mkdir()
    (tmp_path / PARTS / "a.parquet").touch()
    (tmp_path / PARTS / "notes.txt").touch()
    drop_parts(tmp_path)
    assert [path.name for path in (tmp_path / PARTS).iterdir()] == ["notes.txt"]
