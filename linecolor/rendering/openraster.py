"""OpenRaster (.ora): line, colour and hints as layers that GIMP, Krita and MyPaint open.

A ZIP file of PNGs and a stack.xml; https://www.openraster.org. Pictures are RGB(A) uint8.
"""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET  # writes only

import cv2
import numpy as np

from linecolor.arrays import Picture
from linecolor.images import write_atomically
from linecolor.images.encoding import encode_png
from linecolor.images.metadata import PageMetadata

MULTIPLY, NORMAL = "svg:multiply", "svg:src-over"
THUMBNAIL = 256
_SIGNATURE = b"linecolor"


@dataclass(frozen=True)
class Layer:
    """One layer, as large as the picture.

    Attributes:
        name: what the program shows.
        picture: (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA with straight alpha.
        blend: `MULTIPLY` or `NORMAL`.
        visible: whether it shows when the file is opened.
    """

    name: str
    picture: Picture
    blend: str = NORMAL
    visible: bool = True


def drawing_layers(ink: Picture, color: Picture, hint_layer: Picture | None) -> list[Layer]:
    """The layers of a coloured drawing, the topmost first: hints (hidden), line as multiply, colour without lines.

    Args:
        ink: (H, W) or (H, W, 3), what is multiplied over the colour.
        color: (H, W, 3), the colour without lines: `blending.color_layer`.
        hint_layer: (H, W, 4), left out where there is none.
    """
    layers = [Layer("line", ink, MULTIPLY), Layer("color", color)]
    return layers if hint_layer is None else [Layer("hints", hint_layer, visible=False), *layers]


def flattened(ink: Picture, color: Picture) -> Picture:
    """Line times colour, what a program shows of `drawing_layers`: (H, W, 3)."""
    rgb = cv2.cvtColor(ink, cv2.COLOR_GRAY2RGB) if ink.ndim == 2 else ink
    return np.asarray(cv2.multiply(rgb, color, scale=1 / 255), np.uint8)


def write_openraster(
    path: str | Path, layers: Sequence[Layer], merged: Picture, notes: PageMetadata | None = None
) -> None:
    """Write layers as an OpenRaster file, whole or not at all.

    Args:
        path: the file, by custom *.ora.
        layers: the topmost first, all of one size.
        merged: (H, W, 3), what they make together, for programs that show files without opening them.
        notes: resolution and colour profile of the page.

    Raises:
        ValueError: if the layers are not of one size.
    """
    height, width = merged.shape[:2]
    for layer in layers:
        if layer.picture.shape[:2] != (height, width):
            raise ValueError(
                f"layer {layer.name} is {layer.picture.shape[1]} x {layer.picture.shape[0]}, "
                f"the picture {width} x {height}: layers are of one size"
            )
    root = ET.Element("image", version="0.0.3", w=str(width), h=str(height))
    if notes and notes.dpi:
        root.set("xres", str(round(notes.dpi[0])))
        root.set("yres", str(round(notes.dpi[1])))
    stack = ET.SubElement(root, "stack")
    # The standard wants it first and stored as it is: that is how the file is recognised.
    entries: dict[str, str | bytes] = {"mimetype": "image/openraster"}
    for place, layer in enumerate(layers):
        source = f"data/layer{place}.png"
        about = {"name": layer.name, "src": source, "x": "0", "y": "0", "opacity": "1.0", "composite-op": layer.blend}
        ET.SubElement(stack, "layer", {**about, "visibility": "visible" if layer.visible else "hidden"})
        entries[source] = encode_png(layer.picture, notes)
    entries["stack.xml"] = ET.tostring(root, "utf-8", xml_declaration=True)
    entries["mergedimage.png"] = encode_png(merged, notes)
    entries["Thumbnails/thumbnail.png"] = encode_png(_thumbnail(merged))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_STORED)
        archive.comment = _SIGNATURE
    write_atomically(path, buffer.getvalue())


def is_own(path: str | Path) -> bool:
    """Whether `write_openraster` wrote the file, so that it may be replaced."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.comment == _SIGNATURE
    except (OSError, zipfile.BadZipFile):
        return False


def _thumbnail(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    scale = min(1.0, THUMBNAIL / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
