import json
import math

import pytest

from linecolor.runs.record import append_record, cut_back, read_record, secured_size
from linecolor.runs.run_folder import RunFolder, versions


@pytest.mark.parametrize("name", ["", ".", "..", "../elsewhere", "a/b", "/tmp/x"])
def test_a_run_never_lands_outside_its_folder(tmp_path, name):
    with pytest.raises(ValueError, match="is no folder name"):
        RunFolder.named(str(tmp_path), name)
    assert not list(tmp_path.iterdir())


def test_resume_is_asked_of_the_run_not_of_each_stage(tmp_path):
    run, stages = RunFolder.named(str(tmp_path), "a"), ["draft", "colorizer"]
    run.check_resume("never", stages)
    with pytest.raises(ValueError, match="resume=must, but there is no checkpoint"):
        run.check_resume("must", stages)
    run.complete("draft", {"steps": 7})
    run.check_resume("must", stages)  # though the colorizer has none
    with pytest.raises(ValueError, match="holds a started run and resume=never"):
        run.check_resume("never", stages)


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b"- 1"])
def test_damaged_files_of_a_run_are_named(tmp_path, damage):
    run = RunFolder.named(str(tmp_path), "a")
    run.stage("draft").mkdir(parents=True)
    (run.stage("draft") / "complete.json").write_bytes(damage)
    with pytest.raises(ValueError, match=r"complete\.json: is damaged"):
        run.facts("draft")


def test_completion_is_remembered(tmp_path):
    run = RunFolder.named(str(tmp_path), "a")
    assert not run.is_complete("draft", 7)
    assert run.facts("draft") == {}
    run.stage("draft").mkdir(parents=True)
    run.complete("draft", {"steps": 7})
    again = RunFolder.named(str(tmp_path), "a")
    assert again.is_complete("draft", 7)
    assert again.facts("draft")["steps"] == 7


def test_a_run_records_what_it_was_made_with_and_clears_away_what_a_killed_program_left_half_written(tmp_path):
    run = RunFolder.named(str(tmp_path), "a")
    (run.path / "draft").mkdir(parents=True)
    (run.path / "draft" / ".0123.tmp").touch()
    run.record({"seed": 3}, ["linecolor-train", "seed=3"])
    assert not (run.path / "draft" / ".0123.tmp").exists()
    facts = json.loads((run.path / "run.json").read_text())
    assert facts["versions"] == versions()
    assert facts["versions"]["torch"].startswith("2.")
    assert facts["machine"]["threads"] >= 1
    assert "seed: 3" in (run.path / "config.yaml").read_text()


def test_the_record_keeps_whole_lines_and_turns_nan_into_null(tmp_path):
    path = tmp_path / "metrics.jsonl"
    append_record(path, 8, {"loss": 0.5, "broken": math.nan})
    append_record(path, 16, {"loss": 0.25})
    with path.open("a") as file:
        file.write('{"images_seen": 24, "lo')
    assert read_record(path) == [{"images_seen": 8, "loss": 0.5, "broken": None}, {"images_seen": 16, "loss": 0.25}]


def test_the_record_is_cut_back_to_a_checkpoint(tmp_path):
    path = tmp_path / "metrics.jsonl"
    for seen in (8, 16, 24):
        append_record(path, seen, {"loss": 1.0})
        if seen == 16:
            size = secured_size(path)
    cut_back(path, size)
    assert [line["images_seen"] for line in read_record(path)] == [8, 16]
    cut_back(path, size - 1)
    assert [line["images_seen"] for line in read_record(path)] == [8], "half a line is none"
    cut_back(path, 10**6)
    assert [line["images_seen"] for line in read_record(path)] == [8], "a record that a power failure shortened"
    cut_back(tmp_path / "none.jsonl", 0)
    assert read_record(tmp_path / "none.jsonl") == []
