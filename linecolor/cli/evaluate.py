"""linecolor-evaluate: colour held-out drawings at full size, measure, write the pictures and the report."""

import hashlib
import json
import logging
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import hydra
from omegaconf import DictConfig, OmegaConf

from linecolor.cli.configuration import configuration_folder, register_resolvers, run_command

if TYPE_CHECKING:
    from datamodules.sources.folder import FolderScan
    from linecolor.line_art import FullDrawing
    from linecolor.line_colorizer import Coloring, LineColorizer
    from linecolor.run_folder import RunFolder

log = logging.getLogger("linecolor")


def main() -> None:
    """The console script."""
    register_resolvers()
    _hydra_main()


@hydra.main(version_base="1.3", config_path=configuration_folder(), config_name="evaluate")
def _hydra_main(config: DictConfig) -> None:
    run_command(lambda: evaluate(config))


def evaluate(config: DictConfig) -> Path:
    """Evaluate a trained run on its own data or on another data set; returns the report."""
    import yaml

    from linecolor.cli.sources import load_drawings
    from linecolor.run_folder import RunFolder

    asked: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    run = RunFolder(Path(asked["run"]))
    settings = run.path / "config.yaml"
    if not settings.is_file():
        raise FileNotFoundError(f"run={run.path}: there is no run here; give a folder such as runs/demo")
    plain = yaml.safe_load(settings.read_text(encoding="utf-8"))
    plain["evaluation"] |= {key: value for key, value in asked["evaluation"].items() if value is not None}
    plain["data"] |= {key: value for key, value in asked["data"].items() if value is not None}
    report = evaluate_run(run, plain, load_drawings(plain["data"]))
    print(f"Open the report: {report}")
    return report


def evaluate_run(run: "RunFolder", plain: dict[str, Any], scan: "FolderScan") -> Path:
    """Colour the held-out drawings with the run's bundle, unless that was done with the same settings.

    Writes evaluation/evaluation.json, the coloured pictures beside it, and report.html.
    """
    import torch

    from datamodules.illustrations import FullDrawings
    from linecolor.images import write_atomically
    from linecolor.line_colorizer import WEIGHTS, LineColorizer
    from linecolor.run_report import write_run_report

    settings = plain["evaluation"]
    with (run.bundle / WEIGHTS).open("rb") as file:
        bundle = hashlib.file_digest(file, "sha256").hexdigest()
    asked = {"settings": settings, "data": plain["data"]["root"], "bundle": bundle}
    if run.evaluation.is_file() and run.report.is_file():
        done = json.loads(run.evaluation.read_text(encoding="utf-8"))
        if done["asked"] == asked:
            print("Evaluation: complete; nothing to do")
            return run.report

    drawings = FullDrawings([drawing for drawing in scan.drawings if drawing.split == "test"][: settings["drawings"]])
    if not len(drawings):
        raise ValueError(
            f"{plain['data']['root']}: holds no test drawings to evaluate on; raise data.test_share, add pictures or "
            "train with evaluation.enabled=false"
        )
    device = "cuda" if torch.cuda.is_available() and plain["trainer"]["accelerator"] != "cpu" else "cpu"
    colorizer = LineColorizer.from_bundle(run.bundle, settings["blend"], device)
    started = time.perf_counter()
    result, pages, colorings = _measure(run, colorizer, [drawings[i] for i in range(len(drawings))], settings)
    result |= {"asked": asked, "seconds": time.perf_counter() - started, "device": device}
    write_atomically(run.evaluation, json.dumps(result, indent=1).encode())
    report = write_run_report(run, plain, result, pages, colorings)
    reached = result["figures"][f"psnr_{max(settings['hints'])}_mean"]
    if reached < settings["must_reach_psnr"]:
        raise ValueError(
            f"PSNR with {max(settings['hints'])} hints is {reached:.1f} dB, evaluation.must_reach_psnr asks for "
            f"{settings['must_reach_psnr']:.1f}; look at {report}"
        )
    return report


def _measure(
    run: "RunFolder", colorizer: "LineColorizer", drawings: list["FullDrawing"], settings: dict[str, Any]
) -> tuple[dict[str, Any], list["FullDrawing"], dict[str, dict[int, "Coloring"]]]:
    from tqdm import tqdm

    from linecolor.evaluation import FullSizeEvaluation, measure_obedience, measure_references
    from linecolor.images import write_png
    from linecolor.networks.distance_features import make_feature_extractor

    evaluation = FullSizeEvaluation(settings["hints"], make_feature_extractor(settings["features"]))
    colorings: dict[str, dict[int, Coloring]] = {}
    for drawing in tqdm(drawings, desc="Colouring held-out drawings", unit="drawing"):
        colored = evaluation.to(colorizer.device).add(colorizer, drawing)
        for count, coloring in colored.items():
            stem = PurePosixPath(drawing.name).name
            write_png(run.evaluation.parent / f"hints_{count:03d}" / f"{stem}.png", coloring.full)
        if len(colorings) < settings["sheet"]:
            colorings[drawing.name] = colored
    most = max(settings["hints"])
    result = {
        "figures": evaluation.compute(),
        "references": measure_references(tqdm(drawings, desc="Measuring references", unit="drawing")),
        "obedience": measure_obedience(colorizer, drawings, most) if most else None,
        "rows": evaluation.rows,
    }
    return result, drawings[: settings["sheet"]], colorings


if __name__ == "__main__":
    main()
