"""linecolor-data curate as a user types it, killed and started again, and the training that reads its outcome."""

import json
import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from linecolor.cli.data import main
from tests.end_to_end.program import TINY, run


def add_faults(root: Path, pictures: Path) -> None:
    """The ten coloured drawings of the suite on white paper, and beside them: grey, dark, small, a copy, broken."""
    (root / "faults").mkdir(parents=True)
    for path in sorted((pictures / "color").glob("*.png")):
        rgba = Image.open(path).resize((288, 288), Image.Resampling.LANCZOS)
        paper = Image.new("RGB", rgba.size, "white")
        paper.paste(rgba, mask=rgba)
        paper.save(root / path.name)
    first = Image.open(root / "drawing0.png")
    first.convert("L").save(root / "faults" / "grey.png")
    Image.fromarray((np.asarray(first) * 0.1).astype(np.uint8)).save(root / "faults" / "dark.png")
    first.resize((90, 90)).save(root / "faults" / "small.png")
    first.resize((270, 270)).save(root / "faults" / "copy.jpg", quality=85)
    (root / "faults" / "broken.webp").write_bytes(b"RIFF")


@pytest.fixture(scope="module")
def folder(picture_folder, tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("curate") / "my illustrations"
    add_faults(root, picture_folder)
    return root


LIMITS = ("--short-side", "128", "--stroke-share", "1")


@pytest.fixture(scope="module")
def curated(folder, tmp_path_factory) -> Path:
    """The folder curated by one process: sheet.html and manifest.parquet."""
    out = tmp_path_factory.mktemp("curated")
    assert main(["curate", str(folder), "--out", str(out), *LIMITS, "--jobs", "1"]) == 0
    return out


def test_curate_writes_the_manifest_and_the_sheet_and_training_reads_what_is_kept(folder, monkeypatch, capsys):
    home = folder.parent
    done = run("data", "curate", folder.name, *LIMITS, "--jobs", 2, cwd=home)
    out = home / "my illustrations-curation"
    rows = {row["path"]: row for row in pq.read_table(out / "manifest.parquet").to_pylist()}
    assert len(rows) == 15
    expected = {"grey": "greyscale", "dark": "low_key", "small": "short_side", "broken": "unreadable"}
    for name, row in rows.items():
        if name.startswith("faults/"):
            assert not row["kept"], row
            assert expected.get(Path(name).stem, "near_duplicate") in row["reasons"], row
    assert rows["faults/copy.jpg"]["duplicate_of"] == "drawing0.png"
    kept = [name for name, row in rows.items() if row["kept"]]
    assert len(kept) >= 6
    for expected_word in ("pictures    15", f"kept        {len(kept)}", "unreadable              1", "data.manifest="):
        assert expected_word in done.stdout

    monkeypatch.chdir(home)
    assert main(["curate", folder.name, *LIMITS]) == 0
    assert "15 of them were measured before" in capsys.readouterr().out

    run(
        "train", *TINY, "evaluation.enabled=false", "data=folder", f"data.root={folder}",
        f"data.manifest={out / 'manifest.parquet'}", "data.test_share=0.3", "stages=[draft]", cwd=home,
    )  # fmt: skip
    bundle = next((home / "runs").glob("*/bundle/bundle.yaml")).read_text(encoding="utf-8")
    assert 0 < int(re.search(r"training_drawings: (\d+)", bundle)[1]) <= len(kept)


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.sections: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.sources += [found[name] for name in ("src", "href") if found.get(name)]
        self.sections += [found["id"]] if tag == "section" and "id" in found else []

    def handle_data(self, data):
        self.text += data


def test_the_sheet_is_one_self_contained_file_with_examples_of_every_reason(curated):
    page = Page()
    page.feed((curated / "sheet.html").read_text(encoding="utf-8"))
    assert all(source.startswith(("data:", "#")) for source in page.sources)
    pictures = [source for source in page.sources if source.startswith("data:image/webp")]
    assert len(pictures) >= 15  # all but the broken one, the copy beside what it repeats
    assert {"kept", "unreadable", "greyscale", "low_key", "near_duplicate", "thresholds"} <= set(page.sections)
    for word in ("faults/broken.webp", "my illustrations", "chroma 0", "kept: drawing0.png", "hash-distance"):
        assert word in page.text, word


def test_a_killed_run_goes_on_and_ends_with_the_same_manifest(tmp_path, monkeypatch, capsys):
    many = tmp_path / "many"
    many.mkdir()
    random = np.random.default_rng(0)
    for number in range(240):
        Image.fromarray(random.integers(0, 256, (300, 300, 3), dtype=np.uint8)).save(many / f"{number}.jpg")
    code = (
        "from pathlib import Path; from datamodules.curation.survey import survey\n"
        "if __name__ == '__main__': survey(Path('many'), Path('out'), 2, part_seconds=0)"
    )
    (tmp_path / "script.py").write_text(code)
    process = subprocess.Popen([sys.executable, "script.py"], cwd=tmp_path)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("out/.parts/*.parquet"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    monkeypatch.chdir(tmp_path)
    for out in ("whole", "out"):
        assert main(["curate", "many", "--out", out, "--short-side", "128", "--examples", "0", "--jobs", "1"]) == 0
    before = int(re.search(r"\((\d+) of them were measured before", capsys.readouterr().out)[1])
    assert 96 <= before < 240
    assert (tmp_path / "out/manifest.parquet").read_bytes() == (tmp_path / "whole/manifest.parquet").read_bytes()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["manifest.parquet"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "nowhere: no such folder"),
        (["."], "holds no picture"),
        ([".", "--jobs", "0"], "--jobs 0 must be 1 or more"),
        ([".", "--examples", "-1"], "--examples -1 must be 0 or more"),
        ([".", "--hash-distance", "12"], "--hash-distance 12 must be a whole number from -1 to 10"),
        ([".", "--photograph", "nan"], "--photograph nan must be a number from 0 to 2"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(words, message, capsys, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert main(["curate", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not any((tmp_path / "here").iterdir())


def test_a_manifest_that_does_not_fit_ends_training_with_one_clear_message(
    curated, picture_folder, tmp_path, training_refuses
):
    words = ["data=folder", f"data.root={picture_folder / 'color'}", f"data.manifest={curated / 'manifest.parquet'}"]
    assert "does not fit" in training_refuses(*TINY, *words, cwd=tmp_path)


def test_the_manifest_is_plain_parquet_with_its_thresholds(curated):
    manifest = curated / "manifest.parquet"
    facts = json.loads(pq.read_schema(manifest).metadata[b"linecolor.curation"])
    assert facts["thresholds"]["short_side"] == 128
    assert pq.read_table(manifest, columns=["path", "kept", "reasons", "photograph"]).num_rows == 15
