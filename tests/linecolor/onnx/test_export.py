"""Exports of small systems against PyTorch. Tracing takes seconds, so each system is exported once."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from linecolor.hints import layers
from linecolor.onnx import export
from linecolor.onnx.export import MAX_DIFFERENCE, export_bundle
from linecolor.onnx.onnx_colorizer import OnnxColorizer, start_session
from linecolor.rendering.options import RenderingOptions
from linecolor.systems.bundle import save_bundle
from linecolor.systems.line_colorizer import LineColorizer
from linecolor.systems.registry import stage_of

pytestmark = pytest.mark.slow

FLOAT, FLOAT16 = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16

UNET = {"width": 4, "levels": 2, "blocks": 1, "cardinality": 2}
SYSTEMS = {
    "two": {
        "draft": {"in_channels": 9, **UNET, "residual": False},
        "colorizer": {"in_channels": 4, **UNET, "levels": 1, "residual": True},
    },
    "draft": {"draft": {"in_channels": 9, **UNET, "levels": 1, "upsample": "transposed"}},
    "pix2pix": {"pix2pix": {"in_channels": 5, "width": 2, "levels": 4}},
    "alacgan": {"alacgan": {"width": 4, "deep_blocks": 0, "cardinality": 2, "local_features": "vgg"}},
}
ARTIST = {"run": "mine", "seed": 3, "versions": {"torch": "1"}}


def bundle_of(system: str, folder: Path) -> Path:
    torch.manual_seed(0)
    networks = {
        name: stage_of(name).generator_class()(**architecture) for name, architecture in SYSTEMS[system].items()
    }
    for network in networks.values():
        if hasattr(network, "to_color"):
            # Colours far from grey, as a trained network has them.
            with torch.no_grad():
                network.to_color.weight.mul_(3)
    spread = "reach" if "draft" in networks else "none"
    return save_bundle(folder, networks, SYSTEMS[system], RenderingOptions(resolution=32), spread, ARTIST)


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Callable[..., tuple[Path, Path, list]]:
    """Bundle, folder of the export and the exported files, of a system; made once."""
    made: dict[tuple[str, bool], tuple[Path, Path, list]] = {}

    def export(system: str, half: bool = False) -> tuple[Path, Path, list]:
        if (system, half) not in made:
            folder = tmp_path_factory.mktemp(system)
            bundle = bundle_of(system, folder / "bundle")
            made[system, half] = bundle, folder / "onnx", export_bundle(bundle, folder / "onnx", half)
        return made[system, half]

    return export


def page(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(height)
    line = np.full((height, width), 255, np.uint8)
    line[height // 3] = line[:, width // 4] = 0
    layer = np.zeros((height, width, 4), np.uint8)
    for _ in range(6):
        y, x = random.integers(0, height), random.integers(0, width)
        layer[y : y + 4, x : x + 4] = (*random.integers(0, 256, 3), 255)
    return line, layer


@pytest.mark.parametrize("system", ["two", "draft", "pix2pix", "alacgan"])
def test_the_export_colours_as_pytorch_does_at_any_size(exported, system):
    bundle, out, _ = exported(system)
    ours, theirs = OnnxColorizer.load(out / "linecolor.onnx", threads=1), LineColorizer.load(bundle)
    assert (ours.options, ours.multiple) == (theirs.options, theirs.multiple)
    for shape in ((40, 40), (31, 90), (150, 37), (300, 33)):
        ours.page_pixels = theirs.page_pixels = 4 * 32 * 32 if max(shape) == 300 else 1 << 20
        a, b = ours.colorize_with_steps(*page(*shape)), theirs.colorize_with_steps(*page(*shape))
        assert np.abs(a.full.astype(int) - b.full).max() <= 1
        assert (a.draft is None) == (b.draft is None)
        if a.draft is not None:
            assert np.abs(a.draft.astype(int) - b.draft).max() <= 1
    if "draft" in SYSTEMS[system]:
        assert b.colorized.std() > 10, "a flat picture would tell nothing"


def test_every_part_is_written_and_close(exported):
    _, out, files = exported("two")
    assert [file.path for file in files] == [out / f"{name}.onnx" for name in ("draft", "colorizer", "linecolor")]
    assert sorted(path.name for path in out.iterdir()) == ["colorizer.onnx", "draft.onnx", "linecolor.onnx"]
    assert all(file.size == file.path.stat().st_size for file in files)
    assert all(0 < file.difference <= MAX_DIFFERENCE["float32"] for file in files)
    assert [file.path.name for file in exported("pix2pix")[2]] == ["linecolor.onnx"]
    assert [file.path.name for file in exported("draft")[2]] == ["draft.onnx", "linecolor.onnx"]


def run(path: Path, **inputs: np.ndarray) -> list[torch.Tensor]:
    return [torch.from_numpy(made) for made in start_session(path, path.read_bytes(), 1).run(None, inputs)]


def test_the_whole_is_its_parts_with_a_bilinear_resize_between_them(exported):
    _, out, _ = exported("two")
    random = np.random.default_rng(0)
    line = random.uniform(-1, 1, (3, 1, 40, 56)).astype(np.float32)
    half = random.uniform(-1, 1, (3, 9, 20, 28)).astype(np.float32)
    color, draft = run(out / "linecolor.onnx", line=line, draft_input=half)
    (alone,) = run(out / "draft.onnx", draft_input=half)
    enlarged = F.interpolate(alone, scale_factor=2, mode="bilinear", align_corners=False)
    (finished,) = run(out / "colorizer.onnx", line=line, draft=enlarged.numpy())
    torch.testing.assert_close(draft, alone, atol=1e-5, rtol=0)
    torch.testing.assert_close(color, finished, atol=1e-5, rtol=0)


def test_the_metadata_says_what_a_program_must_know(exported):
    notes = {}
    for name in ("linecolor", "draft", "colorizer"):
        model = onnx.load(exported("two")[1] / f"{name}.onnx")
        onnx.checker.check_model(model, full_check=True)
        notes[name] = {entry.key: entry.value for entry in model.metadata_props}
        assert notes[name]["linecolor.part"] == name
    whole = notes["linecolor"]
    assert whole["linecolor.hints"] == layers.CONVENTION
    assert (whole["linecolor.resolution"], whole["linecolor.multiple"]) == ("32", "8")
    assert notes["draft"]["linecolor.multiple"] == "4"
    assert json.loads(whole["linecolor.versions"])["torch"] == torch.__version__
    assert json.loads(whole["linecolor.provenance"]) == {"run": "mine", "seed": 3}


def test_no_path_of_this_machine_is_in_the_files(exported):
    for path in exported("two")[1].iterdir():
        data = path.read_bytes()
        assert b"site-packages" not in data
        assert b".py" not in data


def test_half_precision_halves_most_weights_and_keeps_the_colours(exported):
    bundle, out, files = exported("two", half=True)
    assert all(file.difference <= MAX_DIFFERENCE["float16"] for file in files)
    assert files[-1].difference > MAX_DIFFERENCE["float32"], "nothing is in half precision"
    model = onnx.load(out / "linecolor.onnx")
    counts = {FLOAT16: 0, FLOAT: 0}
    for tensor in model.graph.initializer:
        counts[tensor.data_type] = counts.get(tensor.data_type, 0) + int(np.prod(tensor.dims))
    assert counts[FLOAT16] > counts[FLOAT]
    assert {value.type.tensor_type.elem_type for value in (*model.graph.input, *model.graph.output)} == {FLOAT}
    colorizer = OnnxColorizer.load(out / "linecolor.onnx", threads=1)
    assert colorizer.card.precision == "float16"
    apart = colorizer.colorize(*page(50, 70)).astype(int) - LineColorizer.load(bundle).colorize(*page(50, 70))
    assert np.abs(apart).max() <= 2


@pytest.fixture
def traced_before(exported, monkeypatch) -> Path:
    """The bundle of an export whose models are taken from there, so that tracing costs nothing."""
    bundle, out, _ = exported("two")
    models = {path.stem: onnx.load(path) for path in out.iterdir()}
    monkeypatch.setattr(export, "models_of", lambda parts: models)
    return bundle


@pytest.mark.parametrize(("damage", "factor"), [("colorizer", 1.5), ("draft", 1.5), ("linecolor", np.nan)])
def test_a_model_that_differs_is_refused_and_no_file_left(traced_before, tmp_path, damage, factor):
    weights = max(export.models_of([])[damage].graph.initializer, key=lambda tensor: len(tensor.raw_data))
    weights.raw_data = (np.frombuffer(weights.raw_data, np.float32) * np.float32(factor)).tobytes()
    found = "inf" if np.isnan(factor) else r"\S+"
    with pytest.raises(
        ValueError, match=rf"{damage}\.onnx: differs from PyTorch by {found}, more than 0\.0001 in float32"
    ):
        export_bundle(traced_before, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_files_that_are_there_are_replaced_only_if_asked(traced_before, tmp_path):
    (tmp_path / "draft.onnx").write_text("mine")
    with pytest.raises(FileExistsError, match=r"draft\.onnx: already there"):
        export_bundle(traced_before, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["draft.onnx"]
    export_bundle(traced_before, tmp_path, force=True)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_network_that_half_precision_spoils_is_refused(traced_before, tmp_path, monkeypatch):
    monkeypatch.setitem(MAX_DIFFERENCE, "float16", 1e-9)
    with pytest.raises(ValueError, match=r"in float16 the colours differ .* export without --half"):
        export_bundle(traced_before, tmp_path / "out", half=True)
    assert not (tmp_path / "out").exists()


def test_levels_are_taken_back_to_float32_until_the_colours_fit(traced_before, tmp_path, monkeypatch):
    asked: list[int] = []

    class Counting(export.HalfPrecision):
        def __init__(self, network: nn.Module, levels: dict[str, int], finest: int) -> None:
            super().__init__(network, levels, finest)
            asked.append(finest)

    monkeypatch.setattr(export, "HalfPrecision", Counting)
    export_bundle(traced_before, tmp_path, half=True)
    assert asked[0] == 0
    assert asked[-1] > 0


def test_missing_packages_are_named_before_anything_is_read(tmp_path, monkeypatch):
    find = export.importlib.util.find_spec
    monkeypatch.setattr(
        export.importlib.util, "find_spec", lambda name, *rest: None if name == "onnxscript" else find(name, *rest)
    )
    with pytest.raises(ImportError, match=r"exporting needs onnxscript: pip install '\.\[export\]'"):
        export_bundle(tmp_path / "nowhere", tmp_path)


def test_a_missing_bundle_and_a_file_for_a_folder_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no bundle here"):
        export_bundle(tmp_path, tmp_path / "out")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="is a file"):
        export_bundle(tmp_path, tmp_path / "file")
