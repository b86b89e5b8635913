"""A bundle as ONNX files that colour without torch, each measured against PyTorch before it is written.

In float16 the finest convolutions stay in float32 as far as needed; see `half_precision`.
"""

import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from linecolor.images import write_atomically
from linecolor.onnx.card import FileName, OnnxCard, Precision
from linecolor.onnx.half_precision import HalfPrecision, convolution_levels
from linecolor.onnx.onnx_colorizer import start_session
from linecolor.onnx.parts import at_home, drawing_for
from linecolor.onnx.tracing import models_of
from linecolor.rendering.options import RenderingOptions
from linecolor.systems.bundle import find_bundle, load_bundle
from linecolor.systems.pipelines import Part
from linecolor.systems.registry import system_of

if TYPE_CHECKING:
    from onnx import ModelProto

NEEDS = ("onnx", "onnxscript", "onnxruntime")
MOST_DIFFERENCE: dict[Precision, float] = {"float32": 1e-4, "float16": 2e-3}
"""Largest difference from PyTorch in float32, of colours in [-1, 1]; a 256th of the range is 8e-3."""
MARGIN = 0.75
"""Share of it that float16 may use up in PyTorch; onnxruntime and other processors round in other places."""

MEASURED = ((1, 1, 2), (2, 2, 1), (1, 4, 3))
"""Batch, height and width, the latter in multiples; none is the size that is traced."""


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

    `linecolor.onnx` of two stages: line (B, 1, H, W) and draft_input (B, c, H/2, W/2), which is line, hints and spread
    hints -> color (B, 3, H, W) and draft (B, 3, H/2, W/2). Of one network: line (B, 1, H, W) and hint (B, 4, H/2, W/2)
    -> color (B, 3, H, W). `draft.onnx`: draft_input -> draft. `colorizer.onnx`: line and the enlarged draft
    (B, 3, H, W) -> color. All float32 in [-1, 1], RGB, hints by `hints.CONVENTION`; H and W multiples of the metadata's
    `linecolor.multiple`.

    Args:
        bundle_or_run: the folder of a bundle or of a run; None takes the weights in the box.
        out: folder of the files, made if need be.
        half: compute in float16 but for the finest levels: half the size, for GPUs; on most CPUs it is no faster.
        force: replace files that are there.

    Returns:
        What was written, `linecolor.onnx` last.

    Raises:
        FileNotFoundError: if there is no bundle.
        FileExistsError: if a file is there and not to be replaced; NotADirectoryError if the folder is a file.
        ImportError: if onnx, onnxscript or onnxruntime is missing.
        ValueError: if the bundle is damaged, or a model differs from PyTorch by more than `MOST_DIFFERENCE`, or has
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
    there = [str(path) for path in paths.values() if path.exists()]
    if there and not force:
        raise FileExistsError(f"{', '.join(there)}: there already; name another folder, or replace with --force")

    precision: Precision = "float16" if half else "float32"
    about = OnnxCard(
        part="linecolor",
        networks=tuple(networks),
        rendering=RenderingOptions.from_mapping(card),
        multiple=parts[-1].multiple,
        hint_spread=card["hint_spread"],
        precision=precision,
        versions={"linecolor": version("linecolor"), "torch": torch.__version__},
        provenance=card["provenance"] if isinstance(card.get("provenance"), dict) else {},
    )
    models = models_of(_in_half(parts, card["resolution"]) if half else parts)
    written: list[tuple[Path, bytes, float]] = []
    for part in parts:
        coarsest = min(coarser for _, coarser in part.inputs.values())
        path = paths[part.name]
        about = replace(about, part=cast(FileName, part.name), multiple=part.multiple // coarsest)
        data = _with_card(models[part.name], about, path)
        written.append((path, data, _measured(part, data, path, precision, card["resolution"])))
    for path, data, _ in written:
        write_atomically(path, data)
    return [ExportedNetwork(path, len(data), difference) for path, data, difference in written]


def _check_packages() -> None:
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(
            f"exporting needs {', '.join(missing)}: pip install 'linecolor[export]', or {' '.join(NEEDS)}"
        )


def _in_half(parts: Sequence[Part], resolution: int) -> list[Part]:
    """The same with their networks in float16, at as many levels as `MOST_DIFFERENCE` allows.

    Raises:
        ValueError: if it allows none.
    """
    drawings = {part.name: drawing_for(part, at_home(part, resolution), torch.Generator()) for part in parts}
    levels = {part.name: convolution_levels(part.network, drawings[part.name]) for part in parts if not part.joins}
    coarsest = max(max(found.values()) for found in levels.values())
    least = math.inf
    for finest in range(coarsest + 1):
        halves: dict[str, nn.Module] = {}
        for part in parts:
            if part.joins:
                halves[part.name] = type(part.network)(*(halves[name] for name in part.joins))
            else:
                halves[part.name] = HalfPrecision(part.network, levels[part.name], finest)
        apart = max(_apart(part.network, halves[part.name], drawings[part.name]) for part in parts)
        least = min(least, apart)
        if apart <= MARGIN * MOST_DIFFERENCE["float16"]:
            return [replace(part, network=halves[part.name]) for part in parts]
    raise ValueError(
        f"in float16 the colours differ by {least:.2g} at least, which leaves no margin to "
        f"{MOST_DIFFERENCE['float16']:g}; export without --half"
    )


def _apart(network: nn.Module, other: nn.Module, drawing: list[Tensor]) -> float:
    with torch.no_grad():
        return _difference(_as_tuple(network(*drawing)), _as_tuple(other(*drawing)))


def _difference(exact: Sequence[Tensor], made: Sequence[Tensor]) -> float:
    """The largest; infinite where a value is no number."""
    worst = max(float((one - other).abs().max()) for one, other in zip(exact, made, strict=True))
    return worst if worst == worst else math.inf


def _as_tuple(made: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return made if isinstance(made, tuple) else (made,)


def _with_card(model: "ModelProto", card: OnnxCard, path: Path) -> bytes:
    from google.protobuf.message import EncodeError
    from onnx import helper

    helper.set_model_props(model, card.notes())
    try:
        return model.SerializeToString(deterministic=True)
    except (EncodeError, ValueError) as error:
        raise ValueError(f"{path}: has 2 GiB or more, which no ONNX file holds; use --half ({error})") from None


def _measured(part: Part, data: bytes, path: Path, precision: Precision, resolution: int) -> float:
    """The largest difference from PyTorch in float32 on drawings of several sizes.

    Raises:
        ValueError: if it is too large.
    """
    threads = torch.get_num_threads()
    # As it is run; and with each operation rounding its result, as on a GPU, where float16 may overflow.
    sessions = [start_session(path, data, threads)]
    if precision == "float16":
        sessions.append(start_session(path, data, threads, optimised=False))
    worst = 0.0
    for place, measure in enumerate((*MEASURED, at_home(part, resolution))):
        drawing = drawing_for(part, measure, torch.Generator().manual_seed(place))
        with torch.no_grad():
            expected = _as_tuple(part.network(*drawing))
        given = dict(zip(part.inputs, (x.numpy() for x in drawing)))
        for session in sessions:
            made = [torch.from_numpy(colors) for colors in session.run(list(part.outputs), given)]
            worst = max(worst, _difference(expected, made))
    if not worst <= MOST_DIFFERENCE[precision]:
        raise ValueError(
            f"{path}: differs from PyTorch by {worst:.2g}, more than {MOST_DIFFERENCE[precision]:g} in {precision}; "
            "nothing was written" + ("; export without --half" if precision == "float16" else "")
        )
    return worst
