"""Measure a set of systems on the same drawings with the same hints, and write the page."""

import hashlib
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from datamodules.illustrations import FullDrawings
    from linecolor.line_art import FullDrawing
    from linecolor.measured import Measured
    from linecolor.measured_report import Telling
    from linecolor.networks.distance_features import ExtractorName
    from linecolor.systems import Hinting, LayerHints, Picture, ProtocolHints, System

LEAST_SIDE = 1500
"""Pixels of the short side from which the paper evaluates PSNR and SSIM (section 4.4)."""


@dataclass(frozen=True)
class Entry:
    """A system to measure, as the user names it.

    Attributes:
        name: in tables; entries of one name are the seeds of one system.
        path: of a run, a bundle, or a folder of a foreign program's results.
        member: tells the seeds of a system apart.
        blend: how its pictures are blended; None for its own way.
    """

    name: str
    path: Path
    member: str = ""
    blend: str | None = None

    @property
    def kind(self) -> Literal["run", "bundle", "foreign"]:
        """What lies there.

        Raises:
            FileNotFoundError: if there is nothing.
        """
        if (self.path / "config.yaml").is_file():
            return "run"
        if (self.path / "bundle.yaml").is_file():
            return "bundle"
        if self.path.is_dir():
            return "foreign"
        raise FileNotFoundError(f"{self.path}: there is no run, no bundle and no folder of pictures")

    @property
    def bundle(self) -> Path:
        """Where the networks lie, of a run or a bundle."""
        return self.path / "bundle" if self.kind == "run" else self.path


def named_entries(systems: Any, blend: str | None) -> list[Entry]:
    """The entries of a configuration: a list of paths, or a mapping of names to a path or a list of them (seeds).

    Raises:
        ValueError: for anything else, or a name that stands twice.
    """
    if isinstance(systems, list) and systems and all(isinstance(path, str) for path in systems):
        paths = [Path(path).expanduser() for path in systems]
        plain = [path.parent.name if path.name == "bundle" else path.name for path in paths]
        names = plain if len(set(plain)) == len(plain) else [str(path) for path in paths]
        named = {name: [path] for name, path in zip(names, paths)}
    elif isinstance(systems, dict) and systems:
        named = {}
        for name, of in systems.items():
            several = of if isinstance(of, list) else [of]
            if not several or not all(isinstance(path, str) for path in several):
                raise ValueError(f"systems.{name}={of} is no folder: give a run, a bundle or a folder of results")
            named[str(name)] = [Path(path).expanduser() for path in several]
    else:
        raise ValueError(f"systems={systems}: give folders, [runs/a,runs/b], or names, {{Ours: [runs/a, runs/b]}}")
    return [
        Entry(name, path, path.name if len(paths) > 1 else "", blend) for name, paths in named.items() for path in paths
    ]


def measure_systems(
    entries: Sequence[Entry],
    drawings: "FullDrawings",
    hints: "ProtocolHints | LayerHints",
    features: "ExtractorName",
    references: Sequence[str] | None,
    out: Path,
    keep_pictures: bool,
) -> tuple["Measured", "Gallery"]:
    """Colour every drawing by every system and measure; what was measured in the same way before is read.

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
        ValueError: if a bundle is damaged, or a reference unknown.
    """
    import torch
    from tqdm import tqdm

    from linecolor.cli.cost import measure_cost
    from linecolor.images import write_png
    from linecolor.measured import FIGURES, Measured, MeasuredSystem
    from linecolor.measurement import Measurement, counts_of
    from linecolor.networks.distance_features import make_feature_extractor
    from linecolor.run_folder import machine
    from linecolor.systems import ForeignSystem, TrainedSystem

    device = "cuda" if torch.cuda.is_available() else "cpu"
    systems = [_system(entry, device) for entry in entries] + chosen_references(references)
    gallery = Gallery(systems, drawings, hints, out)
    asked = _asked(entries, [system.name for system in systems], drawings, hints, features)
    if (out / FIGURES).is_file():
        measured = Measured.load(out)
        if measured.facts.get("asked") == asked:
            print("Measurement: complete; nothing to do")
            return measured, gallery
    started = time.perf_counter()
    measurement = Measurement(systems, make_feature_extractor(features).to(device))
    small = 0
    for drawing in tqdm(drawings, desc="Measuring", unit="drawing"):
        small += min(drawing.line.shape) < LEAST_SIDE
        for system, results in zip(systems, measurement.add(drawing, hints.of(drawing), counts_of(hints)), strict=True):
            if keep_pictures and isinstance(system, TrainedSystem):
                for level, result in results.items():
                    write_png(gallery.path(system, level, drawing.name), result.full)
    found = []
    for system, figures in zip(systems, measurement.compute(), strict=True):
        cost, notes = {}, ""
        if isinstance(system, TrainedSystem):
            cost = measure_cost(system.colorizer, drawings[0])
        if isinstance(system, ForeignSystem) and system.missing:
            notes = f"{len(system.missing)} results are missing ({system.missing[0]})"
        found.append(MeasuredSystem(figures.name, figures.member, figures.kind, figures.levels, cost, notes))
    hardware = machine()
    facts = {
        "asked": asked,
        "machine": ", ".join(hardware["gpus"]) or f"{hardware['cores']} CPU cores ({hardware['cpu']})",
        "took": f"{time.perf_counter() - started:.0f} s to measure",
        "small_pictures": small,
    }
    measured = Measured(hints.labels, measurement.drawings, found, measurement.rows, facts)
    measured.save(out)
    return measured, gallery


class Gallery:
    """The pictures of a measurement: from where they were written, or coloured again.

    Args:
        systems: those that were measured.
        drawings: by name.
        hints: that they got.
        out: the measurement's folder.
    """

    def __init__(
        self, systems: Sequence["System"], drawings: "FullDrawings", hints: "ProtocolHints | LayerHints", out: Path
    ) -> None:
        self.systems = {}
        for system in reversed(systems):  # of several seeds the first is shown
            self.systems[system.name] = system
        self.drawings = drawings
        self.hints = hints
        self.out = out
        self._at: tuple[str, FullDrawing, dict[str, Hinting]] | None = None

    def path(self, system: "System", level: str, drawing: str) -> Path:
        """Where the picture of a drawing by a system lies: pictures/SYSTEM/LEVEL/NAME.png."""
        folder = f"{system.name}-{system.member}" if system.member else system.name
        return self.out / "pictures" / re.sub(r"[^\w.,+()-]+", "_", folder) / level / f"{drawing}.png"

    def __call__(self, what: str, level: str, drawing: str) -> "Picture | None":
        """The picture of a drawing by a system; or its "line", its "hints", its "truth"."""
        from linecolor.images import read_color
        from linecolor.systems import WITHOUT, Hinting, resized

        page, hintings = self._drawing(drawing)
        if what in ("line", "truth"):
            return page.line if what == "line" else page.color
        if what == "hints":
            return hintings[level].layer
        system = self.systems[what]
        path = self.path(system, level, drawing)
        if path.is_file():
            return resized(read_color(path)[0], page.line.shape[:2])
        result = system.color(page, hintings[level] if system.uses_hints else Hinting(WITHOUT, None, []))
        return None if result is None else result.full

    def _drawing(self, name: str) -> "tuple[FullDrawing, dict[str, Hinting]]":
        if self._at is None or self._at[0] != name:
            index = next(i for i, drawing in enumerate(self.drawings.drawings) if drawing.id == name)
            page = self.drawings[index]
            self._at = name, page, {hinting.label: hinting for hinting in self.hints.of(page)}
        return self._at[1:]


def write_page(
    path: Path, measured: "Measured", gallery: Gallery, telling: "Telling", config: str, licence: dict[str, str] | None
) -> Path:
    """Write the report of a measurement."""
    from linecolor.measured_report import write_measured_report

    return write_measured_report(path, measured, telling, gallery, config, licence)


def _system(entry: Entry, device: str) -> "System":
    from linecolor.line_colorizer import LineColorizer
    from linecolor.systems import ForeignSystem, TrainedSystem

    if entry.kind == "foreign":
        return ForeignSystem(entry.name, entry.path)
    colorizer = LineColorizer.from_bundle(entry.bundle, entry.blend, device)  # type: ignore[arg-type]
    return TrainedSystem(entry.name, entry.member, colorizer)


def chosen_references(names: Sequence[str] | None) -> "list[System]":
    """The references by these names; None for all that run here.

    Raises:
        ValueError: for one that is unknown or does not run here, with the reason.
    """
    from linecolor.references import REFERENCES, available, unavailable
    from linecolor.systems import ReferenceSystem

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
    return [ReferenceSystem(known[name]) for name in wanted]


def _asked(
    entries: Sequence[Entry],
    names: Sequence[str],
    drawings: "FullDrawings",
    hints: "ProtocolHints | LayerHints",
    features: str,
) -> str:
    """A digest of all that decides what comes out."""
    from linecolor.bundle import WEIGHTS
    from linecolor.systems import ProtocolHints

    told: list[Any] = [list(names), features, hints.labels, drawings.line_method]
    told.append(hints.seed if isinstance(hints, ProtocolHints) else _listing(hints.folder))
    told.append([(drawing.id, str(drawing.color), str(drawing.line)) for drawing in drawings.drawings])
    for entry in entries:
        if entry.kind == "foreign":
            content: Any = _listing(entry.path)
        else:
            with (entry.bundle / WEIGHTS).open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        told.append([entry.name, entry.member, entry.blend, content])
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _listing(folder: Path) -> list[tuple[str, int, int]]:
    """The files of a folder with their sizes and times: whether it was touched since."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
