"""Curves during training judge the renderer that the evaluation of the run judges."""

import json

import pytest

from linecolor.experiment.composition import compose_training
from linecolor.experiment.training import train
from linecolor.runs.record import read_record

pytestmark = pytest.mark.slow

WORDS = ["experiment=demo", "debug=tiny", "stages=[draft]", "callbacks.sample_sheet=null", "evaluation.sheet=0"]
RENDERING = ["resolution=96", "blend=paper", "mirrored=true", "enforce_hints=true"]


def test_the_curves_end_with_the_figures_of_the_evaluation(picture_folder, tmp_path):
    """The last look at the held-out drawings and the evaluation see the same weights and drawings."""
    data = [f"runs_dir={tmp_path}", f"data.root={picture_folder / 'color'}", "data.test_share=0.3"]
    measured = ["callbacks.full_resolution_metrics.hints=[0,4]", *(f"evaluation.{option}" for option in RENDERING)]
    train(compose_training([*WORDS, *data, *measured]))
    figures = json.loads((tmp_path / "tiny/evaluation/evaluation.json").read_text())["figures"]
    last = [line for line in read_record(tmp_path / "tiny/draft/metrics.jsonl") if "full_size/psnr_4_mean" in line][-1]
    assert {f"full_size/{name}": value for name, value in figures.items()}.items() <= last.items()
