import json
import shlex
import sys
from collections.abc import Callable

import pytest
from PIL import Image

from linecolor.cli.data import main


@pytest.fixture
def prepare(capsys) -> Callable[..., str]:
    """`linecolor-data prepare`; what it says, on standard error if the code is not 0."""

    def said(*words: object, code: int = 0) -> str:
        assert main(["prepare", *map(str, words)]) == code
        printed = capsys.readouterr()
        return printed.err if code else printed.out

    return said


def test_prepare_openmoji_writes_pairs_says_what_next_and_reuses_them(tmp_path, prepare):
    out = tmp_path / "openmoji"
    words = ("openmoji", "--out", out, "--limit", 4, "--test-limit", 2, "--size", 96)
    first = prepare(*words, "--test-size", 128)
    for expected in ("4 train, 2 test", "CC BY-SA 4.0", f"linecolor-train experiment=demo data.root={out}"):
        assert expected in first
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["licence"]["name"] == "CC BY-SA 4.0"
    assert [row["id"] for row in manifest["drawings"] if row["split"] == "test"] == ["1F35B", "1F37C"]
    for row in manifest["drawings"]:
        for kind, mode in (("color", "RGBA"), ("line", "L")):
            with Image.open(out / row["split"] / kind / f"{row['id']}.png") as picture:
                assert (picture.size, picture.mode) == (tuple(row["size"]), mode)

    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    assert "6 of them were there already" in prepare(*words, "--test-size", 128)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.png")} == times

    other = prepare(*words, "--test-size", 160, code=2)
    assert "test size 128, now 160" in other
    assert other.count("\n") == 1


def test_prepare_characters_says_what_next_as_a_shell_takes_it(tmp_path, prepare, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    out = tmp_path / "it's (1)"
    said = prepare("characters", "--out=~/it's (1)", "--count", 3, "--size", 96, "--test-size", 96)
    found = sorted(path.name for path in out.rglob("line/*.png"))
    assert found == [f"{style}-000000.png" for style in ("adventurer", "micah", "open-peeps")]
    assert "CC BY 4.0" in said
    command = said.strip().splitlines()[-1].removeprefix("try next")
    assert shlex.split(command) == ["linecolor-train", "experiment=demo", f"data.root={out}"]


def test_prepare_panels_writes_masks_of_the_test_panels_and_names_every_licence(tmp_path, prepare):
    words = ("panels", "--out", tmp_path, "--count", 2, "--test-count", 1, "--size", 64, "--test-size", 96)
    said = prepare(*words)
    for expected in ("2 train, 1 test", "CC BY-SA 4.0", "CC0 1.0", "CC BY 4.0"):
        assert expected in said
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png")} == {
        *(f"test/{kind}/panel-t000000.png" for kind in ("background", "color", "line")),
        *(f"train/{kind}/panel-00000{number}.png" for kind in ("color", "line") for number in (0, 1)),
    }
    assert "3 of them were there already" in prepare(*words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["prepare", "openmoji", "--out", "x", "--size", "4"], "train size 4"),
        (["prepare", "openmoji", "--out", "x", "--limit", "-1"], "--limit -1"),
        (["prepare", "openmoji", "--out", "x", "--limit", "0", "--test-limit", "0"], "nothing to render"),
        (["prepare", "characters", "--out", "x", "--styles", "manga"], "manga"),
        (["prepare", "panels", "--out", "x", "--count", "0"], "--count 0"),
        (["prepare", "panels", "--out", "x", "--test-count", "-1"], "--test-count -1"),
        (["preview", "-o", "x.png", "--count", "0"], "--count 0"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not any(tmp_path.iterdir())


def test_a_missing_package_says_what_to_install(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    assert main(["prepare", "characters", "--out", str(tmp_path / "x"), "--count", "1"]) == 2
    assert 'pip install ".[data]"' in capsys.readouterr().err


@pytest.mark.parametrize("words", [["prepare", "openmoji", "--out", "x", "stray"], ["preview", "-o", "x", "--no"]])
def test_stray_words_are_refused(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    assert "unrecognized" in capsys.readouterr().err


def test_preview_takes_overrides_before_and_after_its_options(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr("linecolor.experiment.preview.write_preview", lambda *given: calls.append(given))
    output = tmp_path / "sheet.png"
    words = ["experiment=demo", "-o", str(output), "data.root=x", "--count", "4", "+a=1"]
    assert main(["preview", *words]) == 0
    assert calls == [(output, ["experiment=demo", "data.root=x", "+a=1"], 4)]
