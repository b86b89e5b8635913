"""A run that was begun with version 0.1.0 goes on, and its bundles colour; see fixtures/version_0_1_0/README.md."""

import json
import os
import platform
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from linecolor.experiment.composition import compose_training
from linecolor.experiment.config import RunConfig
from linecolor.experiment.data import load_drawings
from linecolor.experiment.fingerprint import check_resumable
from linecolor.runs.record import read_record
from linecolor.runs.run_folder import RunFolder
from linecolor.systems.line_colorizer import LineColorizer
from tests.end_to_end.program import run
from tests.lightning_modules.brief_training import growth_allowed

EARLIER = Path(__file__).parents[1] / "fixtures" / "version_0_1_0"
COMMANDS: dict[str, list[str]] = json.loads((EARLIER / "commands.json").read_text())
STAGES = {
    "paper": ["draft", "colorizer"],
    "release": ["draft", "colorizer"],
    "pix2pix": ["pix2pix"],
    "alacgan": ["alacgan"],
    "comic": ["low_resolution", "background", "polishing", "plain_polishing"],
}
STOPPED_AT, STEPS = 4, 8


def check_settings(run: Path, name: str, *more: str) -> None:
    """Ask the present build whether it would continue every stage of a run with the command it was begun with.

    All that this test calls of the training program is called here.
    """
    config = RunConfig.from_hydra(compose_training(words(name, *more)))
    folder = RunFolder(run)
    scan = load_drawings(config.data)
    for stage in config.stages:
        check_resumable(stage, config, folder, scan)


def words(name: str, *more: str) -> list[str]:
    """The words that a run was begun with; only where the pictures lie is another place."""
    pictures = EARLIER / "pictures"
    data = ["data=folder", f"data.root={pictures / 'color'}", f"data.lines={pictures / 'line'}", "data.test_share=0.3"]
    return [*COMMANDS[name], "debug=tiny", "~callbacks.sample_sheet", *data, "evaluation.enabled=false", *more]


def is_the_same_machine() -> bool:
    """Whether this processor computes the bits that the fixture's did."""
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text().splitlines() if cpus.is_file() else []
    processor = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    here = {
        "processor": processor or platform.processor(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
    }
    held_back = any(name in os.environ for name in ("DNNL_MAX_CPU_ISA", "ONEDNN_MAX_CPU_ISA"))
    return here == json.loads((EARLIER / "machine.json").read_text()) and not held_back


@pytest.fixture
def home(tmp_path) -> Path:
    shutil.copytree(EARLIER / "begun", tmp_path / "runs" / "begun")
    return tmp_path


def test_a_begun_run_continues_to_the_end_it_would_have_had(home):
    stage = home / "runs/begun/colorizer"
    state = torch.load(stage / "checkpoints/last.ckpt", weights_only=True)
    assert state["steps"] == STOPPED_AT
    done = run("train", *words("begun", "resume=must"), cwd=home, fresh=True)  # the fixture was, too
    assert "complete since" in done.stdout, "the draft was trained anew"

    found, expected = load_file(stage / "generator.safetensors"), load_file(EARLIER / "end/colorizer.safetensors")
    record, whole = read_record(stage / "metrics.jsonl"), read_record(EARLIER / "end/colorizer.jsonl")
    assert found.keys() == expected.keys()
    if is_the_same_machine():
        assert all(torch.equal(tensor, expected[name]) for name, tensor in found.items())
        # The FID of two pictures had 1,280 eigenvalues of noise in its last digits.
        assert [{**line, **fids(there)} for line, there in zip(record, whole, strict=True)] == whole
        assert [fids(line) for line in record] == [pytest.approx(fids(line), rel=1e-6) for line in whole]
    # On another processor what was left to do differs by what four steps let grow.
    assert [line.keys() for line in record] == [line.keys() for line in whole]
    assert record[:STOPPED_AT] == whole[:STOPPED_AT], "recorded before it was stopped"
    for here, there in zip(record[STOPPED_AT:], whole[STOPPED_AT:], strict=True):
        assert (here["step"], here["images_seen"]) == (there["step"], there["images_seen"])
        if "reconstruction" in here:
            allowed = growth_allowed(int(here["step"]) - STOPPED_AT)
            assert here["reconstruction"] == pytest.approx(there["reconstruction"], rel=allowed)
            assert here["learning_rate"] == there["learning_rate"]
    # 6e-6 of the way is seen without vector instructions and with SSE4.1, and 5e-7 of the losses.
    assert off_the_way(state["state_dict"], found, expected) < growth_allowed(STEPS - STOPPED_AT)


def fids(line: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in line.items() if "/fid_" in name}


def off_the_way(start: dict[str, torch.Tensor], found: dict[str, torch.Tensor], end: dict[str, torch.Tensor]) -> float:
    """How far weights are from where they should be, as a share of the way there from the checkpoint."""
    way = sum((end[name] - start[f"averaged.{name}"]).square().sum() for name in end)
    off = sum((end[name] - found[name]).square().sum() for name in end)
    return float(off / way) ** 0.5


def test_the_command_without_a_change_is_accepted_and_with_one_refused(home):
    check_settings(home / "runs/begun", "begun")
    check_settings(home / "runs/begun", "begun", "stage.colorizer.record_every=5", "data.workers=3")
    with pytest.raises(ValueError, match=r"other settings \(stage\.colorizer\.max_grad_norm: 1\.0 then, 0\.5 now\)"):
        check_settings(home / "runs/begun", "begun", "stage.colorizer.clip=0.5")
    with pytest.raises(ValueError, match=r"started with other settings \(seed: 0 then, 7 now\)"):
        check_settings(home / "runs/begun", "begun", "seed=7")


@pytest.mark.parametrize("name", STAGES)
def test_the_settings_of_every_system_are_accepted_and_a_change_is_refused(name, tmp_path):
    shutil.copytree(EARLIER / "settings" / name, tmp_path / name)
    check_settings(tmp_path / name, name)
    for stage in STAGES[name]:
        assert RunFolder(tmp_path / name).is_started(stage), "what has no checkpoint may start with any settings"
        if stage == "plain_polishing":
            continue  # it steps as polishing does
        with pytest.raises(ValueError, match=rf"{stage} was started .* \(stage\.{stage}\.optimizer\.lr: "):
            check_settings(tmp_path / name, name, f"stage.{stage}.optimizer.lr=0.125")


@pytest.mark.parametrize("name", ["demo", "release", "pix2pix", "alacgan", "comic"])
def test_a_bundle_colours_as_it_did(name):
    line = cv2.imread(str(EARLIER / "line.png"), cv2.IMREAD_GRAYSCALE)
    found = LineColorizer.load(EARLIER / "bundles" / name).colorize(line, [(48, 40, "#c01040"), (20, 70, "#20a0e0")])
    expected = cv2.cvtColor(cv2.imread(str(EARLIER / "colored" / f"{name}.png")), cv2.COLOR_BGR2RGB)
    if is_the_same_machine():
        assert np.array_equal(found, expected)
    # Elsewhere last bits differ, which may tip the rounding to a level.
    assert np.abs(found.astype(int) - expected).max() <= 1
