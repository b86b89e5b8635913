"""linecolor-evaluate systems=...: runs, bundles and other programs' results, measured side by side."""

from pathlib import Path
from typing import Any


def evaluate_methods(requested: dict[str, Any]) -> Path:
    """Measure the methods that a configuration names; returns the report."""
    import yaml

    from datamodules.held_out import full_drawings
    from datamodules.pair_settings import LineSettings, PairSettings
    from linecolor.evaluation.hint_levels import LayerHints, ProtocolHints
    from linecolor.experiment.checks import check_evaluation
    from linecolor.experiment.data import data_licence, held_out_drawings, load_drawings
    from linecolor.experiment.evaluation import given
    from linecolor.experiment.methods.measure import MeasurementRequest, measure_methods
    from linecolor.experiment.methods.specs import method_specs
    from linecolor.reports.methods import Presentation, write_methods_report
    from linecolor.runs.run_folder import read_config

    specs = method_specs(requested["systems"], requested["evaluation"]["blend"])
    _check(requested)
    runs = [spec.path for spec in specs if spec.kind == "run"]
    config = read_config(runs[0]) if runs else {}
    fallback = requested["fallback"]
    settings = {**fallback["evaluation"], **config.get("evaluation", {}), **given(requested["evaluation"])}
    check_evaluation(settings)
    data = {**fallback["data"], **config.get("data", {}), **given(requested["data"])}
    if data["root"] is None:
        raise ValueError("data.root is not given, and no run among the systems has one: give data.root=FOLDER")
    if not runs and requested["data"]["test_share"] is None:
        # A bundle does not say what it was trained on.
        raise ValueError(
            "no run among the systems tells which pictures were held out: give data.test_share, that of the training, "
            "or 1.0 for pictures that none of the systems has seen (a prepared data set keeps its own split)"
        )
    line = LineSettings.from_config(config["pairs"]["line"]) if runs else PairSettings.named("paper").line
    drawings = held_out_drawings(load_drawings(data), settings["drawings"], data["root"])
    layers, out = requested["hint_layers"], Path(requested["out"]).expanduser()
    request = MeasurementRequest(
        specs=specs,
        drawings=full_drawings(drawings, line, requested["data"]["line_method"]),
        hints=LayerHints(Path(layers).expanduser()) if layers else ProtocolHints(settings["hints"]),
        features=settings["features"],
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
        sheet=settings["sheet"],
    )
    del requested["fallback"]
    config_yaml = yaml.safe_dump(requested, sort_keys=False)
    return write_methods_report(out / "report.html", measured, presentation, gallery, config_yaml, data_licence(data))


def _check(requested: dict[str, Any]) -> None:
    """Refuse what has no meaning for a set of methods.

    Raises:
        ValueError: naming the option.
    """
    from linecolor.evaluation.references import REFERENCES
    from linecolor.rendering.options import OPTIONS

    if type(requested["pictures"]) is not bool:
        raise ValueError(f"pictures={requested['pictures']} must be true or false")
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
