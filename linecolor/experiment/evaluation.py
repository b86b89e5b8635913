"""Held-out drawings coloured at full size and measured: of one run, or of several methods side by side."""

import hashlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from datamodules.held_out import FullDrawings
    from datamodules.sources.folder import FolderScan
    from linecolor.experiment.config import RunConfig
    from linecolor.experiment.config_sections import EvaluationConfig
    from linecolor.rendering.result import ColorizationResult
    from linecolor.runs.run_folder import RunFolder
    from linecolor.samples import FullDrawing
    from linecolor.systems.line_colorizer import LineColorizer


def evaluate(config: DictConfig) -> Path:
    """Evaluate one trained run, or a set of systems; returns the report."""
    asked: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    if (asked["run"] is None) == (asked["systems"] is None):
        raise ValueError("give either run=runs/demo for one run, or systems=[runs/demo,...] for several side by side")
    report = _evaluate_one(asked) if asked["run"] is not None else _evaluate_systems(asked)
    print(f"Open the report: {report}")
    return report


def _evaluate_one(asked: dict[str, Any]) -> Path:
    from linecolor.experiment.config import RunConfig
    from linecolor.experiment.data import load_drawings
    from linecolor.runs.run_folder import RunFolder

    run = RunFolder(Path(asked["run"]))
    config = RunConfig.of_run(run.path, evaluation=asked["evaluation"], data=_given(asked["data"]))
    return evaluate_run(run, config, load_drawings(config.data))


def _given(data: dict[str, Any]) -> dict[str, Any]:
    """What was said of the data; how lines are drawn is no matter of where they come from."""
    return {key: value for key, value in data.items() if value is not None and key != "line_method"}


def _evaluate_systems(asked: dict[str, Any]) -> Path:
    import yaml

    from datamodules.held_out import full_drawings, readable
    from datamodules.sources.drawing import of_split
    from linecolor.evaluation.hint_levels import LayerHints, ProtocolHints
    from linecolor.experiment.config import RunConfig, default_data, default_line, default_mapping
    from linecolor.experiment.config_sections import EvaluationConfig
    from linecolor.experiment.data import data_licence, load_drawings
    from linecolor.experiment.methods.entries import named_entries
    from linecolor.experiment.methods.measure import measure_systems, write_page
    from linecolor.reports.methods import Telling

    entries = named_entries(asked["systems"], asked["evaluation"]["blend"])
    _check_systems(asked)
    runs = [entry.path for entry in entries if entry.kind == "run"]
    data = _given(asked["data"])
    run = RunConfig.of_run(runs[0], data=data) if runs else None
    if run is None and "root" not in data:
        raise ValueError("data.root is not given, and no run among the systems has one: give data.root=FOLDER")
    if not runs and asked["data"]["test_share"] is None:
        # A bundle does not tell what it was trained on.
        raise ValueError(
            "no run among the systems tells which pictures were held out: give data.test_share, that of the training, "
            "or 1.0 for pictures that none of the systems has seen (a prepared data set keeps its own split)"
        )
    evaluation = run.mapping["evaluation"] if run else {**default_mapping()["evaluation"], **asked["protocol"]}
    given = {name: value for name, value in asked["evaluation"].items() if value is not None}
    settings = EvaluationConfig.from_mapping({**evaluation, **given})
    pictures, line = (run.data, run.pairs.line) if run else (default_data(**data), default_line())
    held_out = of_split(load_drawings(pictures).drawings, "test")
    drawings = readable(held_out, settings.drawings)
    if not drawings:
        raise ValueError(
            f"{pictures.root}: holds no readable test drawing; set data.test_share=1.0 to use all pictures"
        )
    layers = asked["hint_layers"]
    hints = LayerHints(Path(layers).expanduser()) if layers else ProtocolHints(settings.hints)
    out = Path(asked["out"]).expanduser()
    measured, gallery = measure_systems(
        entries,
        full_drawings(drawings, line, asked["data"]["line_method"]),
        hints,
        settings.features,
        asked["references"],
        out,
        asked["pictures"],
    )
    telling = Telling(
        title="linecolor: " + " / ".join(dict.fromkeys(entry.name for entry in entries)),
        subtitle="Systems side by side: the same drawings, the same hints",
        caution="",
        subject=entries[0].name,
        named_after={},
        sheet=settings.sheet,
    )
    config = yaml.safe_dump(asked, sort_keys=False)
    return write_page(out / "report.html", measured, gallery, telling, config, data_licence(pictures.roots))


def _check_systems(asked: dict[str, Any]) -> None:
    """Refuse what has no meaning for a set of systems.

    Raises:
        ValueError: naming the option.
    """
    from linecolor.evaluation.references import REFERENCES
    from linecolor.rendering.options import OPTIONS

    if type(asked["pictures"]) is not bool:
        raise ValueError(f"pictures={asked['pictures']} must be true or false")
    if asked["evaluation"]["must_reach_psnr"] is not None:
        raise ValueError("evaluation.must_reach_psnr is for one run (run=...), not for systems side by side")
    for option in OPTIONS:
        if option != "blend" and asked["evaluation"][option] is not None:
            raise ValueError(f"evaluation.{option} is for one run (run=...); systems side by side keep their own")
    if not str(asked["out"]).strip() or (Path(str(asked["out"])).expanduser() / "config.yaml").is_file():
        raise ValueError(f"out={asked['out']} must be a folder of its own, not that of a run")
    if asked["hint_layers"]:
        lists = {reference.name for reference in REFERENCES if reference.uses_hints}
        for name in asked["references"] or []:
            if name in lists:
                raise ValueError(f"references: {name} needs hints as a list, which hint_layers does not give")


_SHEET_SIDE = 256


def evaluate_run(run: "RunFolder", config: "RunConfig", scan: "FolderScan") -> Path:
    """Colour the held-out drawings with the run's bundle, unless that was done with the same settings.

    Writes evaluation/evaluation.json, the coloured pictures and sheet.png beside it, and report.html.
    """
    import torch

    from datamodules.held_out import full_drawings, readable
    from datamodules.sources.drawing import of_split
    from linecolor.images import write_atomically
    from linecolor.reports.run import write_run_report
    from linecolor.systems.bundle import WEIGHTS
    from linecolor.systems.line_colorizer import LineColorizer

    settings = config.evaluation
    if not (run.bundle / WEIGHTS).is_file():
        raise FileNotFoundError(f"{run.path} has no bundle: its training is not complete; start its command again")
    with (run.bundle / WEIGHTS).open("rb") as file:
        bundle = hashlib.file_digest(file, "sha256").hexdigest()
    held_out = of_split(scan.drawings, "test")
    drawings = readable(held_out, settings.drawings)
    if not drawings:
        raise ValueError(
            f"{config.data.root}: holds no readable test drawing to evaluate on; raise data.test_share or add pictures"
        )
    # Older evaluations know of no backgrounds, and where there are none they stay what they are.
    pictures = [
        (drawing.id, str(drawing.color), str(drawing.line), *([str(drawing.background)] if drawing.background else []))
        for drawing in drawings
    ]
    asked = {
        "settings": config.mapping["evaluation"],
        "bundle": bundle,
        "pictures": hashlib.sha256(repr(pictures).encode()).hexdigest(),
    }
    result = _finished(run, asked)
    if result:
        print("Evaluation: complete; nothing to do")
    else:
        device = "cuda" if torch.cuda.is_available() and config.trainer.on_gpu else "cpu"
        colorizer = LineColorizer.load(run.bundle, device, **settings.rendering.to_mapping())
        colorizer.comparisons = True
        lined = full_drawings(drawings, config.pairs.line)
        started = time.perf_counter()
        result, pages, colorings = _measure(run, colorizer, lined, settings)
        result |= {"asked": asked, "seconds": time.perf_counter() - started, "device": device}
        if pages:
            _write_sheet(run.evaluation.parent / "sheet.png", pages, colorings, max(settings.hints))
        write_atomically(run.evaluation, json.dumps(result, indent=1).encode())
        write_run_report(run, dict(config.mapping), result, pages, colorings)
    _check_reached(result["figures"], settings, run)
    return run.report


def _write_sheet(
    path: Path, pages: "list[FullDrawing]", colorings: "dict[str, dict[int, ColorizationResult]]", hints: int
) -> None:
    """The drawings of the report with the most hints on one picture, to show around."""
    from linecolor.images import write_png
    from linecolor.images.contact_sheet import sheet
    from linecolor.reports.figure_row import figure_row

    rows = [figure_row(drawing, colorings[drawing.name][hints]) for drawing in pages]
    write_png(path, sheet([list(row.values()) for row in rows], _SHEET_SIDE, list(rows[0])))


def _finished(run: "RunFolder", asked: dict[str, Any]) -> dict[str, Any] | None:
    """The result of an evaluation that was asked for in the same way; a damaged one counts as none."""
    if not run.evaluation.is_file() or not run.report.is_file():
        return None
    try:
        result = json.loads(run.evaluation.read_text(encoding="utf-8"))
        return result if result["asked"] == asked and result["figures"] else None
    except (ValueError, KeyError, TypeError):
        return None


def _check_reached(figures: dict[str, float], settings: "EvaluationConfig", run: "RunFolder") -> None:
    most = max(settings.hints)
    reached, wanted = figures[f"psnr_{most}_mean"], settings.must_reach_psnr
    if reached < wanted:
        raise ValueError(
            f"PSNR with {most} hints is {reached:.1f} dB, evaluation.must_reach_psnr asks for {wanted:.1f}; "
            f"look at {run.report}"
        )


def _measure(
    run: "RunFolder", colorizer: "LineColorizer", drawings: "FullDrawings", settings: "EvaluationConfig"
) -> tuple[dict[str, Any], list["FullDrawing"], dict[str, dict[int, "ColorizationResult"]]]:
    from tqdm import tqdm

    from linecolor.evaluation.background_metrics import measure_background, summarise_backgrounds
    from linecolor.evaluation.full_size import FullSizeEvaluation, measure_hint_adherence, measure_references
    from linecolor.evaluation.methods import TrainedMethod
    from linecolor.images import write_png
    from linecolor.networks.distance_features import make_feature_extractor
    from linecolor.systems.comic import BACKGROUND

    evaluation = FullSizeEvaluation(settings.hints, make_feature_extractor(settings.features))
    method = TrainedMethod(colorizer)
    colorings: dict[str, dict[int, ColorizationResult]] = {}
    pages: list[FullDrawing] = []
    backgrounds: list[dict[str, Any]] = []
    for drawing in tqdm(drawings, desc="Colouring held-out drawings", unit="drawing"):
        results = evaluation.to(colorizer.device).add(method, drawing)
        colored = {count: result.coloring for count, result in results.items() if result.coloring}
        for count, coloring in colored.items():
            write_png(run.evaluation.parent / f"hints_{count:03d}" / f"{drawing.name}.png", coloring.full)
        without_hints = colored.get(0)
        if without_hints and BACKGROUND in without_hints.extras:
            measured = measure_background(drawing, without_hints, without_hints.extras[BACKGROUND])
            backgrounds += [{"name": drawing.name, **measured}] if measured else []
        if len(pages) < settings.sheet:
            pages.append(drawing)
            colorings[drawing.name] = colored
    most = max(settings.hints)
    networks = colorizer.with_options(enforce_hints=False)  # enforced hints are followed whatever was learnt
    result = {
        "figures": evaluation.compute(),
        "references": measure_references(tqdm(drawings, desc="Measuring references", unit="drawing")),
        "obedience": measure_hint_adherence(networks, drawings, most) if most and networks.takes_hints else None,
        "background": summarise_backgrounds(backgrounds),
        "background_rows": backgrounds,
        "rows": evaluation.rows,
    }
    return result, pages, colorings
