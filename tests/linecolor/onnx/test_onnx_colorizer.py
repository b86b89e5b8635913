"""OnnxColorizer on models built by hand, and on files from outside that are none of ours."""

import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from linecolor.onnx import reader
from linecolor.onnx.card import OnnxCard
from linecolor.onnx.onnx_colorizer import OnnxColorizer
from linecolor.rendering.options import RenderingOptions

SMALL = RenderingOptions(resolution=32)
CARD = OnnxCard("linecolor", ("draft",), SMALL, 4, "none", "float32", {"linecolor": "0.1.0"}, {"run": "mine"})
FLOAT = TensorProto.FLOAT


def value(name: str, channels: int, kind: int = FLOAT):
    return helper.make_tensor_value_info(name, kind, ["batch", channels, f"h of {name}", f"w of {name}"])


def number(name: str, whole: int):
    tensor = helper.make_tensor(name, TensorProto.INT64, [1], [whole])
    return helper.make_node("Constant", [], [name], value=tensor)


def two_stages(channels: int = 5, card: OnnxCard = CARD) -> onnx.ModelProto:
    """The draft is the hints' colour, white without; the picture is the draft enlarged."""
    nodes = [
        *(number(f"at{place}", place) for place in (1, 4, 5)),
        helper.make_node("Slice", ["draft_input", "at1", "at4", "at1"], ["hue"]),
        helper.make_node("Slice", ["draft_input", "at4", "at5", "at1"], ["alpha"]),
        helper.make_node("Constant", [], ["one"], value=helper.make_tensor("one", FLOAT, [], [1.0])),
        helper.make_node("Sub", ["one", "alpha"], ["bare"]),
        helper.make_node("Add", ["hue", "bare"], ["draft"]),
        helper.make_node("Constant", [], ["scales"], value=helper.make_tensor("scales", FLOAT, [4], [1, 1, 2, 2])),
        helper.make_node("Resize", ["draft", "", "scales"], ["color"], mode="nearest"),
    ]
    inputs = [value("line", 1), value("draft_input", channels)]
    return model(nodes, inputs, [value("color", 3), value("draft", 3)], card)


def model(nodes, inputs, outputs, card: OnnxCard | None, **graph: object) -> onnx.ModelProto:
    made = helper.make_model(
        helper.make_graph(nodes, "colours", inputs, outputs, **graph),
        opset_imports=[helper.make_opsetid("", 20)],
        ir_version=10,
    )
    if card:
        helper.set_model_props(made, card.to_metadata())
    return made


def saved(made: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "linecolor.onnx"
    path.write_bytes(made.SerializeToString())
    return path


def page(height: int, width: int) -> np.ndarray:
    line = np.full((height, width), 255, np.uint8)
    line[height // 3] = 0
    return line


@pytest.fixture(scope="module")
def colorizer(tmp_path_factory) -> OnnxColorizer:
    return OnnxColorizer.load(saved(two_stages(), tmp_path_factory.mktemp("onnx")), threads=1)


def test_a_hint_is_painted_where_it_was_put_and_white_paper_stays_white(colorizer):
    result = colorizer.colorize(np.full((90, 120), 255, np.uint8), [(30, 60, "#fa0000")])
    ys, xs = np.nonzero(result[..., 1] < 128)
    assert abs(ys.mean() - 60) < 2.5
    assert abs(xs.mean() - 30) < 2.5
    assert (colorizer.colorize(np.full((77, 301), 255, np.uint8)) == 255).all()


def test_the_metadata_sets_what_is_not_asked_for(colorizer, tmp_path):
    assert (colorizer.options, colorizer.multiple) == (SMALL, 4)
    other = OnnxColorizer.load(saved(two_stages(), tmp_path), threads=1, blend="none", resolution=64)
    assert other.options == RenderingOptions(resolution=64, blend="none")
    assert other.card.provenance == {"run": "mine"}


def test_one_network_of_line_and_hint_colours_without_a_draft(tmp_path):
    card = OnnxCard("linecolor", ("pix2pix",), SMALL, 4, "none", "float32", {}, {})
    # The line in three channels, whatever the hint.
    nodes = [helper.make_node("Concat", ["line"] * 3, ["color"], axis=1)]
    path = saved(model(nodes, [value("line", 1), value("hint", 4)], [value("color", 3)], card), tmp_path)
    colored = OnnxColorizer.load(path, threads=1, blend="none").colorize_with_steps(page(64, 64))
    assert colored.draft is None
    assert np.array_equal(colored.colorized[..., 0], colored.line)


def test_the_card_is_read_back_as_it_was_written():
    assert OnnxCard.from_metadata(CARD.to_metadata()) == CARD
    for changed in ({"mirrored": True}, {"enforce_hints": True}, {"blend": "paper"}, {"resolution": 64}):
        other = replace(CARD, rendering=SMALL.changed(**changed))
        assert OnnxCard.from_metadata(other.to_metadata()) == other


def test_a_long_provenance_is_shortened_and_stays_readable():
    long = replace(CARD, provenance={"run": "mine", "seed": 3, "story": "x" * 20_000, "list": [1] * 9999})
    assert OnnxCard.from_metadata(long.to_metadata()).provenance == {"run": "mine", "seed": 3}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("format", "2", "has format '2'"),
        ("part", "upscaler", "does not know"),
        ("networks", "draft,draft", "does not know"),
        ("networks", "colorizer", "does not know"),
        ("resolution", "100000", "resolution=100000"),
        ("resolution", "-16", "no number"),
        ("resolution", "٣٢", "no number"),
        ("multiple", "0", "multiple"),
        ("multiple", "3", "multiple"),
        ("multiple", "999999999", "multiple"),
        ("hint_spread", "../../etc", "does not know"),
        ("blend", "multiply", "blend=multiply"),
        ("hints", "alpha 0 = hint", "other conventions"),
        ("color_order", "BGR", "other conventions"),
        ("range", "[0, 255]", "other conventions"),
        ("precision", "int8", "does not know"),
        ("versions", "[]", "no mapping"),
        ("provenance", "[" * 100_000, "damaged metadata"),
    ],
)
def test_metadata_that_cannot_be_is_refused(name, text, message):
    with pytest.raises(ValueError, match=message):
        OnnxCard.from_metadata({**CARD.to_metadata(), f"linecolor.{name}": text})


@pytest.mark.parametrize("name", sorted({*CARD.to_metadata()} - {"linecolor.format"}))  # which has an error of its own
def test_missing_metadata_is_refused_but_for_what_older_files_lack(name):
    metadata = {key: text for key, text in CARD.to_metadata().items() if key != name}
    if name == "linecolor.enforce_hints":
        assert OnnxCard.from_metadata(metadata) == CARD
        return
    with pytest.raises(ValueError, match="damaged metadata"):
        OnnxCard.from_metadata(metadata)


@given(st.dictionaries(st.sampled_from(sorted(CARD.to_metadata())), st.text(max_size=30)))
def test_any_metadata_is_a_sane_card_or_refused(changed):
    with suppress(ValueError):
        card = OnnxCard.from_metadata({**CARD.to_metadata(), **changed})
        assert 16 <= card.rendering.resolution <= 2048
        assert 1 <= card.multiple <= 4096


def external(made: onnx.ModelProto) -> None:
    """Weights that are said to lie in another file."""
    weights = made.graph.initializer.add(name="stolen", data_type=FLOAT, dims=[4])
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="../secret.bin")


def external_constant(made: onnx.ModelProto) -> None:
    tensor = made.graph.node[0].attribute[0].t
    tensor.ClearField("int64_data")
    tensor.data_location = TensorProto.EXTERNAL


LOOP = helper.make_node("Loop", ["", ""], [], body=helper.make_graph([], "body", [], []))


@pytest.mark.parametrize(
    ("add", "message"),
    [
        (external, "other files"),
        (external_constant, "other files"),
        (lambda made: made.graph.node.append(LOOP), "loops"),
        (lambda made: made.graph.sparse_initializer.add(), "sparse"),
        (lambda made: made.functions.add(name="mine", domain="there"), "functions"),
        (lambda made: made.training_info.add(), "functions"),
        (lambda made: made.graph.node.extend([onnx.NodeProto()] * (reader.MAX_NODES + 1)), "more than 100,000"),
    ],
)
def test_what_no_colouring_network_has_is_refused_before_onnxruntime_sees_it(add, message, tmp_path, monkeypatch):
    monkeypatch.setattr("linecolor.onnx.onnx_colorizer.start_session", pytest.fail)
    made = two_stages()
    add(made)
    with pytest.raises(ValueError, match=rf"linecolor\.onnx: .*{message}.*; export the bundle again"):
        OnnxColorizer.load(saved(made, tmp_path))


@pytest.mark.parametrize("data", [b"", b"not a network", b"\x00" * 100, b"\x3a\xff\xff\xff\xff\x0f", b"ORTM" * 9])
def test_a_file_that_is_no_onnx_is_named_with_the_way_out(data, tmp_path):
    path = tmp_path / "linecolor.onnx"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"linecolor\.onnx: is no ONNX file or is damaged .*linecolor-export"):
        OnnxColorizer.load(path)


def test_a_truncated_file_is_refused(tmp_path):
    whole = two_stages().SerializeToString()
    path = tmp_path / "linecolor.onnx"
    for end in range(0, len(whole), 97):
        path.write_bytes(whole[:end])
        with pytest.raises(ValueError, match=r"linecolor\.onnx"):
            OnnxColorizer.load(path)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=8), st.binary(max_size=40))
def test_damaged_files_raise_nothing_but_value_errors(tmp_path_factory, flips, tail):
    damaged = bytearray(two_stages().SerializeToString())
    for where, byte in flips:
        damaged[where % len(damaged)] = byte
    path = tmp_path_factory.getbasetemp() / "damaged.onnx"
    path.write_bytes(bytes(damaged) + tail)
    with suppress(ValueError):
        file = reader.read_onnx(path)
        OnnxCard.from_metadata(file.metadata)


def test_a_file_of_another_program_is_reported_apart(tmp_path):
    made = model([helper.make_node("Relu", ["x"], ["y"])], [value("x", 3)], [value("y", 3)], None)
    with pytest.raises(ValueError, match="was not exported by linecolor"):
        OnnxColorizer.load(saved(made, tmp_path))


def test_other_inputs_than_the_metadata_promises_are_named(tmp_path):
    nodes = [helper.make_node("Relu", ["x"], ["color"]), helper.make_node("Relu", ["x"], ["draft"])]
    made = model(nodes, [value("x", 3)], [value("color", 3), value("draft", 3)], CARD)
    with pytest.raises(ValueError, match=r"takes x .* where its system has line, draft_input"):
        OnnxColorizer.load(saved(made, tmp_path))
    with pytest.raises(ValueError, match=r"takes line .* of 1, 9 channels"):
        OnnxColorizer.load(saved(two_stages(card=replace(CARD, hint_spread="reach")), tmp_path))


def test_one_stage_alone_points_to_the_whole(tmp_path):
    with pytest.raises(ValueError, match=r"is the draft network alone; give linecolor\.onnx"):
        OnnxColorizer.load(saved(two_stages(card=replace(CARD, part="draft")), tmp_path))


def test_a_network_that_answers_in_another_size_is_refused(tmp_path):
    made = two_stages()
    made.graph.node[-1].input[0] = "hue"
    made.graph.node[-1].input[2] = "quarter"
    made.graph.initializer.append(helper.make_tensor("quarter", FLOAT, [4], [1, 1, 0.5, 0.5]))
    with pytest.raises(ValueError, match="returns colours of"):
        OnnxColorizer.load(saved(made, tmp_path), threads=1).colorize(page(64, 64))


def test_a_model_that_onnxruntime_refuses_is_named(tmp_path):
    made = two_stages()
    made.graph.node[3].op_type = "Telepathy"
    with pytest.raises(ValueError, match=r"linecolor\.onnx: onnxruntime .* refuses it"):
        OnnxColorizer.load(saved(made, tmp_path))


def test_missing_files_folders_and_large_files_are_named(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.onnx: no such file; linecolor-export"):
        OnnxColorizer.load(tmp_path / "nowhere.onnx")
    with pytest.raises(FileNotFoundError, match="it is a folder"):
        OnnxColorizer.load(tmp_path)
    monkeypatch.setattr(reader, "MAX_BYTES", 100)
    with pytest.raises(ValueError, match="more than any ONNX file"):
        OnnxColorizer.load(saved(two_stages(), tmp_path))


@pytest.mark.parametrize("wrong", [{"resolution": 8}, {"resolution": 5000}, {"threads": 0}])
def test_impossible_settings_are_named(wrong, tmp_path):
    ((name, number),) = wrong.items()
    with pytest.raises(ValueError, match=f"{name}={number}"):
        OnnxColorizer.load(saved(two_stages(), tmp_path), **wrong)


def test_without_onnxruntime_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match="pip install onnxruntime"):
        OnnxColorizer.load(saved(two_stages(), tmp_path))


def test_colouring_imports_nothing_but_numpy_opencv_pillow_and_onnxruntime(tmp_path):
    path = saved(two_stages(), tmp_path)
    code = (
        "import sys\n"
        "absent = ('torch', 'kornia', 'skimage', 'scipy', 'yaml', 'hydra', 'lightning', 'safetensors', 'onnx',"
        " 'tqdm', 'jinja2')\n"
        "for name in absent: sys.modules[name] = None\n"
        "import linecolor.cli.colorize, linecolor.cli.pages, linecolor.rendering.openraster\n"
        "import linecolor.images.encoding\n"
        "import numpy as np\n"
        "from linecolor.onnx.onnx_colorizer import OnnxColorizer\n"
        "hints = np.zeros((40, 50, 4), np.uint8); hints[10, 10] = (255, 0, 0, 255)\n"
        f"made = OnnxColorizer.load({str(path)!r}, threads=1).colorize(np.full((40, 50), 255, np.uint8), hints)\n"
        "import os; print(made.shape, os.environ['ORT_DISABLE_TELEMETRY'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(40, 50, 3) 1"


def test_a_tag_that_others_read_as_another_field_is_refused(tmp_path):
    """Protocol Buffers cuts a field's number to 32 bits: what looks unknown here would be read there."""
    path = saved(two_stages(), tmp_path)
    smuggled = bytes([0xBA, 0x80, 0x80, 0x80, 0x10, 0x00])  # field 7 with bit 32 of the tag set, of no length
    path.write_bytes(path.read_bytes() + smuggled)
    with pytest.raises(ValueError, match="impossible number"):
        OnnxColorizer.load(path)
