"""linecolor-train preflight=true in a process of its own, and its figures against a real training's."""

import contextlib
import json
import signal
import time
from pathlib import Path

import pytest

from tests.end_to_end.program import TINY, Program, data, run


def start(*arguments: str, cwd: Path, fresh: bool = False) -> Program:
    (cwd / "tmp").mkdir(exist_ok=True)
    return Program("train", *arguments, cwd=cwd, fresh=fresh, TMPDIR=str(cwd / "tmp"))


@pytest.fixture(scope="module")
def measured(picture_folder, tmp_path_factory) -> tuple[Path, str]:
    """A preflight of the tiny run; the folder it was started in, and what it said."""
    home = tmp_path_factory.mktemp("preflight")
    with start("preflight=true", *TINY, *data(picture_folder), "preflight.json=out/figures.json", cwd=home) as program:
        assert program.wait() == 0, program.stderr[-2000:]
        return home, program.stdout


def test_a_table_says_what_the_run_will_take(measured):
    _, said = measured
    for words in (
        "8 training drawings, 2 held out",
        "peak memory of the process",
        "images a second: training alone",
        "images a second: loader alone",
        "steps a second",
        "time to finish",
        "a drawing of 96 x 96 px",
        "draft fits a card of 11 GB",
        "colorizer fits a card of 11 GB",
        "measured without a GPU",
    ):
        assert words in said
    assert "Traceback" not in said


def test_nothing_is_left_behind_but_the_figures_that_were_asked_for(measured):
    home, _ = measured
    left = [str(path.relative_to(home)) for path in home.rglob("*") if "torchinductor" not in str(path)]  # torch's own
    assert sorted(left) == ["out", "out/figures.json", "tmp"]


def test_the_figures_are_all_there_and_agree_with_each_other(measured):
    home, _ = measured
    figures = json.loads((home / "out/figures.json").read_text())
    assert set(figures["stages"]) == {"draft", "colorizer"}
    for stage in figures["stages"].values():
        assert 0 < stage["before_bytes"] < stage["training_peak_bytes"] <= stage["peak_bytes"] < 4e9
        assert stage["step_seconds"] == pytest.approx(stage["work_seconds"] + stage["loading_seconds"])
        assert stage["seconds"] == pytest.approx(2 * stage["step_seconds"] + stage["validation_seconds"])
        assert (stage["fits"], stage["shortened"]) == (True, False)
    evaluation = figures["evaluation"]
    assert evaluation["size"] == [96, 96]
    assert evaluation["drawings"] == 2
    assert evaluation["drawing_seconds"] > 0
    assert figures["seconds"] == pytest.approx(
        evaluation["seconds"] + sum(stage["seconds"] for stage in figures["stages"].values())
    )


def test_the_peak_memory_is_the_real_runs_within_a_tenth(picture_folder, tmp_path):
    # Large enough that activations, not libraries, make the peak.
    wide = ["model.resolution=256", "model.draft.width=8", "stage.draft.batch_size=12", "stage.draft.steps=2"]
    options = [*TINY, *data(picture_folder), *wide, "stages=[draft]", "evaluation.enabled=false"]
    run("train", "preflight=true", "preflight.json=figures.json", *options, cwd=tmp_path, fresh=True)
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["peak_bytes"] > 1.5 * figures["stages"]["draft"]["before_bytes"]

    real = 0
    with start(*options, cwd=tmp_path, fresh=True) as training:
        while training.poll() is None:
            real = max(real, high_water_mark(training.pid))
            time.sleep(0.05)
        assert training.poll() == 0, training.stderr[-2000:]
    assert figures["peak_bytes"] == pytest.approx(real, rel=0.1)


def high_water_mark(pid: int) -> int:
    """The most resident memory a process had so far, in bytes; 0 where it has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


def test_a_preflight_that_is_stopped_leaves_neither_processes_nor_files(picture_folder, tmp_path):
    slow = ["model.resolution=512", "model.draft.width=16", "stage.draft.batch_size=64"]
    with start("preflight=true", *TINY, *data(picture_folder), *slow, cwd=tmp_path) as stopped:
        stopped.until(lambda: children(stopped.pid))
        probes = children(stopped.pid)
        assert stopped.stop(signal.SIGTERM) == 143
    assert not list((tmp_path / "tmp").glob("linecolor*"))
    while any(Path(f"/proc/{pid}").exists() for pid in probes):
        time.sleep(0.1)


def children(pid: int) -> list[str]:
    """Processes that a process has started."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):  # it has just ended
            if f"\nPPid:\t{pid}\n" in status.read_text():
                found.append(status.parent.name)
    return found
