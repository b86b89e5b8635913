"""linecolor-colorize as a user calls it, with a bundle of small random networks."""

import io
import os
import subprocess
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


def test_one_page_lands_beside_itself_at_its_own_size(tmp_path, bundle, capsys):
    page = save(tmp_path / "a b" / "Seite ä.png")
    assert main([str(page), "--bundle", str(bundle)]) == 0
    assert read(page.with_name("Seite ä.color.png")).shape == (80, 120, 3)
    assert "120 x 80" in capsys.readouterr().out


def test_hints_beside_the_page_are_found_and_change_the_picture(tmp_path, bundle):
    plain, hinted = save(tmp_path / "plain.png"), save(tmp_path / "hinted.png")
    paint(tmp_path / "hinted.hints.png")
    assert main([str(plain), str(hinted), "--bundle", str(bundle)]) == 0
    without, with_hints = (read(tmp_path / f"{name}.color.png") for name in ("plain", "hinted"))
    assert (without != with_hints).any()


def test_points_and_a_named_layer(tmp_path, bundle):
    page = save(tmp_path / "page.png")
    layer = paint(tmp_path / "elsewhere.png")
    out = tmp_path / "x.png"
    assert main([str(page), "--hint", "22,53,#ff0000", "-o", str(out), "--bundle", str(bundle)]) == 0
    points = read(out)
    assert main([str(page), "--hints", str(layer), "-o", str(out), "--bundle", str(bundle)]) == 0
    painted = read(out)
    assert main([str(page), "-o", str(out), "--bundle", str(bundle)]) == 0
    assert (points != read(out)).any()
    assert (painted != read(out)).any()


def test_a_folder_keeps_its_shape_and_the_number_of_jobs_changes_nothing(tmp_path, bundle):
    for name in ("1/a.png", "1/b.jpg", "2/c.webp"):
        save(tmp_path / "in" / name)
    paint(tmp_path / "in" / "1" / "a.hints.png")
    for jobs in ("1", "3"):
        out = tmp_path / jobs
        assert main([str(tmp_path / "in"), "-o", str(out), "--bundle", str(bundle), "--jobs", jobs, "--layers"]) == 0
    made = sorted(path.relative_to(tmp_path / "1") for path in (tmp_path / "1").rglob("*.*"))
    assert [str(path) for path in made] == ["1/a.ora", "1/a.png", "1/b.ora", "1/b.png", "2/c.ora", "2/c.png"]
    for path in made:
        assert (tmp_path / "1" / path).read_bytes() == (tmp_path / "3" / path).read_bytes()


def test_a_pattern_is_expanded_and_results_are_no_pages(tmp_path, bundle):
    save(tmp_path / "p1.png")
    save(tmp_path / "p2.png")
    for _ in range(2):
        assert main([str(tmp_path / "p*.png"), "--bundle", str(bundle)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p1.color.png", "p1.png", "p2.color.png", "p2.png"]


def test_a_bad_file_is_named_and_the_rest_go_on(tmp_path, bundle, capsys):
    save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    (tmp_path / "empty.png").touch()
    assert main([str(tmp_path), "-o", str(tmp_path / "out"), "--bundle", str(bundle)]) == 1
    printed = capsys.readouterr()
    assert "good.png" in printed.out
    assert "bad.png: is not a PNG" in printed.err
    assert "empty.png: is empty" in printed.err
    assert "2 of 3 pages could not be coloured" in printed.err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.png"]


def test_what_the_shell_expands_is_read_as_a_pattern(tmp_path, bundle):
    for name in ("p1", "p2"):
        save(tmp_path / f"{name}.png")
    paint(tmp_path / "p1.hints.png")
    for _ in range(2):
        expanded = [str(path) for path in sorted(tmp_path.glob("*.png"))]
        assert main([*expanded, "--bundle", str(bundle)]) == 0
    made = ["p1.color.png", "p1.hints.png", "p1.png", "p2.color.png", "p2.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == made


def test_results_may_lie_inside_the_folder_of_the_pages(tmp_path, bundle):
    save(tmp_path / "p1.png")
    for _ in range(2):
        assert main([str(tmp_path), "-o", str(tmp_path / "out"), "--bundle", str(bundle)]) == 0
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["p1.png"]


def test_a_page_that_breaks_a_library_does_not_stop_the_rest(tmp_path, bundle, capsys, monkeypatch):
    for name in ("1", "2", "3"):
        save(tmp_path / f"{name}.png", np.full((40 + int(name), 40), 255, np.uint8))
    color = PageColorizer.color

    def break_on_the_first(self, line, hints=None):
        if len(line) == 41:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return color(self, line, hints)

    monkeypatch.setattr(PageColorizer, "color", break_on_the_first)
    arguments = [str(tmp_path), "-o", str(tmp_path / "out"), "--bundle", str(bundle), "--jobs", "1"]
    assert main(arguments) == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["2.png", "3.png"]
    assert "1.png: DefaultCPUAllocator" in capsys.readouterr().err


def test_anybodys_picture_is_not_written_over(tmp_path, bundle, capsys):
    mine = save(tmp_path / "out" / "page.png", np.full((4, 4), 7, np.uint8))
    page = save(tmp_path / "page.png")
    arguments = [str(page), "-o", str(tmp_path / "out"), "--bundle", str(bundle)]
    assert main(arguments) == 2
    assert "was not made by linecolor" in capsys.readouterr().err
    assert read(mine).shape == (4, 4)
    (tmp_path / "krita.ora").write_bytes(b"hours of work")
    assert main([str(page), "--layers", str(tmp_path / "krita.ora"), "--bundle", str(bundle)]) == 2
    assert (tmp_path / "krita.ora").read_bytes() == b"hours of work"
    assert main([*arguments, "--force"]) == 0
    assert main(arguments) == 0  # its own result is replaced


def test_each_chapter_has_its_own_hints(tmp_path, bundle):
    for chapter in ("1", "2"):
        save(tmp_path / "pages" / chapter / "p.png")
    paint(tmp_path / "hints" / "1" / "p.png")
    arguments = [str(tmp_path / "pages"), "--hints", str(tmp_path / "hints"), "-o", str(tmp_path / "out") + "/"]
    assert main([*arguments, "--bundle", str(bundle)]) == 0
    assert (read(tmp_path / "out" / "1" / "p.png") != read(tmp_path / "out" / "2" / "p.png")).any()


def test_a_folder_that_is_not_there_yet_is_made(tmp_path, bundle):
    page = save(tmp_path / "page.png")
    assert main([str(page), "-o", f"{tmp_path}/vol.1/", "--bundle", str(bundle)]) == 0
    assert (tmp_path / "vol.1" / "page.png").is_file()


def test_a_name_that_the_terminal_cannot_print_stops_nothing(tmp_path, bundle):
    for name in ("\u9801", "b\nc"):
        save(tmp_path / "in" / f"{name}.png")
    code = "import sys; from linecolor.cli.colorize import main; sys.exit(main(sys.argv[1:]))"
    arguments = [str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--bundle", str(bundle)]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"},
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2
    assert len(list((tmp_path / "out").iterdir())) == 2


@pytest.mark.parametrize(("alpha", "message"), [(255, "opaque everywhere"), (20, "too faint")])
def test_hints_that_cannot_be_meant_are_reported(tmp_path, bundle, capsys, alpha, message):
    page = save(tmp_path / "page.png")
    layer = np.zeros((80, 120, 4), np.uint8)
    layer[: 80 if alpha == 255 else 10] = (200, 0, 0, alpha)
    save(tmp_path / "page.hints.png", layer)
    assert main([str(page), "--bundle", str(bundle)]) == 1
    assert message in capsys.readouterr().err


def test_a_page_with_a_profile_of_megabytes_is_sound(tmp_path, bundle):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    page = save(tmp_path / "page.png", np.repeat(drawing()[..., None], 3, 2), icc_profile=profile + bytes(2_000_000))
    assert main([str(page), "--bundle", str(bundle)]) == 0


def test_weights_that_compute_no_number_are_reported(tmp_path, bundle, capsys):
    tensors = load_file(bundle / WEIGHTS)
    tensors["draft.stem.0.weight"][0, 0, 0, 0] = float("nan")
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / CARD).write_bytes((bundle / CARD).read_bytes())
    save_file(tensors, folder / WEIGHTS, metadata={"format": "linecolor"})
    assert main([str(save(tmp_path / "page.png")), "--bundle", str(folder)]) == 1
    assert "weights are damaged" in capsys.readouterr().err


def test_a_sliver_is_refused_with_the_limit(tmp_path, bundle, capsys):
    page = save(tmp_path / "page.png", np.full((1, 16_390), 255, np.uint8))
    assert main([str(page), "--bundle", str(bundle)]) == 1
    assert "more than 16,384 times as long as wide" in capsys.readouterr().err


def test_resolution_and_profile_of_the_page_are_kept(tmp_path, bundle):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    page = save(tmp_path / "page.png", np.repeat(drawing()[..., None], 3, 2), dpi=(350, 350), icc_profile=profile)
    assert main([str(page), "--bundle", str(bundle)]) == 0
    assert Image.open(tmp_path / "page.color.png").info["icc_profile"] == profile
    assert Image.open(tmp_path / "page.color.png").info["dpi"] == Image.open(page).info["dpi"]


def test_the_layers_flatten_to_the_picture(tmp_path, bundle):
    page = save(tmp_path / "page.png")
    arguments = [str(page), "--bundle", str(bundle), "--layers", str(tmp_path / "page.ora"), "--hint", "5,5,#00ff00"]
    assert main(arguments) == 0
    with zipfile.ZipFile(tmp_path / "page.ora") as archive:
        merged = np.asarray(Image.open(io.BytesIO(archive.read("mergedimage.png")))).astype(int)
        hints = np.asarray(Image.open(io.BytesIO(archive.read("data/layer0.png"))))
    assert np.abs(merged - read(tmp_path / "page.color.png")).max() <= 1
    assert hints[5, 5].tolist() == [0, 255, 0, 255]


def test_colour_only_leaves_the_lines_out(tmp_path, bundle):
    page = save(tmp_path / "page.png")
    assert main([str(page), "--bundle", str(bundle), "--color-only"]) == 0
    assert read(tmp_path / "page.color.png")[21].mean() > 5  # a black line lies there


def test_a_layer_without_a_hint_is_reported(tmp_path, bundle, capsys):
    page = save(tmp_path / "page.png")
    save(tmp_path / "page.hints.png", np.zeros((80, 120, 4), np.uint8))
    assert main([str(page), "--bundle", str(bundle)]) == 0
    assert "no hint is painted in" in capsys.readouterr().out


def test_points_beside_a_painted_layer_are_refused_with_its_name(tmp_path, bundle, capsys):
    page = save(tmp_path / "page.png")
    paint(tmp_path / "page.hints.png")
    assert main([str(page), "--bundle", str(bundle), "--hint", "3,4,#ff0000"]) == 2
    assert "page.hints.png, which is next to the page" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--draft"], ["--no-blend"], ["--blend", "paper"], ["--resolution", "64"]])
def test_what_can_be_chosen_changes_the_picture(tmp_path, bundle, options):
    page = save(tmp_path / "page.png")
    for name, chosen in (("a", []), ("b", options)):
        assert main([str(page), "--bundle", str(bundle), "-o", str(tmp_path / f"{name}.png"), *chosen]) == 0
    assert (read(tmp_path / "a.png") != read(tmp_path / "b.png")).any()


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
def test_mistakes_are_reported_with_what_to_do(tmp_path, bundle, capsys, arguments, message):
    if arguments[1:] == ["--device", "cuda"] and torch.cuda.is_available():
        pytest.skip("this machine has the device that the message is about")
    page = save(tmp_path / "page.png")
    for name in ("1", "2"):
        save(tmp_path / "pages" / f"{name}.png")
    filled = [part.format(page=page, folder=tmp_path) for part in arguments]
    if not {"--bundle", "--onnx"} & set(filled):
        filled += ["--bundle", str(bundle)]
    assert main(filled) == 2
    assert message in capsys.readouterr().err
    np.testing.assert_array_equal(read(page), drawing())
