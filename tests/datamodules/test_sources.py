import json
import logging
import shutil
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from datamodules.prepare import characters, openmoji, rendering
from datamodules.prepare.rendering import Licence, MissingDataPackage, Origin, Row, render_pairs, render_svg
from datamodules.sources.data_set import RenderingRefused, read_manifest
from datamodules.sources.drawing import split_of
from datamodules.sources.folder import NoPictures, read_licence, scan_folder
from linecolor.images import read_color, read_line, write_png

ORIGIN = Origin("squares", "1", Licence("CC0", "https://example.org/cc0", "Squares by nobody"))
ROWS = [Row("a", "a", "train"), Row("b", "b", "train"), Row("c", "c", "test")]
SIZES = {"train": 16, "test": 32}


def square(name: str, color: str = "#ff0000") -> tuple[str, str]:
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8">'
    outline = '<rect x="2" y="2" width="4" height="4" fill="none" stroke="#000"/></svg>'
    return f'{head}<rect x="2" y="2" width="4" height="4" fill="{color}"/>{outline}', f"{head}{outline}"


def render(out: Path, draw=square, rows=ROWS, options=None, **more):
    return render_pairs(out, ORIGIN, rows, draw, options or {"seed": 0}, SIZES, **{"jobs": 1, "progress": False} | more)


def gray(path: Path, height: int = 6, width: int = 4, value: int = 9) -> Path:
    write_png(path, np.full((height, width), value, np.uint8))
    return path


def ink(svg: str, size: int = 96) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(render_svg(svg, size, "white"))).convert("L"))


# ---- rendering ----


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


def test_a_damaged_file_is_rendered_again(tmp_path):
    render(tmp_path)
    (tmp_path / "train/line/a.png").write_bytes(b"")
    assert render(tmp_path).reused == 2
    assert read_line(tmp_path / "train/line/a.png").shape == (16, 16)


def test_other_options_are_refused_with_what_differs(tmp_path):
    render(tmp_path)
    with pytest.raises(RenderingRefused, match=r"seed 0, now 1.*another --out, or --force"):
        render(tmp_path, options={"seed": 1})


def test_other_options_are_refused_after_an_interruption_too(tmp_path):
    with pytest.raises(ZeroDivisionError):
        render(tmp_path, lambda name: 1 / 0)
    with pytest.raises(RenderingRefused, match="seed 0, now 1"):
        render(tmp_path, options={"seed": 1})


def test_force_renders_anew_and_drops_what_is_no_longer_in_the_set(tmp_path):
    render(tmp_path)
    blue = render(tmp_path, lambda name: square(name, "#0000ff"), rows=ROWS[1:], options={"seed": 1}, force=True)
    assert blue.reused == 0
    assert read_color(tmp_path / "train/color/b.png")[0][8, 8].tolist() == [0, 0, 255]
    assert not (tmp_path / "train/color/a.png").exists()


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_of_somebody_elses_files_is_left_alone(tmp_path, force):
    mine = gray(tmp_path / "train" / "color" / "a.png")
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
    for sizes, jobs, message in (({"train": 4, "test": 32}, 1, "train size 4"), (SIZES, 0, "--jobs 0")):
        with pytest.raises(RenderingRefused, match=message):
            render_pairs(tmp_path, ORIGIN, ROWS, square, {}, sizes, jobs=jobs)


def test_a_missing_package_is_named_with_its_cure():
    with pytest.raises(MissingDataPackage, match=r'pip install "linecolor\[data\]"'):
        rendering.data_package("no_such_package_of_ours")


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


# ---- openmoji ----


def test_no_drawing_of_the_protocol_nor_kin_of_one_is_ever_trained_on():
    protocol = set(openmoji.protocol_stems())
    assert len(protocol) == 60
    drawings = openmoji.usable_drawings()
    held_out = {emoji.base for emoji in drawings if emoji.id in protocol}
    train = [emoji for emoji in drawings if emoji.split == "train"]
    assert protocol.isdisjoint(emoji.id for emoji in train)
    assert held_out.isdisjoint(emoji.base for emoji in train)
    assert {emoji.split for emoji in drawings if emoji.base in held_out} == {"test"}


@pytest.mark.parametrize(
    ("kin", "of"),
    [
        ("1F468-1F3FD-200D-1F393", "1F468-200D-1F393"),  # a skin tone
        ("1F9D1-1F3FB-200D-2764-FE0F-200D-1F9D1-1F3FF", "1F491"),  # mixed tones have their own code points
        ("1F9D1-200D-1F393", "1F468-200D-1F393"),  # the same line art under another emoji
        ("1F486-1F3FB-200D-2642-FE0F", "1F486"),  # a gender
        ("1F696", "1F694"),  # a taxi is a police car without the badge
    ],
)
def test_drawings_that_share_line_art_share_their_base(kin, of):
    drawings = {emoji.id: emoji for emoji in openmoji.usable_drawings()}
    assert drawings[kin].base == drawings[of].base
    assert drawings[kin].split == "test"


def test_no_training_line_art_equals_that_of_a_test_drawing():
    drawings = openmoji.usable_drawings()

    def seen(emoji):
        return ink(openmoji.pair_svgs(emoji.id)[1], 24).tobytes()

    test = {seen(emoji) for emoji in drawings if emoji.split == "test" and not emoji.variant}
    train = [emoji for emoji in drawings if emoji.split == "train" and not emoji.variant]
    assert [emoji.id for emoji in train if seen(emoji) in test] == []


def test_selection_has_drawings_only():
    drawings = {emoji.id: emoji for emoji in openmoji.usable_drawings()}
    assert 1700 < len(drawings) < 2000
    assert 650 < sum(not emoji.variant for emoji in drawings.values()) < 750
    flag, keycap, heart_sign, brand, tone_swatch = "1F1E9-1F1EA", "0023-FE0F-20E3", "2764", "E040", "1F3FB"
    assert {flag, keycap, heart_sign, brand, tone_swatch, "1F3F4"}.isdisjoint(drawings)


def test_a_larger_limit_adds_to_a_smaller_one_and_variants_come_last():
    small, large = openmoji.select_drawings(40, 3), openmoji.select_drawings(700, 5)
    train = [emoji for emoji in large if emoji.split == "train"]
    assert train[:40] == [emoji for emoji in small if emoji.split == "train"]
    variants = [emoji.variant for emoji in train]
    assert variants == sorted(variants)
    assert variants[-1]
    assert [emoji.id for emoji in large if emoji.split == "test"] == openmoji.protocol_stems()[:5]


def test_test_split_is_the_protocol_in_its_order():
    test = [emoji.id for emoji in openmoji.select_drawings() if emoji.split == "test"]
    assert test == openmoji.protocol_stems()


def test_openmoji_line_is_the_line_layer_alone():
    color, line = openmoji.pair_svgs("1F35B")
    lines = ink(line)
    assert 0.02 < (lines < 128).mean() < 0.3
    assert (lines == 255).mean() > 0.6
    rgb = np.asarray(Image.open(BytesIO(render_svg(color, 96, "white"))).convert("RGB"))
    assert (rgb[lines < 5] < 40).all()


# ---- characters ----


def test_character_is_the_same_for_its_seed_and_another_for_another():
    assert characters.pair_svgs("micah-000007", 0) == characters.pair_svgs("micah-000007", 0)
    assert characters.pair_svgs("micah-000007", 0) != characters.pair_svgs("micah-000007", 1)
    assert characters.pair_svgs("micah-000007", 0) != characters.pair_svgs("micah-000008", 0)


@pytest.mark.parametrize("style", characters.STYLES)
def test_character_lines_lie_under_the_ink_of_its_picture(style):
    for number in range(6):
        color, line = characters.pair_svgs(f"{style}-{number:06d}", 0)
        rgb = np.asarray(Image.open(BytesIO(render_svg(color, 128, "white"))).convert("RGB")).astype(int)
        lines = ink(line, 128)
        assert 0.01 < (lines < 128).mean() < 0.6
        # Where the line is black the picture is dark, but for coloured strokes (glasses, earrings).
        assert (rgb[lines < 8].max(axis=1) < 90).mean() > 0.8
        assert np.isin(lines, (0, 255)).mean() > 0.7


def test_variants_that_no_line_can_colour_are_left_out():
    for number in range(150):
        assert "head-longAfro" not in characters.pair_svgs(f"open-peeps-{number:06d}", 0)[0]
        assert "hair-mrT" not in characters.pair_svgs(f"micah-{number:06d}", 0)[0]


def test_dark_hair_is_a_dye_not_ink():
    names = [f"adventurer-{number:06d}" for number in range(40)]
    dark_haired = [name for name in names if any(c in characters.pair_svgs(name, 0)[0] for c in ("#562306", "#0e0e0e"))]
    assert dark_haired
    for name in dark_haired:
        assert (ink(characters.pair_svgs(name, 0)[1]) < 128).mean() < 0.2


def test_more_characters_only_add():
    few, many = (
        characters.character_rows(["micah", "adventurer"], 30),
        characters.character_rows(["micah", "adventurer"], 400),
    )
    assert many[:30] == few
    assert few[1].id == "adventurer-000000"
    assert 5 <= sum(row.split == "test" for row in many) <= 40


@pytest.mark.parametrize(("styles", "count"), [(["manga"], 3), ([], 3), (["micah", "micah"], 3), (["micah"], 0)])
def test_bad_character_options_are_refused(styles, count):
    with pytest.raises(RenderingRefused):
        characters.character_rows(styles, count)


def test_licence_names_every_style_in_use():
    assert characters.characters_origin(["open-peeps"]).licence.name == "CC0 1.0"
    both = characters.characters_origin(["open-peeps", "micah"]).licence
    assert both.name == "CC0 1.0; CC BY 4.0"
    assert "Micah Lanier" in both.attribution


# ---- folder ----


def test_prepared_set_brings_its_splits_lines_bases_and_licence(tmp_path):
    render(tmp_path)
    scan = scan_folder(tmp_path, test_share=0.9)
    assert [(d.id, d.split, d.base) for d in scan.drawings] == [
        ("a", "train", "a"),
        ("b", "train", "b"),
        ("c", "test", "c"),
    ]
    assert all(d.line is not None and d.line.exists() for d in scan.drawings)
    assert read_licence(tmp_path) == {
        "name": "CC0",
        "url": "https://example.org/cc0",
        "attribution": "Squares by nobody",
        "source": "squares 1",
    }
    shutil.rmtree(tmp_path / "train" / "color")
    assert [d.id for d in scan_folder(tmp_path).drawings] == ["c"]


def test_loose_folder_has_no_licence(tmp_path):
    assert read_licence(tmp_path) is None


def test_ids_are_posix_stems_and_lines_are_found_by_path_in_any_suffix(tmp_path):
    for name in ("a.png", "deep/b.png"):
        gray(tmp_path / "art" / name)
    Image.new("L", (4, 6)).save(tmp_path / "b.webp")
    (tmp_path / "ink" / "deep").mkdir(parents=True)
    shutil.move(tmp_path / "b.webp", tmp_path / "ink" / "deep" / "b.webp")
    drawings = scan_folder(tmp_path / "art", lines=tmp_path / "ink").drawings
    assert [d.id for d in drawings] == ["a", "deep/b"]
    assert [d.line for d in drawings] == [None, tmp_path / "ink" / "deep" / "b.webp"]


def test_lines_inside_the_folder_are_no_colour_pictures(tmp_path):
    gray(tmp_path / "a.png")
    gray(tmp_path / "lines" / "a.png")
    drawings = scan_folder(tmp_path, lines=tmp_path / "lines").drawings
    assert [(d.id, d.line) for d in drawings] == [("a", tmp_path / "lines" / "a.png")]


def test_bad_pictures_are_named_counted_and_skipped(tmp_path, caplog):
    gray(tmp_path / "good.png")
    whole = gray(tmp_path / "cut.png", 30, 30).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) - 30])
    (tmp_path / "empty.jpg").touch()
    gray(tmp_path / "giant.png", 40, 40)
    with caplog.at_level(logging.WARNING, "linecolor"):
        scan = scan_folder(tmp_path, max_pixels=1599)
    assert [d.id for d in scan.drawings] == ["good"]
    assert [error.path.name for error in scan.skipped] == ["cut.png", "empty.jpg", "giant.png"]
    messages = [record.message for record in caplog.records]
    assert messages[-1] == "3 of 4 pictures skipped"
    assert all("\n" not in message for message in messages)


def test_truncated_picture_is_found_by_decoding_and_passes_by_header(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    write_png(tmp_path / "cut.png", noise)
    data = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(NoPictures, match="none of its 1 pictures"):
        scan_folder(tmp_path)
    assert len(scan_folder(tmp_path, verify="header").drawings) == 1


def test_a_line_of_another_size_is_named_and_ignored(tmp_path, caplog):
    gray(tmp_path / "art" / "a.png", 6, 4)
    gray(tmp_path / "art" / "b.png", 6, 4)
    gray(tmp_path / "ink" / "a.png", 6, 5)
    (tmp_path / "ink" / "b.png").write_bytes(b"no")
    with caplog.at_level(logging.WARNING, "linecolor"):
        scan = scan_folder(tmp_path / "art", lines=tmp_path / "ink")
    assert [d.line for d in scan.drawings] == [None, None]
    assert scan.skipped == []
    assert "5 x 6 pixels, but its picture has 4 x 6" in caplog.text
    assert "ink/b.png: is not a PNG" in caplog.text


def test_missing_and_empty_folders_say_what_to_do(tmp_path):
    for root in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(NoPictures, match="linecolor-data prepare openmoji"):
            scan_folder(root)
    gray(tmp_path / "a.png")
    with pytest.raises(NoPictures, match="line art"):
        scan_folder(tmp_path, lines=tmp_path / "nowhere")


@pytest.mark.parametrize("wrong", [{"test_share": 1.5}, {"test_share": float("nan")}, {"verify": "hope"}])
def test_bad_options_are_named(tmp_path, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        scan_folder(tmp_path, **wrong)


NAMES = st.text("abcdefgh0123456789_", min_size=1, max_size=6)


@settings(max_examples=25, deadline=None)
@given(names=st.sets(NAMES, min_size=1, max_size=12), added=NAMES, suffix=st.sampled_from([".png", ".PNG"]))
def test_adding_a_picture_never_moves_another(tmp_path_factory, names, added, suffix):
    root = tmp_path_factory.mktemp("folder")
    for name in names:
        gray(root / f"{name}.png")
    before = {d.color: d.split for d in scan_folder(root, test_share=0.5, verify="header").drawings}
    gray(root / f"{added}{suffix}")
    after = {d.color: d.split for d in scan_folder(root, test_share=0.5, verify="header").drawings}
    assert {path: after[path] for path in before} == before


def test_two_files_of_one_stem_share_a_split_and_differ_in_id(tmp_path):
    gray(tmp_path / "a.png")
    Image.new("L", (4, 6)).save(tmp_path / "a.jpg")
    first, second = scan_folder(tmp_path).drawings
    assert (first.id, second.id) == ("a.jpg", "a.png")
    assert first.base == second.base == "a"
    assert first.split == second.split


def test_composed_and_decomposed_names_are_one_id(tmp_path):
    gray(tmp_path / "u\u0308ber.png")
    assert scan_folder(tmp_path).drawings[0].id == "\u00fcber"


def test_split_is_frozen_and_its_share_kept():
    # These values must never change: a drawing that was tested on would be trained on.
    assert [split_of(name, 0.3) for name in ("a", "b", "c", "d", "girls/summer")] == [*["train"] * 4, "test"]
    share = sum(split_of(f"picture-{n}", 0.05) == "test" for n in range(4000)) / 4000
    assert 0.035 < share < 0.065
    assert {split_of("a", 0.0), split_of("a", 1.0)} == {"train", "test"}
