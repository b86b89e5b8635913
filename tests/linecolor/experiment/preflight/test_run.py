"""What the preflight makes of measurements: parts that fit, time to finish, words. And one probe in this process."""

import math
import re

import pytest

from linecolor.experiment.composition import compose_training
from linecolor.experiment.config import RunConfig
from linecolor.experiment.data import load_drawings
from linecolor.experiment.preflight import meter, run, steps
from linecolor.experiment.preflight.table import table
from linecolor.networks.unet import ResNeXtUNet

pytestmark = pytest.mark.slow

GB = 2**30


def configuration(*overrides: str) -> RunConfig:
    return RunConfig.from_hydra(compose_training([*overrides, "trainer.accelerator=cpu"]))


class Probes:
    """Measurements of an imagined machine: memory is fixed plus so much a sample of a part.

    Args:
        config: of the run.
        fixed, per_sample: gigabytes.
        machine: gigabytes it has; what needs more runs out of memory.
    """

    def __init__(self, config: RunConfig, fixed: float, per_sample: float, machine: float = math.inf) -> None:
        self.config, self.fixed, self.per_sample, self.machine = config, fixed, per_sample, machine
        self.training, self.held_out, self.largest = [0] * 90, [0] * 10, 0
        self.asked: list[tuple[str, int]] = []

    def peak(self, stage: str, parts: int) -> float:
        return self.fixed + self.per_sample * self.config.stages[stage].batch_size / parts

    def __call__(self, tasks: list[str], micro_batches: int | None = None) -> dict:
        told = {}
        for task in tasks:
            figures = EVALUATION if task == "evaluation" else self.stage(task, micro_batches)
            if figures is None:
                break
            told[task] = figures
        return told

    def stage(self, task: str, micro_batches: int | None) -> dict | None:
        parts = micro_batches or self.config.stages[task].micro_batches
        self.asked.append((task, parts))
        peak = self.peak(task, parts)
        if peak > self.machine:
            return None
        return {**STAGE, "training_peak": int(0.9 * peak * GB), "peak": int(peak * GB)}


NO_CARD = {"other_on_card": 0, "before": 0}
TIMES = {"with_content": [4.0, 2.0], "without": [], "loading": 1.0, "validation": 10.0}
STAGE = {**NO_CARD, **TIMES, "shortened": False, "steps": 2, "threads": 2}
EVALUATION = {**NO_CARD, "before": GB, "peak": 2 * GB, "held": GB // 100, "seconds": 3.0, "height": 1000, "width": 700}


@pytest.fixture
def paper() -> RunConfig:
    return configuration("experiment=paper", "data=folder", "data.root=x", "data.workers=0")


def test_what_fits_needs_one_measurement_and_no_suggestion(paper):
    probes = Probes(paper, 1.0, 0.1)
    figures = run.measure_run(probes, 11)
    assert probes.asked == [("draft", 4), ("colorizer", 8)]
    assert figures["stages"]["draft"]["fits"]
    assert "draft fits a card of 11 GB" in table(figures)
    assert "micro_batches=" not in table(figures)


def test_what_does_not_fit_gets_the_fewest_parts_that_do(paper):
    probes = Probes(paper, 2.0, 1.0)
    figures = run.measure_run(probes, 11)
    # 2 GB + 1 GB a sample + 0.5 GB of the card's own must be within 0.95 x 11 = 10.45 GB: parts of 4, not of 8.
    assert figures["stages"]["draft"]["suggested_parts"] == 16
    assert figures["stages"]["colorizer"]["suggested_parts"] == 16
    alone = [("draft", 4), ("draft", 8), ("colorizer", 8), ("colorizer", 16)]
    assert probes.asked == [("draft", 4), ("colorizer", 8), *alone]
    told = table(figures)
    assert "add:  stage.draft.micro_batches=16 stage.colorizer.micro_batches=16" in told
    assert "by the line through them" in told


def test_what_runs_out_of_memory_is_tried_in_more_parts(paper):
    probes = Probes(paper, 2.0, 1.0, machine=11.0)
    figures = run.measure_run(probes, 11)
    draft, colorizer = [("draft", 8), ("draft", 16)], [("colorizer", 8), ("colorizer", 16)]
    assert probes.asked == [("draft", 4), draft[0], draft[1], ("colorizer", 8), *colorizer]
    assert figures["stages"]["draft"]["suggested_parts"] == 16
    assert "draft runs out of memory with a batch of 64 in 4 micro-batches" in table(figures)


def test_what_never_fits_the_machine_is_refused_with_a_way_out(paper):
    with pytest.raises(ValueError, match=r"not even image by image: lower model\.resolution"):
        run.measure_run(Probes(paper, 20.0, 1.0, machine=16.0), 11)


def test_what_no_accumulation_makes_fit_is_said(paper):
    figures = run.measure_run(Probes(paper, 20.0, 1.0), 11)
    assert figures["stages"]["draft"]["suggested_parts"] is None
    assert "no number of micro-batches makes it fit" in table(figures)


def test_the_time_to_finish_counts_steps_looks_and_the_evaluation(paper):
    figures = run.measure_run(Probes(paper, 1.0, 0.1), 11)
    draft = figures["stages"]["draft"]
    assert draft["step_seconds"] == 3.0 + 1.0
    assert draft["seconds"] == 280_000 * 4.0 + 28 * 10 * 10.0  # 28 looks at the ten there are of 16
    assert figures["evaluation"]["seconds"] == 10 * 3.0
    assert figures["seconds"] == 2 * draft["seconds"] + 30.0
    assert figures["evaluation"]["peak_bytes"] == 2 * GB + 9 * (GB // 100)
    assert re.search(r"time to finish +13 d +13 d\n", table(figures))
    assert "In all: 26 d" in table(figures)


def test_several_devices_share_the_batch():
    paper = configuration("experiment=paper", "data=folder", "data.root=x", "data.workers=0", "trainer.devices=4")
    figures = run.measure_run(Probes(paper, 1.0, 0.1), 11)
    assert figures["machine"]["devices"] == 4
    assert figures["stages"]["draft"]["loading_seconds"] == 4.0
    assert "one of 4 devices was measured" in table(figures)


# --- one probe, in this process ----------------------------------------------------------------------------------


@pytest.fixture
def probed(picture_folder):
    def measure(folder, *overrides: str) -> dict:
        data = ["data=folder", f"data.root={picture_folder / 'color'}", "data.test_share=0.3"]
        config = configuration("experiment=demo", "debug=tiny", *data, *overrides)
        drawings = [drawing for drawing in load_drawings(config.data).drawings if drawing.split == "train"]
        return steps.measure_stage(config.stages["draft"], config, drawings, None, {}, folder)

    return measure


def test_steps_with_and_without_the_content_loss_are_measured_in_turns(probed, tmp_path, monkeypatch):
    monkeypatch.setattr(steps, "ENOUGH_S", 0.2)
    monkeypatch.setattr(steps, "LOADER_S", 0.1)
    told = probed(tmp_path, "stage.draft.content_loss_interval=16")
    assert len(told["with_content"]) >= 2
    assert len(told["with_content"]) - len(told["without"]) in (0, 1)
    always = probed(tmp_path, "stage.draft.content_loss_interval=1")
    assert always["without"] == []
    assert list(tmp_path.iterdir()) == []


def test_one_part_of_a_slow_step_stands_for_all_of_them(probed, tmp_path, monkeypatch):
    images = 0
    forward = ResNeXtUNet.forward

    def counted(self, line, *others):
        nonlocal images
        images += len(line)
        return forward(self, line, *others)

    # A clock that goes by the images the generator has seen.
    monkeypatch.setattr(ResNeXtUNet, "forward", counted)
    monkeypatch.setattr(steps, "now", lambda: float(images))
    monkeypatch.setattr(steps, "ENOUGH_S", 0.0)
    monkeypatch.setattr(steps, "LOADER_S", 0.1)
    batch = ["stage.draft.batch_size=16", "stage.draft.micro_batches=4", "stage.draft.content_loss_interval=1"]
    whole = probed(tmp_path, *batch)
    assert (whole["shortened"], whole["with_content"]) == (False, [16.0, 16.0])
    assert images == 2 * 1 + 3 * 16  # twice one to feel how slow it is, one step to warm up
    images = 0
    monkeypatch.setattr(steps, "SLOW_STEP_S", 0.0)
    shortened = probed(tmp_path, *batch)
    assert (shortened["shortened"], shortened["with_content"]) == (True, [16.0, 16.0])
    assert images == 2 * 1 + 2 * 4


def test_the_peak_is_this_processs_own_and_rises_with_what_it_takes():
    before = meter.resident_memory("VmHWM")
    assert before >= meter.resident_memory("VmRSS") > 10 * 2**20
    taken = bytearray(before - meter.resident_memory("VmRSS") + 200 * 2**20)
    assert meter.resident_memory("VmHWM") - before > 100 * 2**20
    del taken
