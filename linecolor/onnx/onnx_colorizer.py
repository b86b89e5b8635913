"""OnnxColorizer: an exported system in, line art and hints in, a coloured picture out. NumPy, OpenCV, onnxruntime."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from linecolor.arrays import Channels
from linecolor.hints import propagation
from linecolor.onnx.card import OnnxCard
from linecolor.onnx.reader import read_onnx
from linecolor.rendering.options import RenderingOptions
from linecolor.rendering.page_colorizer import PAGE_PIXELS, PageColorizer
from linecolor.rendering.result import NetworkOutput

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


class OnnxColorizer(PageColorizer):
    """The whole chain with networks in onnxruntime, on the CPU; pages may be coloured from several threads.

    `OnnxColorizer.load` makes one from a file.

    Args:
        session: of a `linecolor.onnx`.
        card: of that file, checked.
        options: how pages are coloured; None takes the export's own.
        page_pixels: pixels of a page, or of a window of it, that the networks see at once.

    Attributes:
        card: of the file.
    """

    def __init__(
        self,
        session: "InferenceSession",
        card: OnnxCard,
        options: RenderingOptions | None = None,
        page_pixels: int = PAGE_PIXELS,
    ) -> None:
        super().__init__(options or card.rendering, card.multiple, card.hint_spread, page_pixels)
        self.takes_hints, self.drafts = card.system.takes_hints, card.system.drafts
        self.card = card
        self._session = session

    @classmethod
    def load(cls, path: str | Path, threads: int | None = None, **changes: Any) -> "OnnxColorizer":
        """Load an exported system.

        Args:
            path: a `linecolor.onnx` as `linecolor-export` writes it.
            threads: to compute with; None takes one for each core this process may use.
            changes: of `RenderingOptions`, such as blend or resolution; without them, or with None, the export's own.

        Raises:
            FileNotFoundError: if there is no such file.
            ImportError: if onnxruntime is not installed.
            ValueError: if it is no such file, damaged, or of another kind or format; or for an option that cannot be
                or threads below 1.
        """
        if threads is not None and threads < 1:
            raise ValueError(f"threads={threads} must be 1 or more")
        path = Path(path).expanduser()
        file = read_onnx(path)
        try:
            card = OnnxCard.from_metadata(file.metadata)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        if card.part != "linecolor":
            raise ValueError(
                f"{path}: is the {card.part} network alone; give linecolor.onnx, which is exported with it"
            )
        options = card.rendering.changed(**changes)
        session = start_session(path, file.data, threads)
        _check_inputs(path, session, card)
        return cls(session, card, options)

    def color_window(self, page: Channels, inputs: Channels) -> NetworkOutput:
        """Run the networks; see `PageColorizer.color_window`."""
        _, height, width = page.shape
        line = np.ascontiguousarray(page[None], np.float32)
        half = np.ascontiguousarray(inputs[None], np.float32)
        draft = None
        if not self.drafts:
            (color,) = self._infer(["color"], {"line": line, "hint": half[:, 1:].copy()})
        elif self.draft_only:
            (draft,) = self._infer(["draft"], {"line": line, "draft_input": half})
            color = draft.repeat(2, axis=2).repeat(2, axis=3)
        else:
            color, draft = self._infer(["color", "draft"], {"line": line, "draft_input": half})
        if color.shape != (1, 3, height, width) or (
            draft is not None and draft.shape != (1, 3, height // 2, width // 2)
        ):
            raise ValueError(f"the ONNX file returns colours of {color.shape} for a page of {(height, width)}")
        return NetworkOutput(color[0], None if draft is None else draft[0])

    def _infer(self, outputs: list[str], inputs: dict[str, Channels]) -> list[Channels]:
        try:
            return self._session.run(outputs, inputs)
        except Exception as error:  # onnxruntime's errors have no base of their own
            raise ValueError(f"onnxruntime cannot run the ONNX file ({_first_line(error)})") from error


def start_session(
    name: str | Path, data: bytes, threads: int | None = None, optimised: bool = True
) -> "InferenceSession":
    """Load an ONNX model into onnxruntime, for the CPU.

    Args:
        name: for messages.
        data: the whole file.
        threads: to compute with; None takes one for each core this process may use.
        optimised: whether operations may be fused; otherwise each rounds its result as the model says.

    Raises:
        ImportError: if onnxruntime is not installed.
        ValueError: if onnxruntime refuses the model.
    """
    # Read at import: otherwise it writes files of usage data.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError:
        raise ImportError("running an ONNX file needs onnxruntime: pip install onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or _cores()
    options.log_severity_level = 3
    # Waiting threads would burn the cores that the page's own work needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Without it a file could pass as one format here and be read as another there.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no base of their own
        raise ValueError(
            f"{name}: onnxruntime {onnxruntime.__version__} refuses it ({_first_line(error)}); update onnxruntime or "
            "export the bundle again"
        ) from None


def _check_inputs(path: Path, session: "InferenceSession", card: OnnxCard) -> None:
    """ValueError unless inputs and outputs are those of the system on the card."""
    if card.system.drafts:
        draft_input = propagation.draft_channels(card.hint_spread)
        inputs, outputs = {"line": 1, "draft_input": draft_input}, {"color": 3, "draft": 3}
    else:
        inputs, outputs = {"line": 1, "hint": 4}, {"color": 3}
    for verb, expected, values in (("takes", inputs, session.get_inputs()), ("gives", outputs, session.get_outputs())):
        channels = {value.name: value.shape[1] if len(value.shape) == 4 else None for value in values}
        floats = all(value.type == "tensor(float)" for value in values)
        if channels != expected or not floats:
            has = ", ".join(f"{value.name} {value.shape} {value.type}" for value in values)
            raise ValueError(
                f"{path}: {verb} {has[:300]}, where its system has {', '.join(expected)} of "
                f"{', '.join(map(str, expected.values()))} channels; export the bundle again with linecolor-export"
            )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0][:300] if text else type(error).__name__
