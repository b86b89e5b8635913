"""Held-out drawings coloured at full size by one run and measured: evaluation.json, the pictures, the report."""

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import torch
import yaml
from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from datamodules.held_out import FullDrawings, full_drawings
from datamodules.sources.folder import FolderScan
from linecolor.evaluation.background_metrics import measure_background, summarise_backgrounds
from linecolor.evaluation.figures import run_figure
from linecolor.evaluation.full_size import FullSizeEvaluation, measure_hint_adherence, measure_references
from linecolor.evaluation.methods import TrainedMethod
from linecolor.evaluation.metrics import METRICS
from linecolor.experiment.config import RunConfig
from linecolor.experiment.config_sections import EvaluationConfig
from linecolor.experiment.data import held_out_drawings, load_drawings
from linecolor.experiment.methods.evaluation import evaluate_methods, given
from linecolor.images import write_atomically, write_png
from linecolor.images.contact_sheet import sheet
from linecolor.networks.distance_features import make_feature_extractor
from linecolor.rendering.result import ColorizationResult
from linecolor.reports.figure_row import figure_row
from linecolor.reports.run import RunPage
from linecolor.runs.lock import held
from linecolor.runs.run_folder import RunFolder
from linecolor.samples import FullDrawing
from linecolor.systems.bundle import WEIGHTS
from linecolor.systems.comic import BACKGROUND
from linecolor.systems.line_colorizer import LineColorizer

_SHEET_SIDE = 256


def evaluate(config: DictConfig) -> Path:
    """Evaluate one trained run, or a set of methods; returns the report."""
    requested: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    if (requested["run"] is None) == (requested["systems"] is None):
        raise ValueError("give either run=runs/demo for one run, or systems=[runs/demo,...] for several side by side")
    if requested["run"] is None:
        report = evaluate_methods(requested)
    else:
        run = RunFolder(Path(str(requested["run"])).expanduser())
        again = RunConfig.of_run(run.path, evaluation=requested["evaluation"], data=given(requested["data"]))
        with held(run.path):
            report = evaluate_run(run, again, load_drawings(again.data))
    print(f"Open the report: {report}")
    return report


def evaluate_run(run: RunFolder, config: RunConfig, scan: FolderScan) -> Path:
    """Colour the held-out drawings with the run's bundle, unless that was done with the same settings.

    Writes evaluation/evaluation.json, the coloured pictures and sheet.png next to it, and report.html.
    """
    settings = config.evaluation
    if not (run.bundle / WEIGHTS).is_file():
        raise FileNotFoundError(f"{run.path} has no bundle: its training is not complete; start its command again")
    with (run.bundle / WEIGHTS).open("rb") as file:
        bundle = hashlib.file_digest(file, "sha256").hexdigest()
    drawings = held_out_drawings(scan, settings.drawings, config.data.root)
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
    evaluation = _finished(run, asked)
    if evaluation:
        print("Evaluation: complete; nothing to do")
    else:
        device = "cuda" if torch.cuda.is_available() and config.trainer.on_gpu else "cpu"
        colorizer = LineColorizer.load(run.bundle, device, **settings.rendering.to_mapping())
        colorizer.comparisons = True
        started = time.perf_counter()
        lined = full_drawings(drawings, config.pairs.line)
        evaluation, shown, colorings = _measure(run, colorizer, lined, settings)
        evaluation |= {"asked": asked, "seconds": time.perf_counter() - started, "device": device}
        if shown:
            # With the most hints, on one picture, to show around.
            rows = [figure_row(drawing, colorings[drawing.name][max(settings.hints)]) for drawing in shown]
            picture = sheet([list(row.values()) for row in rows], _SHEET_SIDE, list(rows[0]))
            write_png(run.evaluation.parent / "sheet.png", picture)
        write_atomically(run.evaluation, json.dumps(evaluation, indent=1).encode())
        config_yaml = yaml.safe_dump(dict(config.mapping), sort_keys=False)
        RunPage(run, config.name, list(config.stages), evaluation, shown, colorings, config_yaml).write()
    most, wanted = max(settings.hints), settings.must_reach_psnr
    reached = evaluation["figures"][f"psnr_{most}_mean"]
    if reached < wanted:
        raise ValueError(
            f"PSNR with {most} hints is {reached:.1f} dB, evaluation.must_reach_psnr asks for {wanted:.1f}; "
            f"look at {run.report}"
        )
    return run.report


def _finished(run: RunFolder, asked: dict[str, Any]) -> dict[str, Any] | None:
    """The evaluation that was asked for in the same way, with every metric there is today; a damaged one is none."""
    if not run.evaluation.is_file() or not run.report.is_file():
        return None
    names = [run_figure(f"{metric.name}_mean", count) for metric in METRICS for count in asked["settings"]["hints"]]
    try:
        evaluation = json.loads(run.evaluation.read_text(encoding="utf-8"))
        complete = all(name in evaluation["figures"] for name in names)
        return evaluation if evaluation["asked"] == asked and complete else None
    except (ValueError, KeyError, TypeError):
        return None


def _measure(
    run: RunFolder, colorizer: LineColorizer, drawings: FullDrawings, settings: EvaluationConfig
) -> tuple[dict[str, Any], list[FullDrawing], dict[str, dict[int, ColorizationResult]]]:
    """What evaluation.json holds, the drawings of the report, and how they were coloured by number of hints."""
    evaluation = FullSizeEvaluation(settings.hints, make_feature_extractor(settings.features))
    evaluation.to(colorizer.device)
    method = TrainedMethod(colorizer)
    colorings: dict[str, dict[int, ColorizationResult]] = {}
    shown: list[FullDrawing] = []
    backgrounds: list[dict[str, Any]] = []
    for drawing in tqdm(drawings, desc="Colouring held-out drawings", unit="drawing"):
        results = evaluation.add(method, drawing)
        colored = {count: result.coloring for count, result in results.items() if result.coloring}
        for count, coloring in colored.items():
            write_png(run.evaluation.parent / f"hints_{count:03d}" / f"{drawing.name}.png", coloring.full)
        without_hints = colored.get(0)
        if without_hints and BACKGROUND in without_hints.extras:
            measured = measure_background(drawing, without_hints, without_hints.extras[BACKGROUND])
            backgrounds += [{"name": drawing.name, **measured}] if measured else []
        if len(shown) < settings.sheet:
            shown.append(drawing)
            colorings[drawing.name] = colored
    most = max(settings.hints)
    networks = colorizer.with_options(enforce_hints=False)  # enforced hints are followed whatever was learnt
    content = {
        "figures": evaluation.compute(),
        "references": measure_references(tqdm(drawings, desc="Measuring references", unit="drawing")),
        "obedience": measure_hint_adherence(networks, drawings, most) if most and networks.takes_hints else None,
        "background": summarise_backgrounds(backgrounds),
        "background_rows": backgrounds,
        "rows": evaluation.rows,
    }
    return content, shown, colorings
