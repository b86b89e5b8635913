"""What of a run goes into its report, and how it is told."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from linecolor.evaluation.metrics.psnr import psnr
from linecolor.html import Cell, Curve, Report, Sheet, SheetRow, Table, write_report
from linecolor.rendering.result import ColorizationResult
from linecolor.reports.figure_row import figure_row
from linecolor.runs.record import read_record
from linecolor.runs.run_folder import RunFolder
from linecolor.samples import FullDrawing
from linecolor.systems.bundle import read_card


def write_run_report(
    run: RunFolder,
    config: dict[str, Any],
    evaluation: dict[str, Any],
    drawings: Sequence[FullDrawing],
    colorings: Mapping[str, Mapping[int, ColorizationResult]],
) -> Path:
    """Write report.html of a run.

    Args:
        run: with the records of its stages.
        config: as it was trained.
        evaluation: figures, references, obedience and rows, as evaluation.json holds them.
        drawings: those shown on the sheets.
        colorings: of these, by name and number of hints.
    """
    records = {stage: read_record(run.stage(stage) / "metrics.jsonl") for stage in config["stages"]}
    facts = json.loads((run.path / "run.json").read_text(encoding="utf-8"))
    card = read_card(run.bundle)
    counts = sorted(config["evaluation"]["hints"], reverse=True)
    report = Report(
        title=f"linecolor: {config['name']}",
        subtitle="Line art coloured at its own size",
        facts=_facts(run, config["stages"], facts, evaluation),
        warnings=_warnings(config, evaluation),
        tables=[_quality(evaluation, config), *_backgrounds(evaluation)],
        curves=_curves(records),
        sheets=[_sheet(count, drawings, colorings) for count in counts],
        config_yaml=yaml.safe_dump(config, sort_keys=False),
        versions={**facts["versions"], "commit": facts["commit"] or "installed package"},
        licence=card["provenance"]["data"]["licence"],
        created=time.strftime("%Y-%m-%d %H:%M", time.localtime(run.evaluation.stat().st_mtime)),
    )
    return write_report(run.report, report)


def _facts(
    run: RunFolder, stages: Sequence[str], facts: dict[str, Any], evaluation: dict[str, Any]
) -> list[tuple[str, str]]:
    found = []
    for stage in stages:
        done = run.facts(stage)
        if done:
            minutes = done["seconds"] / 60
            found.append(
                (
                    f"{stage} stage",
                    f"{done['images_seen']:,} images in {done['steps']:,} steps, {minutes:.1f} min",
                )
            )
    machine = facts["machine"]
    hardware = ", ".join(machine["gpus"]) or f"{machine['cores']} CPU cores ({machine['cpu']})"
    found.append(("hardware", hardware))
    found.append(("evaluation", f"{evaluation['figures']['n']} held-out drawings, {evaluation['seconds']:.0f} s"))
    obedience = evaluation["obedience"]
    if obedience and obedience["hints"]:
        found.append(("hints obeyed", f"{100 * obedience['obeyed']:.0f} % of {obedience['hints']:,} hints"))
    return found


def _warnings(config: dict[str, Any], evaluation: dict[str, Any]) -> list[str]:
    n = evaluation["figures"]["n"]
    found = []
    if n < 2048:
        found.append(
            f"FID is biased upwards for few pictures: with n = {n} compare it only with figures of the very same n "
            "and drawings, and rather look at KID."
        )
    if "efficientnet" in config["evaluation"]["features"]:
        found.append("FID and KID use EfficientNet-Lite0 features; they are no match for figures on Inception.")
    return found


def _quality(evaluation: dict[str, Any], config: dict[str, Any]) -> Table:
    figures, references = evaluation["figures"], evaluation["references"]
    distances = sorted({name.rsplit("_", 1)[0] for name in figures if name.startswith(("fid", "kid"))})
    columns = ["what", "hints", "PSNR", "PSNR foreground", "median", "SSIM", "SSIM foreground"]
    columns += [name.replace("_", " ").upper().replace(" ", " ", 1) for name in distances]
    rows: list[list[Cell]] = []
    for name, of in references.items():
        rows.append(
            [
                name,
                None,
                of["psnr_mean"],
                of["psnr_foreground_mean"],
                of["psnr_foreground_median"],
                of["ssim_mean"],
                of["ssim_foreground_mean"],
                *[None for _ in distances],
            ]
        )
    for count in config["evaluation"]["hints"]:
        rows.append(
            [
                config["name"],
                count,
                figures[f"psnr_{count}_mean"],
                figures[f"psnr_{count}_foreground_mean"],
                figures[f"psnr_{count}_foreground_median"],
                figures[f"ssim_{count}_mean"],
                figures[f"ssim_{count}_foreground_mean"],
                *[figures.get(f"{name}_{count}") for name in distances],
            ]
        )
    return Table(
        title="Quality at full size",
        note=f"Means over n = {figures['n']} held-out drawings (median: of the foreground PSNR), hints by the protocol "
        "with seed 0. Foreground leaves out the white paper, which flatters everybody. The mean colour (with the "
        "ink) and the mean paint (without it) are oracles: taken from the truth itself.",
        columns=columns,
        rows=rows,
        highlight=dict.fromkeys(columns[2:7], "max"),
    )


def _backgrounds(evaluation: dict[str, Any]) -> list[Table]:
    """What the comic colorizer is for; of other systems, and of pages whose background nobody knows, nothing."""
    of = evaluation.get("background")
    if not of:
        return []
    quality = [["truth", of["variance_of_truth"], None, None]]
    if "variance_without" in of:
        without = ["without background network", of["variance_without"], of["foreground_psnr_without"]]
        quality.append([*without, of["psnr_without"]])
    quality.append(["with background network", of["variance"], of["foreground_psnr"], of["psnr"]])
    columns = ["what", "variance in the background", "foreground PSNR", "PSNR"]
    detector = [
        ["background detector", of["iou"], of["share"], of["least_share"], of["most_share"]],
        ["everything is background", of["iou_of_everything"], 1.0, 1.0, 1.0],
    ]
    measures = ["what", "IoU", "share of the page", "least", "most"]
    return [
        Table(
            title="One colour for one background",
            note=f"Means over n = {of['n']} held-out panels whose true background is known, which only measures. "
            "Variance of the colour inside it, off the ink, in levels squared, mean over the channels.",
            columns=columns,
            rows=quality,
            highlight={"foreground PSNR": "max"},
        ),
        Table(
            title="The background as it was found",
            note="Intersection over union with the true background, and the share of the page that was found.",
            columns=measures,
            rows=detector,
            highlight={"IoU": "max"},
        ),
    ]


def _curves(records: dict[str, list[dict[str, Any]]]) -> list[Curve]:
    found = []
    for stage, record in records.items():
        for title, names, label in (
            (
                "losses",
                ("reconstruction", "sampled_reconstruction", "adversarial", "content", "discriminator_loss"),
                "loss",
            ),
            ("likelihood", ("bits",), "bits a channel"),
            ("background", ("background_share",), "share of pixels"),
            ("critic", ("wasserstein", "gradient_penalty"), "score"),
            ("discriminator accuracy", ("real_accuracy", "fake_accuracy"), "share right"),
            ("saturated output", ("saturated",), "share of pixels"),
            ("full-size PSNR", ("full_size/psnr_0_mean", "full_size/psnr_32_mean"), "dB"),
        ):
            series = {}
            for name in names:
                points = [(line["images_seen"], line[name]) for line in record if line.get(name) is not None]
                if points:
                    series[name.removeprefix("full_size/")] = ([x for x, _ in points], [y for _, y in points])
            if series:
                found.append(Curve(f"{stage}: {title}", "images seen", label, series))
    return found


def _sheet(
    count: int, drawings: Sequence[FullDrawing], colorings: Mapping[str, Mapping[int, ColorizationResult]]
) -> Sheet:
    rows = []
    for drawing in drawings:
        coloring = colorings[drawing.name][count]
        whole = psnr(coloring.full, drawing.color)
        part = psnr(coloring.full, drawing.color, drawing.foreground)
        size = f"{drawing.line.shape[1]} x {drawing.line.shape[0]} px"
        rows.append(
            SheetRow(
                drawing.name,
                f"{size}; PSNR {whole:.1f} dB, foreground {part:.1f}",
                list(figure_row(drawing, coloring).values()),
            )
        )
    hints = "no hints: the automatic mode" if count == 0 else f"{count} hints by the protocol"
    return Sheet(
        title=f"With {count} hints" if count else "Without hints",
        note=f"Held-out drawings, {hints}. Select a picture to look at it in full size; arrow keys change the column "
        "in place.",
        columns=list(figure_row(drawings[0], colorings[drawings[0].name][count])) if rows else [],
        rows=rows,
    )
