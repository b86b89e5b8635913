"""linecolor-evaluate systems=...: runs, bundles and other programs' results, measured side by side."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from datamodules.held_out import full_drawings
from datamodules.pair_settings import PairSettings
from linecolor.evaluation.hint_levels import LayerHints, ProtocolHints
from linecolor.evaluation.references import REFERENCES
from linecolor.experiment.config import RunConfig, default_data, default_mapping
from linecolor.experiment.config_sections import EvaluationConfig
from linecolor.experiment.data import data_licence, held_out_drawings, load_drawings
from linecolor.experiment.methods.measure import MeasurementRequest, measure_methods
from linecolor.experiment.methods.specs import method_specs
from linecolor.rendering.options import OPTIONS
from linecolor.reports.methods import Presentation, write_methods_report


def given(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that have a value; how lines are drawn is no matter of where they come from."""
    return {key: value for key, value in settings.items() if value is not None and key != "line_method"}


def evaluate_methods(requested: dict[str, Any]) -> Path:
    """Measure the methods that a configuration names; returns the report."""
    specs = method_specs(requested["systems"], requested["evaluation"]["blend"])
    _check(requested)
    runs = [spec.path for spec in specs if spec.kind == "run"]
    data = given(requested["data"])
    run = RunConfig.of_run(runs[0], data=data) if runs else None
    if run is None and "root" not in data:
        raise ValueError("data.root is not given, and no run among the systems has one: give data.root=FOLDER")
    if not runs and requested["data"]["test_share"] is None:
        # A bundle does not say what it was trained on.
        raise ValueError(
            "no run among the systems tells which pictures were held out: give data.test_share, that of the training, "
            "or 1.0 for pictures that none of the systems has seen (a prepared data set keeps its own split)"
        )
    protocol = dict(requested["protocol"])
    line = PairSettings.named("paper").line
    line = replace(line, parameters={**line.parameters, **protocol.pop("line")})
    evaluation = run.mapping["evaluation"] if run else {**default_mapping()["evaluation"], **protocol}
    settings = EvaluationConfig.from_mapping({**evaluation, **given(requested["evaluation"])})
    pictures = run.data if run else default_data(**data)
    drawings = held_out_drawings(load_drawings(pictures), settings.drawings, pictures.root)
    layers, out = requested["hint_layers"], Path(requested["out"]).expanduser()
    request = MeasurementRequest(
        specs=specs,
        drawings=full_drawings(drawings, run.pairs.line if run else line, requested["data"]["line_method"]),
        hints=LayerHints(Path(layers).expanduser()) if layers else ProtocolHints(settings.hints),
        features=settings.features,
        references=requested["references"],
        out=out,
        keep_pictures=requested["pictures"],
    )
    measured, gallery = measure_methods(request)
    presentation = Presentation(
        title="linecolor: " + " / ".join(dict.fromkeys(spec.name for spec in specs)),
        subtitle="Methods side by side: the same drawings, the same hints",
        caution="",
        subject=specs[0].name,
        named_after={},
        sheet=settings.sheet,
    )
    config_yaml = yaml.safe_dump(requested, sort_keys=False)
    licence = data_licence(pictures.roots)
    return write_methods_report(out / "report.html", measured, presentation, gallery, config_yaml, licence)


def _check(requested: dict[str, Any]) -> None:
    """Refuse what has no meaning for a set of methods, naming the option."""
    if requested["evaluation"]["must_reach_psnr"] is not None:
        raise ValueError("evaluation.must_reach_psnr is for one run (run=...), not for methods side by side")
    for option in OPTIONS:
        if option != "blend" and requested["evaluation"][option] is not None:
            raise ValueError(f"evaluation.{option} is for one run (run=...); methods side by side keep their own")
    if not str(requested["out"]).strip() or (Path(str(requested["out"])).expanduser() / "config.yaml").is_file():
        raise ValueError(f"out={requested['out']} must be a folder of its own, not that of a run")
    if requested["hint_layers"]:
        lists = {reference.name for reference in REFERENCES if reference.uses_hints}
        for name in requested["references"] or []:
            if name in lists:
                raise ValueError(f"references: {name} needs hints as a list, which hint_layers does not give")
