"""A bundle as ONNX files that colour without torch, each compared with PyTorch before it is written.

In float16 the finest convolutions stay in float32 as far as needed; see `half_precision`.
"""

import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from linecolor.images import write_atomically
from linecolor.onnx.card import OnnxCard, Precision
from linecolor.onnx.half_precision import HalfPrecision, convolution_levels
from linecolor.onnx.onnx_colorizer import start_session
from linecolor.onnx.tracing import models_of
from linecolor.rendering.options import RenderingOptions
from linecolor.systems.bundle import find_bundle, load_bundle
from linecolor.systems.pipelines import Part
from linecolor.systems.registry import system_of

if TYPE_CHECKING:
    from onnx import ModelProto

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
MAX_DIFFERENCE: dict[Precision, float] = {"float32": 1e-4, "float16": 2e-3}
"""Largest difference from PyTorch in float32, of colours in [-1, 1]; a 256th of the range is 8e-3."""
MARGIN = 0.75
"""Share of it that float16 may use in PyTorch, for onnxruntime and other processors round in other places."""

COMPARED_SIZES = ((1, 1, 2), (2, 2, 1), (1, 4, 3))
"""Batch, height and width, the last two in multiples; none is the size that is traced."""


@dataclass(frozen=True)
class ExportedNetwork:
    """One file that was written.

    Attributes:
        path: the file.
        size: bytes.
        difference: the largest from PyTorch in float32, of colours in [-1, 1].
    """

    path: Path
    size: int
    difference: float


def export_bundle(
    bundle_or_run: str | Path | None, out: str | Path, half: bool = False, force: bool = False
) -> list[ExportedNetwork]:
    """Write a bundle as ONNX: `linecolor.onnx`, the whole system, and of two stages each network alone.

    `linecolor.onnx` of two stages: line (B, 1, H, W) and draft_input (B, c, H/2, W/2), which is line, hints and
    propagated hints -> color (B, 3, H, W) and draft (B, 3, H/2, W/2). Of one network: line (B, 1, H, W) and hint
    (B, 4, H/2, W/2) -> color (B, 3, H, W). `draft.onnx`: draft_input -> draft. `colorizer.onnx`: line and the enlarged
    draft (B, 3, H, W) -> color. All are float32 in [-1, 1], RGB, hints by `hints.layers.CONVENTION`. H and W are
    multiples of `linecolor.multiple` in the metadata.

    Args:
        bundle_or_run: the folder of a bundle or of a run; None takes the bundled weights.
        out: folder of the files; created if it is missing.
        half: compute in float16 except at the finest levels: half the size, for GPUs; on most CPUs it is no faster.
        force: replace files that are there.

    Returns:
        The files, `linecolor.onnx` last.

    Raises:
        FileNotFoundError: if there is no bundle.
        FileExistsError: if a file exists and force is not set; NotADirectoryError if the folder is a file.
        ImportError: if onnx, onnxscript or onnxruntime is missing.
        ValueError: if the bundle is damaged, or a model differs from PyTorch by more than `MAX_DIFFERENCE`, or has
            2 GiB or more. No file is written then.
    """
    _check_packages()
    out = Path(out).expanduser()
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(f"{out}: is a file; name a folder to write into")
    card, networks = load_bundle(find_bundle(bundle_or_run))
    pipeline = system_of(tuple(networks)).pipeline_class()({name: n.eval() for name, n in networks.items()})
    parts = pipeline.onnx_parts(card["hint_spread"])
    paths = {part.name: out / f"{part.name}.onnx" for part in parts}
    existing = [str(path) for path in paths.values() if path.exists()]
    if existing and not force:
        raise FileExistsError(f"{', '.join(existing)}: already there; name another folder, or replace with --force")

    precision: Precision = "float16" if half else "float32"
    onnx_card = OnnxCard(
        part="linecolor",
        networks=tuple(networks),
        rendering=RenderingOptions.from_mapping(card),
        multiple=parts[-1].multiple,
        hint_spread=card["hint_spread"],
        precision=precision,
        versions={"linecolor": version("linecolor"), "torch": torch.__version__},
        provenance=card["provenance"] if isinstance(card.get("provenance"), dict) else {},
    )
    models = models_of(_half_parts(parts, card["resolution"]) if half else parts)
    written: list[tuple[Path, bytes, float]] = []
    for part in parts:
        coarsest = min(coarser for _, coarser in part.inputs.values())
        path = paths[part.name]
        onnx_card = replace(onnx_card, part=part.name, multiple=part.multiple // coarsest)
        data = _with_card(models[part.name], onnx_card, path)
        written.append((path, data, _compared(part, data, path, precision, card["resolution"])))
    for path, data, _ in written:
        write_atomically(path, data)
    return [ExportedNetwork(path, len(data), difference) for path, data, difference in written]


def _check_packages() -> None:
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(f"exporting needs {', '.join(missing)}: pip install '.[export]', or {' '.join(PACKAGES)}")


def _half_parts(parts: Sequence[Part], resolution: int) -> list[Part]:
    """The parts with their networks in float16, at as many levels as `MAX_DIFFERENCE` allows.

    Raises:
        ValueError: if it allows none.
    """
    inputs = {part.name: _sample_inputs(part, _training_size(part, resolution), torch.Generator()) for part in parts}
    levels = {part.name: convolution_levels(part.network, inputs[part.name]) for part in parts if not part.joins}
    coarsest = max(max(of_part.values()) for of_part in levels.values())
    smallest = math.inf
    for finest in range(coarsest + 1):
        halves: dict[str, nn.Module] = {}
        for part in parts:
            if part.joins:
                halves[part.name] = type(part.network)(*(halves[name] for name in part.joins))
            else:
                halves[part.name] = HalfPrecision(part.network, levels[part.name], finest)
        difference = max(_largest_difference(part.network, halves[part.name], inputs[part.name]) for part in parts)
        smallest = min(smallest, difference)
        if difference <= MARGIN * MAX_DIFFERENCE["float16"]:
            return [replace(part, network=halves[part.name]) for part in parts]
    raise ValueError(
        f"in float16 the colours differ by {smallest:.2g} at least, which leaves no margin to "
        f"{MAX_DIFFERENCE['float16']:g}; export without --half"
    )


def _largest_difference(network: nn.Module, other: nn.Module, inputs: list[Tensor]) -> float:
    with torch.no_grad():
        return _difference(_as_tuple(network(*inputs)), _as_tuple(other(*inputs)))


def _difference(expected: Sequence[Tensor], outputs: Sequence[Tensor]) -> float:
    """The largest one; infinity where a value is NaN."""
    worst = max(float((one - other).abs().max()) for one, other in zip(expected, outputs, strict=True))
    return worst if worst == worst else math.inf


def _as_tuple(output: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return output if isinstance(output, tuple) else (output,)


def _with_card(model: "ModelProto", card: OnnxCard, path: Path) -> bytes:
    from google.protobuf.message import EncodeError
    from onnx import helper

    helper.set_model_props(model, card.to_metadata())
    try:
        return model.SerializeToString(deterministic=True)
    except (EncodeError, ValueError) as error:
        raise ValueError(f"{path}: has 2 GiB or more, which no ONNX file holds; use --half ({error})") from None


def _training_size(part: Part, resolution: int) -> tuple[int, int, int]:
    """Batch, height and width, in multiples, of a page at the resolution of training."""
    side = -(-resolution // part.multiple)
    return 1, side, side + 1


def _sample_inputs(part: Part, size: tuple[int, int, int], random: torch.Generator) -> list[Tensor]:
    """Inputs as a page gives them: mostly paper, some ink, a few hints."""
    inputs = []
    for name, shape in zip(part.inputs, part.input_shapes(size)):
        x = torch.rand(shape, generator=random) * 2 - 1
        rare = torch.rand(shape[0], 1, *shape[2:], generator=random) < 0.1
        if name in ("line", "draft_input"):
            x[:, :1] = torch.where(rare, x[:, :1], 1.0)
        if name in ("hint", "draft_input"):
            first = 0 if name == "hint" else 1
            x[:, first : first + 4] *= rare
            x[:, first + 3 : first + 4] = rare.float()
        inputs.append(x)
    return inputs


def _compared(part: Part, data: bytes, path: Path, precision: Precision, resolution: int) -> float:
    """The largest difference from PyTorch in float32 on inputs of several sizes.

    Raises:
        ValueError: if it is too large.
    """
    threads = torch.get_num_threads()
    # As it runs here; and with every operation rounding its result, as on a GPU, where float16 may overflow.
    sessions = [start_session(path, data, threads)]
    if precision == "float16":
        sessions.append(start_session(path, data, threads, optimised=False))
    worst = 0.0
    for seed, size in enumerate((*COMPARED_SIZES, _training_size(part, resolution))):
        inputs = _sample_inputs(part, size, torch.Generator().manual_seed(seed))
        with torch.no_grad():
            expected = _as_tuple(part.network(*inputs))
        arrays = dict(zip(part.inputs, (x.numpy() for x in inputs)))
        for session in sessions:
            outputs = [torch.from_numpy(colors) for colors in session.run(list(part.outputs), arrays)]
            worst = max(worst, _difference(expected, outputs))
    if not worst <= MAX_DIFFERENCE[precision]:
        raise ValueError(
            f"{path}: differs from PyTorch by {worst:.2g}, more than {MAX_DIFFERENCE[precision]:g} in {precision}; "
            "nothing was written" + ("; export without --half" if precision == "float16" else "")
        )
    return worst
