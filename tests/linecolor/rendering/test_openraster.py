import io
import zipfile
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from linecolor.images.metadata import PageMetadata
from linecolor.rendering import blending
from linecolor.rendering.openraster import Layer, drawing_layers, flattened, is_own, write_openraster

NOTES = PageMetadata(dpi=(600, 300))


def drawing() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    line = np.full((60, 80), 255, np.uint8)
    line[20:22] = 30
    line[:, 40] = 120
    color = random.integers(0, 256, (15, 20, 3)).astype(np.uint8)
    hints = np.zeros((60, 80, 4), np.uint8)
    hints[5:9, 5:9] = (200, 10, 10, 255)
    return line, color, hints


def written(tmp_path) -> zipfile.ZipFile:
    line, color, hints = drawing()
    layer = blending.color_layer(line, color)
    write_openraster(tmp_path / "page.ora", drawing_layers(line, layer, hints), flattened(line, layer), NOTES)
    return zipfile.ZipFile(tmp_path / "page.ora")


def test_programs_recognise_the_file_by_its_first_entry(tmp_path):
    first = written(tmp_path).infolist()[0]
    assert first.filename == "mimetype"
    assert first.compress_type == zipfile.ZIP_STORED
    assert (tmp_path / "page.ora").read_bytes()[38:54] == b"image/openraster"


def test_the_stack_has_hints_hidden_line_as_multiply_and_colour(tmp_path):
    root = ET.fromstring(written(tmp_path).read("stack.xml"))
    assert [root.get(name) for name in ("w", "h", "xres", "yres")] == ["80", "60", "600", "300"]
    stack = [(layer.get("name"), layer.get("composite-op"), layer.get("visibility")) for layer in root.find("stack")]
    assert stack == [
        ("hints", "svg:src-over", "hidden"),
        ("line", "svg:multiply", "visible"),
        ("color", "svg:src-over", "visible"),
    ]


def test_the_layers_flatten_to_the_clean_blend(tmp_path):
    line, color, _ = drawing()
    archive = written(tmp_path)
    merged = np.asarray(Image.open(io.BytesIO(archive.read("mergedimage.png")))).astype(int)
    assert np.abs(merged - blending.blend(line, color, "clean")).max() <= 1
    pictures = {layer.get("name"): layer.get("src") for layer in ET.fromstring(archive.read("stack.xml")).iter("layer")}
    ink, flat = (np.asarray(Image.open(io.BytesIO(archive.read(pictures[name])))) for name in ("line", "color"))
    assert np.abs(np.rint(ink[..., None] / 255 * flat) - merged).max() <= 1


def test_equal_pages_give_equal_files(tmp_path):
    written(tmp_path)
    first = (tmp_path / "page.ora").read_bytes()
    written(tmp_path)
    assert (tmp_path / "page.ora").read_bytes() == first


def test_its_own_files_are_known_from_others(tmp_path):
    written(tmp_path)
    (tmp_path / "other.ora").write_bytes(b"a drawing of somebody")
    assert is_own(tmp_path / "page.ora")
    assert not is_own(tmp_path / "other.ora")
    assert not is_own(tmp_path / "none.ora")


def test_layers_of_another_size_are_refused(tmp_path):
    with pytest.raises(ValueError, match="layer line is 4 x 3"):
        write_openraster(tmp_path / "x.ora", [Layer("line", np.zeros((3, 4), np.uint8))], np.zeros((5, 5, 3), np.uint8))
    assert not (tmp_path / "x.ora").exists()
