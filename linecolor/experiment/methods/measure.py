"""Measure a set of methods on the same drawings with the same hints; what was measured before is read."""

import hashlib
import io
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from datamodules.held_out import FullDrawings
from datamodules.sources.drawing import Drawing, of_split
from linecolor.evaluation.hint_levels import HintLevels, LayerHints, ProtocolHints
from linecolor.evaluation.measurement import VERSION, Measurement
from linecolor.evaluation.methods import ExternalMethod, Method, ReferenceMethod, TrainedMethod
from linecolor.evaluation.metrics import METRICS
from linecolor.evaluation.results import FIGURES, Measured, MeasuredMethod
from linecolor.experiment.config import RunConfig
from linecolor.experiment.data import load_drawings
from linecolor.experiment.methods.cost import facts_of_card, measure_cost, notes_of_card
from linecolor.experiment.methods.gallery import Gallery
from linecolor.experiment.methods.specs import MethodSpec, chosen_references, picture_folder
from linecolor.images import UnreadableImage, image_size, write_atomically, write_png
from linecolor.networks.distance_features import ExtractorName, make_feature_extractor
from linecolor.runs.lock import held
from linecolor.runs.run_folder import hardware, machine
from linecolor.systems.bundle import CARD, WEIGHTS, read_card

LEAST_SIDE = 1500
"""Pixels of the short side from which the paper evaluates PSNR and SSIM (section 4.4)."""


@dataclass(frozen=True)
class MeasurementRequest:
    """What is to be measured: methods, on held-out drawings with their truth, by the same hints.

    Attributes:
        features: extractor of FID and KID.
        references: by name; None for all that run here.
        out: folder of measured.json, rows.parquet and pictures/.
        keep_pictures: write every coloured picture of the trained methods.
    """

    specs: Sequence[MethodSpec]
    drawings: FullDrawings
    hints: HintLevels
    features: ExtractorName
    references: Sequence[str] | None
    out: Path
    keep_pictures: bool

    def __post_init__(self) -> None:
        if type(self.keep_pictures) is not bool:
            raise ValueError(f"pictures={self.keep_pictures} must be true or false")


class Progress:
    """What was measured so far, on disk, so that hours of measuring survive a stop.

    It lies in the folder of the measurement; that of another one than is `asked` for is not taken up.
    """

    EVERY_S = 60.0

    def __init__(self, out: Path, asked: str) -> None:
        self.path = out / "progress.pt"
        self.asked = asked
        self._kept = time.monotonic()

    def restore(self, measurement: Measurement) -> None:
        """Take up what is there, if it is of this measurement and whole."""
        if not self.path.is_file():
            return
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            if state["asked"] == self.asked:
                measurement.load_state(state)
                print(f"Measurement: going on after {len(measurement.drawings)} drawings")
        except Exception as error:  # torch raises a different kind for each way of being damaged
            print(
                f"{self.path}: cannot be read ({type(error).__name__}); measuring from the beginning", file=sys.stderr
            )

    def keep(self, measurement: Measurement) -> None:
        """Write, unless that was done just now."""
        if time.monotonic() - self._kept < self.EVERY_S:
            return
        buffer = io.BytesIO()
        torch.save({**measurement.state(), "asked": self.asked}, buffer)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, buffer.getvalue())
        self._kept = time.monotonic()

    def drop(self) -> None:
        """Remove it: the measurement is complete."""
        self.path.unlink(missing_ok=True)


def measure_methods(request: MeasurementRequest) -> tuple[Measured, Gallery]:
    """Colour every drawing by every method and measure; what was measured in the same way before is read.

    A measurement that was stopped goes on with the next drawing. A drawing that cannot be measured, because the ink
    leaves no room for hints or a hint layer is missing, is named and left out for all methods alike.

    Raises:
        FileNotFoundError: if a method is not there.
        ValueError: if a bundle is damaged, a reference unknown, or no drawing can be measured.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    drawings, hints, out = request.drawings, request.hints, request.out
    methods: list[Method] = [*(spec.load(device) for spec in request.specs), *chosen_references(request.references)]
    _check(methods, hints)
    digest = request_digest(request, methods)
    before = _finished(out, digest, request.keep_pictures)
    if before is not None:
        print("Measurement: complete; nothing to do")
        return before, Gallery(methods, drawings, hints, out, bool(before.facts.get("pictures")))
    with held(out):
        measured = _measure(request, methods, digest, device)
    return measured, Gallery(methods, drawings, hints, out, request.keep_pictures)


def _measure(request: MeasurementRequest, methods: Sequence[Method], digest: str, device: str) -> Measured:
    """Measure drawing by drawing, going on where a measurement of the same `digest` was stopped."""
    drawings, hints, out = request.drawings, request.hints, request.out
    started = time.perf_counter()
    measurement = Measurement(methods, hints, make_feature_extractor(request.features).to(device))
    progress = Progress(out, f"{digest} {request.keep_pictures}")
    progress.restore(measurement)
    skipped = []
    for drawing in tqdm(drawings, desc="Measuring", unit="drawing"):
        if drawing.name in measurement.drawings:
            continue
        try:
            for method, level, result in measurement.add(drawing):
                if request.keep_pictures and isinstance(method, TrainedMethod):
                    folder = out / "pictures" / picture_folder(method.name, method.seed) / level
                    write_png(folder / f"{drawing.name}.png", result.full)
        except (ValueError, UnreadableImage, FileNotFoundError) as error:
            print(f"not measured: {drawing.name}: {error}", file=sys.stderr)
            skipped.append(drawing.name)
            continue
        progress.keep(measurement)
    if not measurement.drawings:
        raise ValueError(f"none of the {len(drawings)} drawings could be measured (each is named above)")
    facts = {
        "asked": digest,
        "machine": hardware(machine()),
        "took": f"{time.perf_counter() - started:.0f} s to measure",
        "small_pictures": sum(min(image_size(drawing.color)) < LEAST_SIDE for drawing in drawings.drawings),
        "skipped": skipped,
        "pictures": request.keep_pictures,
        "in_training": trained_on(request.specs, drawings.drawings),
    }
    figures = _with_costs(measurement, request.specs, image_size(drawings.drawings[0].color))
    measured = Measured(hints.levels, measurement.drawings, figures, measurement.rows, facts)
    measured.save(out)
    progress.drop()
    return measured


def _finished(out: Path, digest: str, pictures: bool) -> Measured | None:
    """A measurement of the same request with every metric there is today, and its pictures where they are wanted."""
    if not (out / FIGURES).is_file():
        return None
    measured = Measured.load(out)
    figures = [figures for method in measured.methods for figures in method.levels.values()]
    complete = all(f"{metric.name}_mean" in of for of in figures for metric in METRICS)
    same = measured.facts.get("asked") == digest and (measured.facts.get("pictures") or not pictures)
    return measured if same and complete else None


def _check(methods: Sequence[Method], hints: HintLevels) -> None:
    """Refuse what could only count for nothing: a folder without results, one name for methods of several kinds."""
    kinds: dict[str, str] = {}
    for method in methods:
        if kinds.setdefault(method.name, method.kind) != method.kind:
            raise ValueError(f"systems.{method.name} names a trained system and a folder of results: use two names")
        if isinstance(method, ExternalMethod):
            method.check(hints.levels)


def trained_on(specs: Sequence[MethodSpec], drawings: Sequence[Drawing]) -> dict[str, int]:
    """How many of these drawings each method was trained on, as far as its run tells; those with none are left out."""
    seen = {}
    measured = {_place(drawing) for drawing in drawings}
    for spec in specs:
        run = spec.path.parent if spec.kind == "bundle" else spec.path
        if not (run / "config.yaml").is_file():
            continue
        try:
            scan = load_drawings(RunConfig.of_run(run).data)
        except (OSError, ValueError, KeyError):
            continue  # its data is no longer there: nothing can be said
        known = {_place(drawing) for drawing in of_split(scan.drawings, "train")} & measured
        if known:
            seen[" ".join((spec.name, spec.seed)).strip()] = len(known)
    return seen


def _place(drawing: Drawing) -> str:
    """Where a drawing's picture lies, however its folder was named."""
    return str(drawing.color.resolve() if isinstance(drawing.color, Path) else drawing.color)


def _with_costs(measurement: Measurement, specs: Sequence[MethodSpec], shape: tuple[int, int]) -> list[MeasuredMethod]:
    """The figures of every method with its cost and what a reader has to know; the specs are those of the first."""
    measured: list[MeasuredMethod] = []
    costs: dict[Path, dict[str, float]] = {}
    for index, (method, figures) in enumerate(zip(measurement.methods, measurement.compute(), strict=True)):
        if isinstance(method, TrainedMethod):
            bundle = specs[index].bundle
            card = read_card(bundle)
            if bundle not in costs:
                costs[bundle] = measure_cost(method.colorizer, bundle, shape) | facts_of_card(card)
            figures = replace(figures, cost=costs[bundle], notes=notes_of_card(card))
        elif isinstance(method, (ExternalMethod, ReferenceMethod)) and method.missing:
            reasons = list(dict.fromkeys(method.missing))
            more = f"; and {len(reasons) - 3} more" if len(reasons) > 3 else ""
            notes = f"{len(method.missing)} results are missing or cannot be used ({'; '.join(reasons[:3])}{more})"
            figures = replace(figures, notes=notes)
            print(f"{method.name}: {notes}", file=sys.stderr)
        measured.append(figures)
    return measured


def request_digest(request: MeasurementRequest, methods: Sequence[Method]) -> str:
    """A digest of all that decides what comes out."""
    hints, drawings = request.hints, request.drawings
    parts: list[Any] = [VERSION, [method.name for method in methods], request.features, hints.levels]
    parts.append(drawings.line_method)
    if isinstance(hints, ProtocolHints):
        parts.append(hints.seed)
    elif isinstance(hints, LayerHints):
        parts.append(_listing(hints.folder))
    parts.append([(drawing.id, _stamp(drawing.color), _stamp(drawing.line)) for drawing in drawings.drawings])
    for spec, method in zip(request.specs, methods):
        content: Any
        if isinstance(method, TrainedMethod):
            with (spec.bundle / WEIGHTS).open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            content += (spec.bundle / CARD).read_text(encoding="utf-8")
            content += "sampled by drawing" if method.colorizer.samples else ""
        else:
            content = _listing(spec.path)
        parts.append([spec.name, spec.seed, spec.blend, content])
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _stamp(source: Any) -> str:
    """What tells whether a picture was exchanged: its place, and of a file its size and time."""
    if not isinstance(source, (str, Path)):
        return str(source)
    stat = Path(source).stat()
    return f"{source} {stat.st_size} {stat.st_mtime_ns}"


def _listing(folder: Path) -> list[tuple[str, int, int]]:
    """The files of a folder with their sizes and times: whether it was touched since."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
