"""Measure a set of systems on the same drawings with the same hints, and write the page."""

import hashlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linecolor.experiment.methods.entries import Entry, picture_folder
from linecolor.experiment.methods.gallery import Gallery
from linecolor.experiment.methods.progress import Progress

if TYPE_CHECKING:
    from datamodules.held_out import FullDrawings
    from datamodules.sources.drawing import Drawing
    from linecolor.evaluation.hint_levels import HintLevels
    from linecolor.evaluation.measurement import Measurement
    from linecolor.evaluation.methods import Method
    from linecolor.evaluation.results import Measured, MeasuredMethod
    from linecolor.networks.distance_features import ExtractorName
    from linecolor.reports.methods import Telling

LEAST_SIDE = 1500
"""Pixels of the short side from which the paper evaluates PSNR and SSIM (section 4.4)."""


def measure_systems(
    entries: Sequence[Entry],
    drawings: "FullDrawings",
    hints: "HintLevels",
    features: "ExtractorName",
    references: Sequence[str] | None,
    out: Path,
    keep_pictures: bool,
) -> tuple["Measured", "Gallery"]:
    """Colour every drawing by every system and measure; what was measured in the same way before is read.

    A measurement that was stopped goes on with the next drawing. A drawing that cannot be measured, because the ink
    leaves no room for hints or a hint layer is missing, is named and left out for all systems alike.

    Args:
        entries: the systems.
        drawings: held out, with their truth.
        hints: the hints every system gets.
        features: extractor of FID and KID.
        references: by name; None for all that run here.
        out: folder of measured.json, rows.parquet and pictures/.
        keep_pictures: write every coloured picture of the trained systems.

    Raises:
        FileNotFoundError: if a system is not there.
        ValueError: if a bundle is damaged, a reference unknown, or no drawing can be measured.
    """
    import torch
    from tqdm import tqdm

    from linecolor.evaluation.measurement import Measurement
    from linecolor.evaluation.methods import TrainedMethod
    from linecolor.evaluation.results import FIGURES, Measured
    from linecolor.images import UnreadableImage, write_png
    from linecolor.networks.distance_features import make_feature_extractor

    device = "cuda" if torch.cuda.is_available() else "cpu"
    systems = [_system(entry, device) for entry in entries] + chosen_references(references)
    _check(systems, hints)
    asked = _asked(entries, [system.name for system in systems], drawings, hints, features)
    if (out / FIGURES).is_file():
        measured = Measured.load(out)
        if measured.facts.get("asked") == asked and (measured.facts.get("pictures") or not keep_pictures):
            print("Measurement: complete; nothing to do")
            return measured, Gallery(systems, drawings, hints, out, bool(measured.facts.get("pictures")))
    started = time.perf_counter()
    measurement = Measurement(systems, hints, make_feature_extractor(features).to(device))
    progress = Progress(out, f"{asked} {keep_pictures}")
    progress.restore(measurement)
    skipped = []
    for drawing in tqdm(drawings, desc="Measuring", unit="drawing"):
        if drawing.name in measurement.drawings:
            continue
        try:
            for system, level, result in measurement.add(drawing):
                if keep_pictures and isinstance(system, TrainedMethod):
                    path = out / "pictures" / picture_folder(system.name, system.seed) / level / f"{drawing.name}.png"
                    write_png(path, result.full)
        except (ValueError, UnreadableImage, FileNotFoundError) as error:
            print(f"not measured: {drawing.name}: {error}", file=sys.stderr)
            skipped.append(drawing.name)
            continue
        progress.keep(measurement)
    if not measurement.drawings:
        raise ValueError(f"none of the {len(drawings)} drawings could be measured (each is named above)")
    facts = {
        "asked": asked,
        "machine": _machine(),
        "took": f"{time.perf_counter() - started:.0f} s to measure",
        "small_pictures": sum(min(_size(drawing.color)) < LEAST_SIDE for drawing in drawings.drawings),
        "skipped": skipped,
        "pictures": keep_pictures,
        "in_training": trained_on(entries, drawings.drawings),
    }
    found = _with_costs(measurement, systems, entries, _size(drawings.drawings[0].color))
    for figures in found:
        if figures.notes and figures.kind in ("foreign", "reference"):
            print(f"{figures.name}: {figures.notes}", file=sys.stderr)
    measured = Measured(hints.levels, measurement.drawings, found, measurement.rows, facts)
    measured.save(out)
    progress.drop()
    return measured, Gallery(systems, drawings, hints, out, keep_pictures)


def _check(systems: "Sequence[Method]", hints: "HintLevels") -> None:
    """Refuse what could only count for nothing.

    Raises:
        FileNotFoundError: if a folder holds no results.
        ValueError: if one name means systems of several kinds.
    """
    from linecolor.evaluation.methods import ExternalMethod

    kinds: dict[str, str] = {}
    for system in systems:
        if kinds.setdefault(system.name, system.kind) != system.kind:
            raise ValueError(f"systems.{system.name} names a trained system and a folder of results: use two names")
        if isinstance(system, ExternalMethod):
            system.check(hints.levels)


def trained_on(entries: Sequence[Entry], drawings: "Sequence[Drawing]") -> dict[str, int]:
    """How many of these drawings each system was trained on, as far as its run tells; those with none are left out."""
    from datamodules.sources.drawing import of_split
    from linecolor.experiment.config import RunConfig
    from linecolor.experiment.data import load_drawings

    found = {}
    for entry in entries:
        run = entry.path.parent if entry.kind == "bundle" else entry.path
        if not (run / "config.yaml").is_file():
            continue
        try:
            scan = load_drawings(RunConfig.of_run(run).data)
        except (OSError, ValueError, KeyError):
            continue  # its data is no longer there: nothing can be told
        measured = {_place(drawing) for drawing in drawings}
        known = {_place(drawing) for drawing in of_split(scan.drawings, "train")} & measured
        if known:
            found[" ".join((entry.name, entry.member)).strip()] = len(known)
    return found


def _place(drawing: "Drawing") -> str:
    """Where a drawing's picture lies, however its folder was named."""
    return str(drawing.color.resolve() if isinstance(drawing.color, Path) else drawing.color)


def _with_costs(
    measurement: "Measurement", systems: "Sequence[Method]", entries: Sequence[Entry], shape: tuple[int, int]
) -> "list[MeasuredMethod]":
    from dataclasses import replace

    from linecolor.evaluation.methods import ExternalMethod, ReferenceMethod, TrainedMethod
    from linecolor.evaluation.results import MeasuredMethod
    from linecolor.experiment.methods.cost import measure_cost

    found: list[MeasuredMethod] = []
    costs: dict[Path, dict[str, float]] = {}
    for index, (system, figures) in enumerate(zip(systems, measurement.compute(), strict=True)):
        if isinstance(system, TrainedMethod):
            bundle = entries[index].bundle
            if bundle not in costs:
                costs[bundle] = measure_cost(system.colorizer, bundle, shape) | _of_card(bundle)
            figures = replace(figures, cost=costs[bundle], notes=_notes(bundle))
        elif isinstance(system, (ExternalMethod, ReferenceMethod)) and system.missing:
            reasons = list(dict.fromkeys(system.missing))
            more = f"; and {len(reasons) - 3} more" if len(reasons) > 3 else ""
            told = f"{len(system.missing)} results are missing or cannot be used ({'; '.join(reasons[:3])}{more})"
            figures = replace(figures, notes=told)
        found.append(figures)
    return found


def _of_card(bundle: Path) -> dict[str, float]:
    """What a bundle tells of its training: resolution, images seen."""
    from linecolor.systems.bundle import read_card

    card = read_card(bundle)
    told = {"resolution": float(card["resolution"])}
    stages = (card["provenance"] or {}).get("stages") or {}
    images = [of["images_seen"] for of in stages.values() if isinstance(of, dict) and "images_seen" in of]
    if images and all(isinstance(number, int) for number in images):
        told["images"] = float(sum(images))
    return told


def _notes(bundle: Path) -> str:
    """What a reader has to know of a system before comparing it."""
    from linecolor.systems.bundle import read_card
    from linecolor.systems.registry import system_of

    card = read_card(bundle)
    told = system_of(tuple(card["networks"])).pipeline_class().notes(card["networks"])
    if card["hint_spread"] != "none":
        more = {"watershed": "three", "reach": "four"}[card["hint_spread"]]
        told.append(f"is given hints spread by a watershed as {more} more channels, which the others are not")
    return "; ".join(told)


def _machine() -> str:
    from linecolor.runs.run_folder import machine

    hardware = machine()
    return ", ".join(hardware["gpus"]) or f"{hardware['cores']} CPU cores ({hardware['cpu']})"


def _size(picture: Any) -> tuple[int, int]:
    from linecolor.images import image_size

    return image_size(picture)


def write_page(
    path: Path, measured: "Measured", gallery: Gallery, telling: "Telling", config: str, licence: dict[str, str] | None
) -> Path:
    """Write the report of a measurement."""
    from linecolor.reports.methods import write_measured_report

    return write_measured_report(path, measured, telling, gallery, config, licence)


def _system(entry: Entry, device: str) -> "Method":
    from linecolor.evaluation.methods import ExternalMethod, TrainedMethod
    from linecolor.systems.line_colorizer import LineColorizer

    if entry.kind == "foreign":
        return ExternalMethod(entry.name, entry.path, entry.member)
    colorizer = LineColorizer.load(entry.bundle, device, blend=entry.blend)
    return TrainedMethod(colorizer, entry.name, entry.member)


def chosen_references(names: Sequence[str] | None) -> "list[Method]":
    """The references by these names; None for all that run here.

    Raises:
        ValueError: for one that is unknown or does not run here, with the reason.
    """
    from linecolor.evaluation.methods import ReferenceMethod
    from linecolor.evaluation.references import REFERENCES, available, unavailable

    known = {reference.name: reference for reference in REFERENCES}
    here = [reference.name for reference in available()]
    wanted = here if names is None else list(names)
    for name in wanted:
        if name not in known:
            raise ValueError(f"references: {name!r} is unknown: use {', '.join(known)}, or [] for none")
        if name not in here:
            raise ValueError(f"references: {name}: {unavailable()[name]}")
    if names is None:
        for name, why in unavailable().items():
            print(f"not measured: {name}: {why}")
    return [ReferenceMethod(known[name]) for name in wanted]


def _asked(
    entries: Sequence[Entry],
    names: Sequence[str],
    drawings: "FullDrawings",
    hints: "HintLevels",
    features: str,
) -> str:
    """A digest of all that decides what comes out."""
    from linecolor.evaluation.hint_levels import LayerHints, ProtocolHints
    from linecolor.evaluation.measurement import VERSION
    from linecolor.systems.bundle import CARD, WEIGHTS

    told: list[Any] = [VERSION, list(names), features, hints.levels, drawings.line_method]
    if isinstance(hints, ProtocolHints):
        told.append(hints.seed)
    elif isinstance(hints, LayerHints):
        told.append(_listing(hints.folder))
    told.append([(drawing.id, _stamp(drawing.color), _stamp(drawing.line)) for drawing in drawings.drawings])
    for entry in entries:
        if entry.kind == "foreign":
            content: Any = _listing(entry.path)
        else:
            with (entry.bundle / WEIGHTS).open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            content += (entry.bundle / CARD).read_text(encoding="utf-8")
        told.append([entry.name, entry.member, entry.blend, content])
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


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
