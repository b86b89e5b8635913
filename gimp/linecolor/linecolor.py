#!/usr/bin/env python3
"""GIMP 3 plug-in, Filters > Line art > Colorize: line and hint layer in, colour layers of the image's size out."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import tempfile
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
from gi.repository import Gimp, GimpUi, Gio, GLib, GObject, Gtk  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parent))
import coloring  # noqa: E402
from layer_choice import suggest_layers  # noqa: E402

PROCEDURE = "plug-in-linecolor-colorize"
REMEMBERED = "linecolor-layers"
HERE = Path(__file__).resolve().parent
LAYER_NAMES = {coloring.COLOR: "Colour", coloring.PICTURE: "Coloured picture"}


def all_layers(image: Gimp.Image) -> list[Gimp.Layer]:
    """Every layer as the Layers dialog lists them, the topmost first, those in groups too."""

    found, waiting = [], image.get_layers()
    while waiting:
        layer = waiting.pop(0)
        found.append(layer)
        if layer.is_group():
            waiting = [*layer.get_children(), *waiting]
    return found


def choose_layers(image: Gimp.Image) -> tuple[Gimp.Layer, Gimp.Layer | None]:
    """Line and hints: as last time with this image, else as their names and the selection suggest."""
    layers = all_layers(image)
    if not layers:
        raise coloring.ColoringError("The image has no layer. Draw or open line art first.")
    by_id = {layer.get_id(): layer for layer in layers}
    remembered = image.get_parasite(REMEMBERED)
    if remembered is not None:
        # A file from elsewhere may bring a parasite of that name, with whatever in it.
        with contextlib.suppress(ValueError, TypeError, RecursionError):
            line_id, hints_id = json.loads(bytes(remembered.get_data()))
            if line_id in by_id and (hints_id is None or hints_id in by_id):
                return by_id[line_id], by_id.get(hints_id)
    selected = image.get_selected_layers()
    at = layers.index(selected[0]) if len(selected) == 1 and selected[0] in layers else None
    line_at, hints_at = suggest_layers([layer.get_name() for layer in layers], at)
    return layers[line_at], None if hints_at is None else layers[hints_at]


def remember_layers(image: Gimp.Image, line: Gimp.Layer, hints: Gimp.Layer | None) -> None:
    """Note the choice on the image, until it is closed; neither a change of it nor a step to undo."""
    noted = json.dumps([line.get_id(), None if hints is None else hints.get_id()]).encode()
    image.attach_parasite(Gimp.Parasite.new(REMEMBERED, 0, noted))


def ask(
    procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, image: Gimp.Image
) -> tuple[Gimp.Layer, Gimp.Layer | None]:
    """Let the artist choose in a dialog: line and hints; Cancelled if it was closed."""
    line, hints = choose_layers(image)
    layers = all_layers(image)
    GimpUi.init(PROCEDURE)
    dialog = GimpUi.ProcedureDialog.new(procedure, config, "Colorize Line Art")
    dialog.set_ok_label("C_olorize")
    grid = Gtk.Grid(column_spacing=6, row_spacing=6)
    combos = []
    for row, (title, chosen, none) in enumerate((("Line _art", line, False), ("Hi_nts", hints, True))):
        label = Gtk.Label.new_with_mnemonic(title)
        label.set_halign(Gtk.Align.START)
        combo = Gtk.ComboBoxText(hexpand=True)
        if none:
            combo.append("none", "None: colour without hints")
        for layer in layers:
            combo.append(str(layer.get_id()), layer.get_name())
        combo.set_active_id("none" if chosen is None else str(chosen.get_id()))
        label.set_mnemonic_widget(combo)
        grid.attach(label, 0, row, 1, 1)
        grid.attach(combo, 1, row, 1, 1)
        combos.append(combo)
    dialog.get_content_area().pack_start(grid, False, False, 0)
    grid.show_all()
    dialog.fill(["output", "hide-hints", "resolution"])
    agreed = dialog.run()
    by_id = {str(layer.get_id()): layer for layer in layers}
    line, hints = (by_id.get(combo.get_active_id()) for combo in combos)
    dialog.destroy()
    if not agreed or line is None:
        raise coloring.Cancelled
    return line, hints


def export_layer(image: Gimp.Image, layer: Gimp.Layer, file: Path) -> None:
    """Write one layer, whatever its offset, mode, mask and opacity, as an 8-bit RGBA PNG of the image's size."""
    alone = Gimp.Image.new_with_precision(
        image.get_width(), image.get_height(), Gimp.ImageBaseType.RGB, Gimp.Precision.U8_NON_LINEAR
    )
    try:
        alone.undo_disable()
        copy = Gimp.Layer.new_from_drawable(layer, alone)
        alone.insert_layer(copy, None, 0)
        if copy.get_mask() is not None:
            copy.remove_mask(Gimp.MaskApplyMode.APPLY)
        copy.set_visible(True)
        copy.set_opacity(100)
        copy.set_mode(Gimp.LayerMode.NORMAL)
        if not copy.has_alpha():
            copy.add_alpha()
        copy.resize_to_image_size()
        if not Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, alone, Gio.File.new_for_path(str(file)), None):
            raise coloring.ColoringError(f"GIMP could not write the layer “{layer.get_name()}” to {file.parent}.")
    finally:
        alone.delete()


def insert_results(
    image: Gimp.Image, line: Gimp.Layer, hints: Gimp.Layer | None, results: dict[str, Gimp.Image], hide_hints: bool
) -> list[Gimp.Layer]:
    """Put the pictures into the stack, as one step to undo: colour under the line, a finished picture over it."""
    inserted = []
    selected = image.get_selected_layers()
    image.undo_group_start()
    try:
        if image.get_base_type() != Gimp.ImageBaseType.RGB:
            image.convert_rgb()
        for name, result in results.items():
            layer = Gimp.Layer.new_from_drawable(result.get_layers()[0], image)
            layer.set_name(LAYER_NAMES[name])
            below = name == coloring.COLOR
            image.insert_layer(layer, line.get_parent(), image.get_item_position(line) + below)
            # With colour and line in the stack, the finished picture would only hide them.
            layer.set_visible(below or len(results) == 1)
            inserted.append(layer)
        if coloring.COLOR in results:
            line.set_mode(Gimp.LayerMode.MULTIPLY)
            # GIMP multiplies linear light by default; the soft edges of ink were drawn and blended in sRGB.
            line.set_blend_space(Gimp.LayerColorSpace.RGB_NON_LINEAR)
        if hints is not None and hide_hints:
            hints.set_visible(False)
        image.set_selected_layers(selected)
    finally:
        image.undo_group_end()
    return inserted


def colorize(
    image: Gimp.Image, line: Gimp.Layer, hints: Gimp.Layer | None, config: Gimp.ProcedureConfig
) -> list[Gimp.Layer]:
    """Export, run, insert. The image is not touched before there is a result."""
    _check(image, line, hints)
    output = config.get_property("output")
    installation = coloring.read_installation(HERE)
    Gimp.progress_init("Colouring the line art")

    def go_on() -> bool:
        Gimp.progress_pulse()
        return True

    results: dict[str, Gimp.Image] = {}
    folder = Path(tempfile.mkdtemp(prefix="linecolor-"))
    try:
        export_layer(image, line, folder / coloring.LINE)
        if hints is not None:
            export_layer(image, hints, folder / coloring.HINTS)
        resolution = config.get_property("resolution")
        pictures = coloring.color(installation, folder, hints is not None, output, resolution, go_on)
        for name, file in pictures.items():
            results[name] = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(str(file)))
            size = (results[name].get_width(), results[name].get_height())
            if size != (image.get_width(), image.get_height()):
                raise coloring.ColoringError(
                    f"The result is {size[0]} x {size[1]} pixels, not of the image's size. Run “python3 "
                    "gimp/install.py” again."
                )
        return insert_results(image, line, hints, results, config.get_property("hide-hints"))
    finally:
        for result in results.values():
            result.delete()
        shutil.rmtree(folder, ignore_errors=True)
        Gimp.progress_end()


def _check(image: Gimp.Image, line: Gimp.Layer, hints: Gimp.Layer | None) -> None:
    if image.get_floating_sel() is not None:
        raise coloring.ColoringError("There is a floating selection. Anchor it (Ctrl+H) and colorize then.")
    for layer in (line, hints):
        if layer is not None and layer.get_image() != image:
            raise coloring.ColoringError(
                f"The layer “{layer.get_name()}” belongs to another image. Choose one of this."
            )
    if hints is None:
        return
    if hints == line:
        raise coloring.ColoringError("Line art and hints are the same layer. Paint hints on a layer of their own.")
    if not hints.has_alpha() and not hints.is_group():
        raise coloring.ColoringError(
            f"The hint layer “{hints.get_name()}” has no transparency: all of it would be a hint. Paint hints on a "
            "new, transparent layer (Layer > New Layer)."
        )


def run(procedure, run_mode, image, drawables, config, data):  # noqa: D103
    try:
        if run_mode == Gimp.RunMode.INTERACTIVE:
            line, hints = ask(procedure, config, image)
        elif run_mode == Gimp.RunMode.NONINTERACTIVE and config.get_property("line") is not None:
            line, hints = config.get_property("line"), config.get_property("hints")
        else:
            line, hints = choose_layers(image)
        colorize(image, line, hints, config)
        remember_layers(image, line, hints)
    except coloring.Cancelled:
        return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, None)
    except (coloring.ColoringError, OSError, GLib.Error) as error:
        message = error.message if isinstance(error, GLib.Error) else str(error)
        return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, GLib.Error(message))
    if run_mode != Gimp.RunMode.NONINTERACTIVE:
        Gimp.displays_flush()
    return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, None)


class Linecolor(Gimp.PlugIn):
    """The plug-in as GIMP sees it."""

    def do_set_i18n(self, name):  # noqa: D102
        return False

    def do_query_procedures(self):  # noqa: D102
        return [PROCEDURE]

    def do_create_procedure(self, name):  # noqa: D102
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, run, None)
        procedure.set_image_types("*")
        sensitive = Gimp.ProcedureSensitivityMask
        procedure.set_sensitivity_mask(sensitive.DRAWABLE | sensitive.DRAWABLES | sensitive.NO_DRAWABLES)
        procedure.set_menu_label("_Colorize...")
        procedure.add_menu_path("<Image>/Filters/Line art")
        procedure.set_documentation(
            "Colour line art, following painted hints",
            "Colours the line layer with a trained network and puts the colour under it, as a layer of the image's "
            "size. Dots and strokes on the hint layer, a transparent one, say which colour goes where.",
            name,
        )
        procedure.set_attribution("the linecolor authors", "MIT licence", "2026")
        flags = GObject.ParamFlags.READWRITE
        # Both none: as last time with this image, or as the layers' names suggest.
        procedure.add_layer_argument("line", "_Line art", "Layer with the line art", True, flags)
        procedure.add_layer_argument("hints", "_Hints", "Transparent layer with painted colour hints", True, flags)
        output = Gimp.Choice.new()
        output.add("color", 0, "Colour layer under the line art", "The line layer is set to Multiply")
        output.add("picture", 1, "Finished picture", "Colour and lines in one layer")
        output.add("both", 2, "Both", "The finished picture is hidden at first")
        procedure.add_choice_argument("output", "Res_ult", "What comes out", output, "color", flags)
        procedure.add_boolean_argument(
            "hide-hints", "Hide the hint la_yer", "Make the hint layer invisible when the colour is there", True, flags
        )
        procedure.add_int_argument(
            "resolution",
            "_Detail",
            "Short side in pixels at which the network looks at the page; 0: as it was trained. "
            "More gives finer detail and takes longer; the result always has the image's size.",
            0,
            coloring.MAX_RESOLUTION,
            0,
            flags,
        )
        return procedure


Gimp.main(Linecolor.__gtype__, sys.argv)
