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


def test_results_may_lie_inside_the_folder_of_the_pages(tmp_path, page, colorize):
    for _ in range(2):
        assert colorize(tmp_path, "-o", tmp_path / "out") == 0
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["page.png"]


def test_a_page_that_breaks_a_library_does_not_stop_the_rest(tmp_path, colorize, capsys, monkeypatch):
    for name in ("1", "2", "3"):
        save(tmp_path / f"{name}.png", np.full((40 + int(name), 40), 255, np.uint8))
    color = PageColorizer.color

    def break_on_the_first(self, line, hints=None):
        if len(line) == 41:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return color(self, line, hints)

    monkeypatch.setattr(PageColorizer, "color", break_on_the_first)
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
