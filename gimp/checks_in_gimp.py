"""What `test_in_gimp.py` runs inside GIMP, through python-fu-eval: the promises of the plug-in, one function each.

Needs numpy and Pillow in GIMP's Python. With a display, one step of undo is tried with the keyboard as well.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import gi
import numpy as np
from PIL import Image

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
from gi.repository import Gegl, Gimp, Gio  # noqa: E402

OUT = Path(os.environ["LINECOLOR_CHECKS"])
PLUG_IN = Path(os.environ["LINECOLOR_PLUG_IN"])
INSTALLED = json.loads((PLUG_IN / "installation.json").read_text())
STAND_IN = Path(INSTALLED["model"]).read_bytes() == b"stand-in"
WIDTH, HEIGHT = 560, 420
# Centres of the four shapes, where their hints are, and the hints' colours.
HINTS = {(150, 120): (226, 96, 80), (410, 120): (84, 130, 214), (150, 310): (98, 176, 92), (410, 310): (240, 200, 96)}
MULTIPLY = Gimp.LayerMode.MULTIPLY


def fill(layer, x, y, width, height, rgb, ellipse=False):
    """Fill a rectangle or an ellipse, in pixels of the image; rgb in [0, 255]."""
    image = layer.get_image()
    # By name: set_rgba takes linear light.
    Gimp.context_set_foreground(Gegl.Color.new("#{:02x}{:02x}{:02x}".format(*rgb)))
    select = image.select_ellipse if ellipse else image.select_rectangle
    select(Gimp.ChannelOps.REPLACE, x, y, width, height)
    layer.edit_fill(Gimp.FillType.FOREGROUND)
    Gimp.Selection.none(image)


def draw(line_in_group=False):
    """An image with a background, a line layer with four ellipses and a smaller, shifted hint layer, all three."""
    image = Gimp.Image.new(WIDTH, HEIGHT, Gimp.ImageBaseType.RGB)
    background = Gimp.Layer.new(image, "Paper", WIDTH, HEIGHT, Gimp.ImageType.RGB_IMAGE, 100, Gimp.LayerMode.NORMAL)
    background.fill(Gimp.FillType.WHITE)
    image.insert_layer(background, None, 0)
    group = None
    if line_in_group:
        group = Gimp.GroupLayer.new(image, "Inking")
        image.insert_layer(group, None, 0)
    name = "Line; $(touch pwned) & `exit` äöü"
    line = Gimp.Layer.new(image, name, WIDTH, HEIGHT, Gimp.ImageType.RGBA_IMAGE, 100, Gimp.LayerMode.NORMAL)
    image.insert_layer(line, group, 0)
    for x, y in HINTS:
        fill(line, x - 110, y - 80, 220, 160, (0, 0, 0), ellipse=True)
        image.select_ellipse(Gimp.ChannelOps.REPLACE, x - 106, y - 76, 212, 152)
        line.edit_clear()
        Gimp.Selection.none(image)
    hints = Gimp.Layer.new(image, "Hints", 400, 300, Gimp.ImageType.RGBA_IMAGE, 100, Gimp.LayerMode.NORMAL)
    image.insert_layer(hints, None, 0)
    hints.set_offsets(80, 70)
    for (x, y), color in HINTS.items():
        fill(hints, x - 6, y - 6, 12, 12, color)
    image.clean_all()
    return image, line, hints


def colorize(image, line, hints, **settings):
    """Run the procedure by its name; its status and message."""
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-linecolor-colorize")
    config = procedure.create_config()
    for name, value in {"image": image, "line": line, "hints": hints, **settings}.items():
        config.set_property(name.replace("_", "-"), value)
    config.set_core_object_array("drawables", image.get_selected_layers())
    result = procedure.run(config)
    return result.index(0), Gimp.get_pdb().get_last_error() or ""


def colorize_well(image, line, hints, **settings):
    """`colorize`, which must succeed."""
    status, message = colorize(image, line, hints, **settings)
    assert status == Gimp.PDBStatusType.SUCCESS, (status, message)


def stack(image):
    """Every layer: parent, id, name, mode, visibility, size and place."""

    def below(layers, parent):
        for layer in layers:
            place = layer.get_offsets()
            size = (layer.get_width(), layer.get_height(), place.offset_x, place.offset_y)
            yield (parent, layer.get_id(), layer.get_name(), layer.get_mode(), layer.get_visible(), size)
            if layer.is_group():
                yield from below(layer.get_children(), layer.get_id())

    return list(below(image.get_layers(), None))


def pixels(image, name):
    """What the image shows, (H, W, 3); written to the folder of results too."""
    file = OUT / f"{name}.png"
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(str(file)), None)
    return np.asarray(Image.open(file).convert("RGB")).astype(int)


def environment(name, script):
    """The path of an environment whose linecolor-colorize is a shell script."""
    programs = OUT / name / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    (programs / "python").unlink(missing_ok=True)
    (programs / "python").symlink_to(sys.executable)
    (programs / "linecolor-colorize").write_text(f"#!/bin/sh\n{script}\n")
    (programs / "linecolor-colorize").chmod(0o755)
    return str(programs.parent)


@contextlib.contextmanager
def installation(content):
    """Within it, installation.json has this content, or is not there."""
    file = PLUG_IN / "installation.json"
    installed = file.read_text()
    file.unlink()
    if content is not None:
        file.write_text(content)
    try:
        yield
    finally:
        file.write_text(installed)


def assert_hints_are_followed(picture):
    """Around each hint its own colour is nearer than any other hint's."""
    for (x, y), color in HINTS.items():
        seen = picture[y - 20 : y + 21, x - 20 : x + 21].reshape(-1, 3).mean(0)
        nearest = min(HINTS.values(), key=lambda other: np.abs(seen - other).sum())
        assert nearest == color, f"at {x}, {y} the hint is {color}, the picture {seen.round()}"


def check_color_layer_lies_under_the_line():
    """One more layer, of the image's size, under the line in its group; the line multiplies, the hints are hidden."""
    for in_group in (False, True):
        image, line, hints = draw(in_group)
        before, images = stack(image), len(Gimp.get_images())
        colorize_well(image, line, hints)
        after = stack(image)
        new = [row for row in after if row[1] not in {row[1] for row in before}]
        assert [row[5] for row in new] == [(WIDTH, HEIGHT, 0, 0)], new
        assert after.index(new[0]) == [row[1] for row in after].index(line.get_id()) + 1
        assert new[0][0] == (line.get_parent().get_id() if in_group else None)
        assert line.get_mode() == MULTIPLY
        assert not hints.get_visible()
        assert [row[1] for row in after if row not in new] == [row[1] for row in before]
        assert len(Gimp.get_images()) == images, "images were left behind"
        picture = pixels(image, "color-under-line")
        assert_hints_are_followed(picture)
        assert picture[120, 150 - 108].max() < 110, "the line is not over the colour"
        image.delete()


def check_picture_and_both():
    """A finished picture comes over the line; with both, it is hidden and both show the same."""
    image, line, hints = draw()
    colorize_well(image, line, hints, output="picture", hide_hints=False)
    assert line.get_mode() == Gimp.LayerMode.NORMAL
    assert hints.get_visible()
    assert image.get_item_position(line) == 2
    hints.set_visible(False)
    assert_hints_are_followed(pixels(image, "picture"))
    image.delete()
    image, line, hints = draw()
    colorize_well(image, line, hints, output="both")
    layers = image.get_layers()
    assert [layer.get_name() for layer in layers][1:4] == ["Coloured picture", line.get_name(), "Colour"]
    assert [layer.get_visible() for layer in layers] == [False, False, True, True, True]
    below = pixels(image, "both-layers")
    layers[1].set_visible(True)
    difference = np.abs(below - pixels(image, "both-picture"))
    assert difference.mean() < 2, f"layers and finished picture differ by {difference.mean():.1f} levels"
    image.delete()


def check_without_hints_and_without_a_line_named():
    """No hint layer is fine, and the line is found by its name."""
    image, line, hints = draw()
    colorize_well(image, line, None)
    assert hints.get_visible()
    image.delete()
    image, line, hints = draw()
    image.set_selected_layers([hints])
    image.attach_parasite(Gimp.Parasite.new("linecolor-layers", 0, b"[[], {}]"))
    colorize_well(image, None, None, resolution=128)
    assert image.get_selected_layers() == [hints]
    assert line.get_mode() == MULTIPLY
    assert not hints.get_visible()
    image.delete()


def check_layers_are_remembered_whatever_their_names():
    """What was line and hints once is so again, and after that colour follows the same hints."""
    image, line, hints = draw()
    line.set_name("A")
    hints.set_name("B")
    colorize_well(image, line, hints)
    hints.set_visible(True)
    image.clean_all()
    colorize_well(image, None, None)
    assert not hints.get_visible()
    assert [layer.get_name() for layer in image.get_layers()][:2] == ["B", "A"]
    assert_hints_are_followed(pixels(image, "again"))
    image.delete()


def check_images_of_every_mode_and_depth():
    """Grey and indexed images become RGB, which has room for colour; floats of linear light keep their colours."""
    for name in ("gray", "indexed", "linear"):
        image, line, hints = draw()
        if name == "gray":
            image.convert_grayscale()
            hints = None
        elif name == "indexed":
            nothing, palette = Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE
            image.convert_indexed(nothing, palette, 64, False, False, "")
        else:
            image.convert_precision(Gimp.Precision.FLOAT_LINEAR)
        colorize_well(image, line, hints)
        assert image.get_base_type() == Gimp.ImageBaseType.RGB
        picture = pixels(image, f"mode-{name}")
        if hints is not None:
            assert_hints_are_followed(picture)
        image.delete()


def check_groups_masks_and_opacity():
    """The line may be a layer group; a mask on the hints holds; half-transparent layers count in full."""
    image, line, hints = draw(line_in_group=True)
    mask = hints.create_mask(Gimp.AddMaskType.WHITE)
    hints.add_mask(mask)
    hints.set_opacity(50)
    group = line.get_parent()
    colorize_well(image, group, hints)
    assert group.get_mode() == MULTIPLY
    assert hints.get_mask() is not None
    assert hints.get_opacity() == 50
    assert_hints_are_followed(pixels(image, "group"))
    image.delete()


def check_errors_leave_the_image_alone():
    """Nothing installed, a failing program, the wrong layers: a message, and the image is as it was."""
    failing = environment("failing", "echo 'linecolor-colorize: error: the ink ran out' >&2\nexit 2")
    for content, expected in (
        (None, "install.py"),
        ("{", "damaged"),
        (json.dumps({**INSTALLED, "environment": "/nowhere"}), "/nowhere"),
        (json.dumps({**INSTALLED, "model": "/nowhere.onnx"}), "/nowhere.onnx"),
        (json.dumps({**INSTALLED, "environment": failing}), "the ink ran out"),
    ):
        with installation(content):
            _assert_refused(expected)
    _assert_refused("same layer", wrong=lambda image, line: line)
    _assert_refused("no transparency", wrong=lambda image, line: image.get_layers()[-1])
    other, _, foreign = draw()
    _assert_refused("another image", wrong=lambda image, line: foreign)
    other.delete()


def _assert_refused(expected, wrong=None):
    image, line, hints = draw()
    before = stack(image)
    status, message = colorize(image, line, wrong(image, line) if wrong else hints)
    assert status != Gimp.PDBStatusType.SUCCESS, status
    assert expected in message, message
    assert stack(image) == before
    assert not image.is_dirty()
    image.delete()


def check_a_killed_plug_in_leaves_nothing():
    """GIMP cancels by killing the plug-in: the program ends, its folder goes, the image is as it was."""
    noted = OUT / "slow.txt"
    slow = environment("slow", f'echo "$$ $1" > {noted}.new && mv {noted}.new {noted}\nexec sleep 300')
    noted.unlink(missing_ok=True)
    killer = subprocess.Popen([sys.executable, "-c", _KILLER, str(noted), str(PLUG_IN / "linecolor.py")])
    image, line, hints = draw()
    before = stack(image)
    try:
        with installation(json.dumps({**INSTALLED, "environment": slow})):
            status, _ = colorize(image, line, hints)
    finally:
        killer.wait(30)
    assert status != Gimp.PDBStatusType.SUCCESS
    assert stack(image) == before
    process, page = noted.read_text().split(maxsplit=1)
    for _ in range(50):
        if not Path("/proc", process).exists() and not Path(page.strip()).parent.exists():
            break
        time.sleep(0.1)
    assert not Path("/proc", process).exists(), "the program lives on"
    assert not Path(page.strip()).parent.exists(), "the temporary folder is still there"
    image.delete()


def check_layers_of_the_command_open_in_gimp():
    """An .ora of linecolor-colorize: hints (hidden), line (multiplied), colour, which show what the PNG shows."""
    image, _, hints = draw()
    hints.set_visible(False)
    pixels(image, "ora-page")
    image.delete()
    hints = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    for (x, y), color in HINTS.items():
        hints[y - 6 : y + 6, x - 6 : x + 6] = (*color, 255)
    Image.fromarray(hints).save(OUT / "ora-page.hints.png")
    program = Path(INSTALLED["environment"], "bin", "linecolor-colorize")
    command = [program, OUT / "ora-page.png", "--onnx", INSTALLED["model"], "--layers", "--force"]
    subprocess.run(command, check=True, capture_output=True)
    opened = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(str(OUT / "ora-page.color.ora")))
    layers = opened.get_layers()
    assert [layer.get_name() for layer in layers] == ["hints", "line", "color"]
    assert [layer.get_visible() for layer in layers] == [False, True, True]
    assert layers[1].get_mode() in (MULTIPLY, Gimp.LayerMode.MULTIPLY_LEGACY), layers[1].get_mode()
    assert (opened.get_width(), opened.get_height()) == (WIDTH, HEIGHT)
    shown = pixels(opened, "ora-opened")
    wanted = np.asarray(Image.open(OUT / "ora-page.color.png").convert("RGB")).astype(int)
    error = float(np.mean((shown - wanted) ** 2))
    assert error < 255**2 / 10**3, f"GIMP shows the layers {10 * np.log10(255**2 / error):.1f} dB from the PNG"
    assert_hints_are_followed(shown)
    opened.delete()


_KILLER = """
import os, signal, sys, time
from pathlib import Path
noted, plug_in = sys.argv[1:]
while not Path(noted).exists():
    time.sleep(0.05)
for process in Path("/proc").iterdir():
    if process.name.isdigit() and plug_in.encode() in (process / "cmdline").read_bytes().split(b"\\0"):
        if int(process.name) != os.getpid():
            os.kill(int(process.name), signal.SIGKILL)
"""


def check_one_undo_with_the_keyboard():
    """Escape in the dialog changes nothing; Enter colours, and Ctrl+Z once brings everything back."""
    image, _, _ = draw()
    before = stack(image)
    Gimp.Display.new(image)
    time.sleep(3)

    assert _colorize_by_dialog(image, "Escape") == Gimp.PDBStatusType.CANCEL
    assert stack(image) == before
    assert _colorize_by_dialog(image, "Return") == Gimp.PDBStatusType.SUCCESS
    assert len(stack(image)) == len(before) + 1
    Gimp.displays_flush()
    time.sleep(2)
    _shot("colored")
    subprocess.run(["xdotool", "key", "ctrl+z"], check=True)
    time.sleep(2)
    assert stack(image) == before, "one step of undo does not bring the image back"


def _colorize_by_dialog(image, key):
    def press():
        time.sleep(4)
        _shot("dialog")
        subprocess.run(["xdotool", "key", key], check=True)

    pressing = threading.Thread(target=press)
    pressing.start()
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-linecolor-colorize")
    config = procedure.create_config()
    config.set_property("run-mode", Gimp.RunMode.INTERACTIVE)
    config.set_property("image", image)
    config.set_core_object_array("drawables", image.get_selected_layers())
    status = procedure.run(config).index(0)
    pressing.join()
    return status


def _shot(name):
    subprocess.run(["import", "-window", "root", str(OUT / f"screen-{name}.png")], check=True)


def main():
    """Run every check; writes results.json: name -> null or what went wrong."""
    on_screen = bool(os.environ.get("DISPLAY"))
    checks = [check for name, check in globals().items() if name.startswith("check_")]
    chosen = [check for check in checks if (check is check_one_undo_with_the_keyboard) == on_screen]
    if STAND_IN and not on_screen:
        chosen.remove(check_layers_of_the_command_open_in_gimp)
    if on_screen:
        subprocess.Popen(["openbox", "--sm-disable"], stderr=subprocess.DEVNULL)
        time.sleep(1)
    results = {}
    for check in chosen:
        try:
            check()
            results[check.__name__] = None
        except Exception:
            results[check.__name__] = traceback.format_exc()
        (OUT / "results.json").write_text(json.dumps(results))


main()
