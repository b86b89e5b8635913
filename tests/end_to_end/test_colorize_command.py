"""linecolor-colorize as a user calls it, with a bundle of small random networks."""

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from safetensors.torch import load_file, save_file

from linecolor.cli.colorize import main
from linecolor.rendering.page_colorizer import PageColorizer
from linecolor.systems.bundle import CARD, WEIGHTS


def drawing(height: int = 80, width: int = 120) -> np.ndarray:
    line = np.full((height, width), 255, np.uint8)
    line[height // 4 : height // 4 + 2] = 0
    line[:, width // 2] = 60
    return line


def save(path: Path, picture: np.ndarray | None = None, **notes: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(drawing() if picture is None else picture).save(path, **notes)
    return path


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def paint(path: Path) -> Path:
    layer = np.zeros((80, 120, 4), np.uint8)
    layer[50:56, 20:26] = (255, 0, 0, 255)
    return save(path, layer)


@pytest.fixture
def page(tmp_path) -> Path:
    return save(tmp_path / "page.png")


def test_one_page_lands_beside_itself_at_its_own_size(tmp_path, colorize, capsys):
    page = save(tmp_path / "a b" / "Seite ä.png")
    assert colorize(page) == 0
    assert read(page.with_name("Seite ä.color.png")).shape == (80, 120, 3)
    assert "120 x 80" in capsys.readouterr().out


def test_hints_beside_the_page_are_found_and_change_the_picture(tmp_path, page, colorize):
    paint(tmp_path / "hinted.hints.png")
    assert colorize(page, save(tmp_path / "hinted.png")) == 0
    assert (read(tmp_path / "page.color.png") != read(tmp_path / "hinted.color.png")).any()


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("A.PNG", "A.hints.PNG"),
        ("a.png", "A.Hints.Png"),
        ("PAGE.jpg", "page.hints.png"),
        ("a.tif", "a.HINTS.webp"),
        ("Seite a\u0308.png", "Seite \xe4.hints.png"),
    ],
)
def test_hints_are_found_without_regard_to_case_and_counted(tmp_path, colorize, capsys, name, layer):
    page = save(tmp_path / name)
    hints = np.zeros((80, 120, 4), np.uint8)
    hints[5:9, 5:9] = hints[5:9, 50:54] = hints[60:64, 5:9] = (255, 0, 0, 255)
    save(tmp_path / layer, hints)
    assert colorize(page) == 0
    assert f" with 3 hints from {tmp_path / layer} (120 x 80, " in capsys.readouterr().out
    assert colorize(tmp_path) == 0
    printed = capsys.readouterr()
    assert f" with 3 hints from {tmp_path / layer} (120 x 80, " in printed.out
    assert printed.err == ""


@pytest.mark.parametrize("layer", ["a.png", "A.PNG", "a.hints.png", "A.Hints.png"])
def test_hints_in_a_folder_of_their_own_are_found_without_regard_to_case(tmp_path, colorize, capsys, layer):
    save(tmp_path / "pages" / "A.png")
    paint(tmp_path / "hints" / layer)
    for page in ("A.png", ""):
        assert colorize(tmp_path / "pages" / page, "--hints", tmp_path / "hints") == 0
        printed = capsys.readouterr()
        assert f" with 1 hint from {tmp_path / 'hints' / layer} " in printed.out
        assert printed.err == ""


def test_each_page_has_its_own_hints_where_names_differ_in_case_alone(tmp_path, colorize, capsys):
    save(tmp_path / "a.png")
    save(tmp_path / "A.png")
    if len(list(tmp_path.iterdir())) == 1:
        pytest.skip("this file system does not tell cases apart")
    paint(tmp_path / "a.hints.png")
    assert colorize(tmp_path) == 0
    out = capsys.readouterr().out
    assert f"{tmp_path}/a.color.png with 1 hint from {tmp_path}/a.hints.png" in out
    assert f"{tmp_path}/A.color.png (120 x 80" in out


def test_the_number_of_points_is_said(page, colorize, capsys):
    assert colorize(page, "--hint", "5,5,#00ff00", "--hint", "50,50,#ff0000") == 0
    assert "page.color.png with 2 hints (120 x 80, " in capsys.readouterr().out


@pytest.mark.parametrize("in_a_folder_of_their_own", [False, True])
def test_hint_layers_of_no_page_are_named(tmp_path, colorize, capsys, in_a_folder_of_their_own):
    save(tmp_path / "pages" / "page.png")
    layers = tmp_path / ("layers" if in_a_folder_of_their_own else "pages")
    paint(layers / "page.hints.png")
    paint(layers / "pgae.hints.png")
    save(layers / "page.hints.jpg")
    assert colorize(tmp_path / "pages", *(["--hints", layers] if in_a_folder_of_their_own else [])) == 0
    printed = capsys.readouterr()
    assert "with 1 hint from" in printed.out
    assert printed.err.splitlines() == [
        "linecolor-colorize: 1 hint layer not used, for want of a page of that name: pgae.hints.png",
        "linecolor-colorize: 1 hint layer not used, for want of transparency; save as PNG: page.hints.jpg",
    ]


@pytest.mark.parametrize(
    "options",
    [
        ["--hint", "22,53,#ff0000"],
        ["--hints", "{folder}/elsewhere.png"],
        ["--draft"],
        ["--no-blend"],
        ["--blend", "paper"],
        ["--resolution", "64"],
    ],
)
def test_what_can_be_chosen_changes_the_picture(tmp_path, page, colorize, options):
    paint(tmp_path / "elsewhere.png")
    for name, chosen in (("a", []), ("b", options)):
        words = [word.format(folder=tmp_path) for word in chosen]
        assert colorize(page, "-o", tmp_path / f"{name}.png", *words) == 0
    assert (read(tmp_path / "a.png") != read(tmp_path / "b.png")).any()


def test_a_folder_keeps_its_shape_and_the_number_of_jobs_changes_nothing(tmp_path, colorize):
    for name in ("1/a.png", "1/b.jpg", "2/c.webp"):
        save(tmp_path / "in" / name)
    paint(tmp_path / "in" / "1" / "a.hints.png")
    for jobs in ("1", "3"):
        assert colorize(tmp_path / "in", "-o", tmp_path / jobs, "--jobs", jobs, "--layers") == 0
    made = sorted(path.relative_to(tmp_path / "1") for path in (tmp_path / "1").rglob("*.*"))
    assert [str(path) for path in made] == ["1/a.ora", "1/a.png", "1/b.ora", "1/b.png", "2/c.ora", "2/c.png"]
    for path in made:
        assert (tmp_path / "1" / path).read_bytes() == (tmp_path / "3" / path).read_bytes()


@pytest.mark.parametrize("by_the_shell", [False, True])
def test_a_pattern_is_expanded_and_neither_results_nor_hints_are_pages(tmp_path, colorize, by_the_shell):
    for name in ("p1", "p2"):
        save(tmp_path / f"{name}.png")
    paint(tmp_path / "p1.hints.png")
    for _ in range(2):
        assert colorize(*(sorted(tmp_path.glob("*.png")) if by_the_shell else [tmp_path / "p*.png"])) == 0
    made = ["p1.color.png", "p1.hints.png", "p1.png", "p2.color.png", "p2.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == made


def test_a_bad_file_is_named_and_the_rest_go_on(tmp_path, colorize, capsys):
    save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    (tmp_path / "empty.png").touch()
    assert colorize(tmp_path, "-o", tmp_path / "out") == 1
    printed = capsys.readouterr()
    assert "good.png" in printed.out
    assert "bad.png: is not a PNG" in printed.err
    assert "empty.png: is empty" in printed.err
    assert "2 of 3 pages could not be coloured" in printed.err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.png"]


def test_one_name_that_is_too_long_does_not_stop_the_rest(tmp_path, page, colorize, capsys):
    long = save(tmp_path / f"{'x' * 251}.png")
    fits = save(tmp_path / f"{'y' * 245}.png")
    assert colorize(tmp_path) == 1
    assert {path.name for path in tmp_path.glob("*.color.png")} == {"page.color.png", f"{fits.stem}.color.png"}
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith(f"linecolor-colorize: {long}: the name of its result would be too long, 261 bytes; rename")
    assert last == "linecolor-colorize: 1 of 3 pages could not be coloured"
    assert colorize(tmp_path, "-o", tmp_path / "out") == 0
    assert (tmp_path / "out" / long.name).is_file()


@pytest.mark.parametrize("as_pattern", [False, True])
def test_files_of_other_kinds_are_counted_and_some_are_named(tmp_path, page, colorize, capsys, as_pattern):
    for name in ("a.psd", "b.kra", "c.heic", "d.pdf", ".hidden", "e.svg"):
        (tmp_path / name).touch()
    where = tmp_path / "*" if as_pattern else tmp_path
    for _ in range(2):
        assert colorize(where, "--layers") == 0
        message = (
            f"linecolor-colorize: {where}: 5 files are of other kinds and left out: a.psd, b.kra, c.heic and 2 more\n"
        )
        assert capsys.readouterr().err == message, "layers of an earlier run are no such files"


def test_a_folder_of_other_formats_alone_says_so(tmp_path, colorize, capsys):
    (tmp_path / "a.psd").touch()
    assert colorize(tmp_path) == 2
    assert "1 file is of another kind and left out: a.psd" in capsys.readouterr().err


def test_pictures_that_linecolor_made_are_not_coloured_again(tmp_path, colorize, capsys):
    page, made = save(tmp_path / "in" / "page.png"), tmp_path / "in" / "old" / "made.png"
    assert colorize(page, "-o", made) == 0
    capsys.readouterr()
    for words in ([tmp_path / "in"], [tmp_path / "in" / "**" / "*.png"], [page, made]):
        assert colorize(*words, "-o", tmp_path / "new") == 0
        printed = capsys.readouterr()
        assert len(printed.out.splitlines()) == 1
        assert "1 picture that linecolor made and left out: made.png" in printed.err
    assert colorize(made.parent) == 2
    assert "only pictures that linecolor made" in capsys.readouterr().err
    assert colorize(made) == 0, "a page that is named is meant"


def test_a_folder_that_may_not_be_written_is_named_with_the_reason(tmp_path, page, colorize, capsys, monkeypatch):
    def refuse(self: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "replace", refuse)
    assert colorize(page) == 1
    message = f"linecolor-colorize: {page}: {tmp_path}/page.color.png cannot be written (Permission denied)"
    assert capsys.readouterr().err.splitlines()[0] == message


class Stream:
    """Standard input or output, as bytes."""

    def __init__(self, data: bytes = b"") -> None:
        self.buffer = io.BytesIO(data)


def test_a_page_may_come_from_the_standard_input_and_go_to_the_standard_output(page, colorize, capsys, monkeypatch):
    assert colorize(page, "--hint", "5,5,#00ff00") == 0
    expected = page.with_name("page.color.png").read_bytes()
    capsys.readouterr()
    for words in (["-"], ["-", "-o", "-"], [page, "-o", "-"]):
        out = Stream()
        monkeypatch.setattr(sys, "stdin", Stream(page.read_bytes()))
        monkeypatch.setattr(sys, "stdout", out)
        assert colorize(*words, "--hint", "5,5,#00ff00") == 0
        assert out.buffer.getvalue() == expected
        assert "-> standard output with 1 hint (120 x 80, " in capsys.readouterr().err
    monkeypatch.undo()
    monkeypatch.setattr(sys, "stdin", Stream(page.read_bytes()))
    assert colorize("-", "--hint", "5,5,#00ff00", "-o", page.with_name("named.png")) == 0
    assert page.with_name("named.png").read_bytes() == expected


def test_a_standard_input_that_is_no_picture_is_refused(colorize, capsys, monkeypatch):
    for data, reason in ((b"", "is empty"), (b"hello", "is not a PNG")):
        monkeypatch.setattr(sys, "stdin", Stream(data))
        assert colorize("-") == 1
        assert f"linecolor-colorize: standard input: {reason}" in capsys.readouterr().err


def test_a_negative_coordinate_is_outside_of_the_page_and_no_option(page, colorize, capsys):
    assert colorize(page, "--hint", "-5,3,#ff0000") == 1
    assert "the hint at x=-5.0, y=3.0 lies outside the line of 120 x 80 pixels" in capsys.readouterr().err


def test_results_may_lie_inside_the_folder_of_the_pages(tmp_path, page, colorize):
    for _ in range(2):
        assert colorize(tmp_path, "-o", tmp_path / "out") == 0
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["page.png"]


def test_a_page_that_breaks_a_library_does_not_stop_the_rest(tmp_path, colorize, capsys, monkeypatch):
    for name in ("1", "2", "3"):
        save(tmp_path / f"{name}.png", np.full((40 + int(name), 40), 255, np.uint8))
    color = PageColorizer.colorize_with_steps

    def break_on_the_first(self, line, *others, **options):
        if len(line) == 41:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return color(self, line, *others, **options)

    monkeypatch.setattr(PageColorizer, "colorize_with_steps", break_on_the_first)
    assert colorize(tmp_path, "-o", tmp_path / "out", "--jobs", 1) == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["2.png", "3.png"]
    assert "1.png: DefaultCPUAllocator" in capsys.readouterr().err


def test_anybodys_picture_is_not_written_over(tmp_path, page, colorize, capsys):
    mine = save(tmp_path / "out" / "page.png", np.full((4, 4), 7, np.uint8))
    words = [page, "-o", tmp_path / "out"]
    assert colorize(*words) == 2
    assert "was not made by linecolor" in capsys.readouterr().err
    assert read(mine).shape == (4, 4)
    (tmp_path / "krita.ora").write_bytes(b"hours of work")
    assert colorize(page, "--layers", tmp_path / "krita.ora") == 2
    assert (tmp_path / "krita.ora").read_bytes() == b"hours of work"
    assert colorize(*words, "--force") == 0
    assert colorize(*words) == 0  # its own result is replaced


def test_each_chapter_has_its_own_hints(tmp_path, colorize):
    for chapter in ("1", "2"):
        save(tmp_path / "pages" / chapter / "p.png")
    paint(tmp_path / "hints" / "1" / "p.png")
    assert colorize(tmp_path / "pages", "--hints", tmp_path / "hints", "-o", f"{tmp_path}/out/") == 0
    assert (read(tmp_path / "out" / "1" / "p.png") != read(tmp_path / "out" / "2" / "p.png")).any()


@pytest.mark.parametrize("where", ["pages", "pages/hints"])
def test_a_folder_of_hints_may_be_that_of_the_pages_or_lie_in_it(tmp_path, colorize, capsys, where):
    save(tmp_path / "pages" / "p.png")
    paint(tmp_path / where / "p.hints.png")
    for _ in range(2):
        assert colorize(tmp_path / "pages", "--hints", tmp_path / where) == 0
        printed = capsys.readouterr()
        assert printed.out.count(" -> ") == printed.out.count("with 1 hint from") == 1
        assert printed.err == ""


def test_a_folder_that_may_be_entered_and_not_listed_has_hints(tmp_path, page, colorize, capsys, monkeypatch):
    paint(tmp_path / "page.hints.png")

    def refuse(folder: Path) -> list[str]:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr("linecolor.cli.page_hints.os.listdir", refuse)
    assert colorize(page) == 0
    assert "with 1 hint from" in capsys.readouterr().out


def test_a_folder_that_is_not_there_yet_is_made(tmp_path, page, colorize):
    assert colorize(page, "-o", f"{tmp_path}/vol.1/") == 0
    assert (tmp_path / "vol.1" / "page.png").is_file()


def test_a_name_that_the_terminal_cannot_print_stops_nothing(tmp_path, colorize, monkeypatch):
    for name in ("\u9801", "b\nc"):
        save(tmp_path / "in" / f"{name}.png")
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="cp1252", errors="strict")
    monkeypatch.setattr(sys, "stdout", terminal)
    assert colorize(tmp_path / "in", "-o", tmp_path / "out") == 0
    terminal.flush()
    assert len(terminal.buffer.getvalue().splitlines()) == 2
    assert len(list((tmp_path / "out").iterdir())) == 2


@pytest.mark.parametrize(("alpha", "message"), [(255, "opaque everywhere"), (20, "too faint")])
def test_hints_that_cannot_be_meant_are_reported(tmp_path, page, colorize, capsys, alpha, message):
    layer = np.zeros((80, 120, 4), np.uint8)
    layer[: 80 if alpha == 255 else 10] = (200, 0, 0, alpha)
    save(tmp_path / "page.hints.png", layer)
    assert colorize(page) == 1
    assert message in capsys.readouterr().err


PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
IN_COLOR = np.repeat(drawing()[..., None], 3, 2)


def test_a_page_with_a_profile_of_megabytes_is_sound(tmp_path, colorize):
    assert colorize(save(tmp_path / "page.png", IN_COLOR, icc_profile=PROFILE + bytes(2_000_000))) == 0


def test_resolution_and_profile_of_the_page_are_kept(tmp_path, colorize):
    page = save(tmp_path / "page.png", IN_COLOR, dpi=(350, 350), icc_profile=PROFILE)
    assert colorize(page) == 0
    assert Image.open(tmp_path / "page.color.png").info["icc_profile"] == PROFILE
    assert Image.open(tmp_path / "page.color.png").info["dpi"] == Image.open(page).info["dpi"]


def test_weights_that_compute_no_number_are_reported(tmp_path, page, bundle, capsys):
    tensors = load_file(bundle / WEIGHTS)
    tensors["draft.stem.0.weight"][0, 0, 0, 0] = float("nan")
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / CARD).write_bytes((bundle / CARD).read_bytes())
    save_file(tensors, folder / WEIGHTS, metadata={"format": "linecolor"})
    assert main([str(page), "--bundle", str(folder)]) == 1
    assert "weights are damaged" in capsys.readouterr().err


def test_a_sliver_is_refused_with_the_limit(tmp_path, colorize, capsys):
    assert colorize(save(tmp_path / "page.png", np.full((1, 16_390), 255, np.uint8))) == 1
    assert "more than 16,384 times as long as wide" in capsys.readouterr().err


def test_the_layers_flatten_to_the_picture(tmp_path, page, colorize):
    assert colorize(page, "--layers", tmp_path / "page.ora", "--hint", "5,5,#00ff00") == 0
    with zipfile.ZipFile(tmp_path / "page.ora") as archive:
        merged = np.asarray(Image.open(io.BytesIO(archive.read("mergedimage.png")))).astype(int)
        hints = np.asarray(Image.open(io.BytesIO(archive.read("data/layer0.png"))))
    assert np.abs(merged - read(tmp_path / "page.color.png")).max() <= 1
    assert hints[5, 5].tolist() == [0, 255, 0, 255]


def test_colour_only_leaves_the_lines_out(tmp_path, page, colorize):
    assert colorize(page, "--color-only") == 0
    assert read(tmp_path / "page.color.png")[21].mean() > 5  # a black line lies there


def test_a_layer_without_a_hint_is_reported(tmp_path, page, colorize, capsys):
    save(tmp_path / "page.hints.png", np.zeros((80, 120, 4), np.uint8))
    assert colorize(page) == 0
    assert "no hint is painted in" in capsys.readouterr().out


def test_points_beside_a_painted_layer_are_refused_with_its_name(tmp_path, page, colorize, capsys):
    paint(tmp_path / "page.hints.png")
    assert colorize(page, "--hint", "3,4,#ff0000") == 2
    assert "page.hints.png, which is next to the page" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{page}", "--hint", "red"], "a hint is X,Y,#RRGGBB"),
        (["{page}", "--hint", "3,4,red"], "a hint is X,Y,#RRGGBB"),
        (["{page}", "--bundle", "{folder}/none"], "no bundle here"),
        (["{folder}/nothing*.png"], "no page here"),
        (["{folder}/pages", "--hints", "{page}"], "need a folder of hint layers"),
        (["{folder}/pages", "-o", "{folder}/x.png"], "name a folder"),
        (["{folder}/pages", "--layers", "{folder}/x.ora"], "--layers without a name"),
        (["{page}", "-o", "{page}"], "written over"),
        (["{page}", "-o", "{folder}/x.jpg"], "ends with .png"),
        (["{page}", "--layers", "{folder}/x.psd"], "ends with .ora"),
        (["{page}", "--jobs", "0"], "1 or more"),
        (["{page}", "-"], "give one page"),
        (["-", "-"], "give one page"),
        (["{folder}/pages", "-o", "-"], "give one page"),
        (["-", "-o", "{folder}/"], "has no name; name a file"),
        (["-", "--hints", "{folder}"], "has no name; name one hint layer"),
        (["{page}", "-o", "-", "--candidates", "2"], "takes one picture"),
        (["{page}", "-o", "-", "--layers"], "name the file of the layers"),
        (["-", "--layers"], "name the file of the layers"),
        (["{page}", "--resolution", "5"], "16 to 2048"),
        (["{page}", "--layers", "--blend", "paper"], "add --blend clean"),
        (["{page}", "--layers", "--no-blend"], "add --blend clean"),
        (["{page}", "--no-blend", "--blend", "paper"], "contradict"),
        (["{page}", "--onnx", "x.onnx", "--device", "cuda"], "runs on the CPU"),
        (["{page}", "--device", "cuda"], "not available"),
        (["{page}", "--bundle", "{folder}", "--onnx", "x.onnx"], "two ways"),
    ],
)
def test_mistakes_are_reported_with_what_to_do(tmp_path, page, bundle, capsys, arguments, message):
    if arguments[1:] == ["--device", "cuda"] and torch.cuda.is_available():
        pytest.skip("this machine has the device that the message is about")
    for name in ("1", "2"):
        save(tmp_path / "pages" / f"{name}.png")
    filled = [part.format(page=page, folder=tmp_path) for part in arguments]
    if not {"--bundle", "--onnx"} & set(filled):
        filled += ["--bundle", str(bundle)]
    assert main(filled) == 2
    assert message in capsys.readouterr().err
    np.testing.assert_array_equal(read(page), drawing())
