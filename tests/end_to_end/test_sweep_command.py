"""linecolor-train -m as a user types it: every launcher, what is skipped, what fails, what is refused."""

import csv
import json
import shutil
import signal
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.end_to_end.program import TINY, Program, data, run


def sweep(*arguments: str, cwd: Path, code: int = 0, **options: object) -> CompletedProcess[str]:
    return run("train", "-m", *TINY, *arguments, cwd=cwd, code=code, **options)


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "sweep.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def times(folder: Path) -> dict[Path, int]:
    """When each job's weights were written."""
    return {path: path.stat().st_mtime_ns for path in folder.glob("*/*/generator.safetensors")}


@pytest.fixture(scope="module")
def swept(picture_folder, tmp_path_factory) -> tuple[Path, CompletedProcess[str]]:
    """A sweep by the basic launcher whose first job fails; the folder it was started in."""
    home = tmp_path_factory.mktemp("swept")
    return home, sweep(*data(picture_folder), "seed=1", "model.draft.cardinality=3,2", cwd=home, code=1)


def test_a_failing_job_does_not_stop_the_rest_and_is_listed_with_its_error(swept):
    home, done = swept
    assert "Job 1 of 2" in done.stdout
    assert "model.draft.cardinality=2" in done.stdout
    assert "Best: cardinality=2" in done.stdout
    last = done.stderr.strip().splitlines()[-2:]
    assert "failed: cardinality=3: cardinality 3 does not divide" in last[0]
    assert "1 of 2 jobs are not done" in last[1]
    rows = table(home / "runs" / "tiny-sweep")
    assert [(row["model.draft.cardinality"], row["state"]) for row in rows] == [("2", "done"), ("3", "failed")]
    assert "Traceback" in (home / "runs" / "tiny-sweep" / rows[1]["folder"] / "error.txt").read_text()


def test_each_job_is_a_whole_run_that_its_own_command_finds_complete(swept):
    home, _ = swept
    best = table(home / "runs" / "tiny-sweep")[0]
    job = home / "runs" / "tiny-sweep" / best["folder"]
    for name in ("config.yaml", "report.html", "bundle/linecolor.safetensors", "draft/metrics.jsonl"):
        assert (job / name).is_file(), name
    figures = json.loads((job / "evaluation/evaluation.json").read_text())["figures"]
    assert float(best["objective"]) == figures["psnr_4_foreground_mean"]
    own = json.loads((job / "run.json").read_text())["command"]
    assert own[0] == "linecolor-train"
    again = run("train", *own[1:], cwd=home)
    assert again.stdout.count("nothing to do") == 3


def test_a_sweep_leaves_nothing_outside_of_its_folder(swept):
    home, _ = swept
    assert [path.name for path in (*home.iterdir(), *(home / "runs").iterdir())] == ["runs", "tiny-sweep"]


def test_the_page_has_the_drawings_side_by_side(swept):
    home, _ = swept
    page = (home / "runs" / "tiny-sweep" / "sweep.html").read_text(encoding="utf-8")
    assert "done, best" in page
    assert "cardinality 3 does not divide" in page
    # Two drawings with and without hints: line, the job, truth.
    assert page.count('src="data:image/') == 2 * 2 * 3


@pytest.fixture(scope="module")
def grown(swept, picture_folder, tmp_path_factory) -> tuple[Path, dict[Path, int], CompletedProcess[str]]:
    """The same sweep with two jobs more, by joblib, two at a time; the weights' times before."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    home = tmp_path_factory.mktemp("grown")
    shutil.copytree(swept[0] / "runs", home / "runs")
    before = times(home / "runs" / "tiny-sweep")
    words = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    # The order of overrides does not matter.
    words += [*data(picture_folder), "model.draft.cardinality=2", "seed=1,2,3"]
    # A program from nothing: joblib's own processes outlive a fork by five minutes.
    return home, before, sweep(*words, cwd=home, fresh=True)


def test_joblib_runs_jobs_at_once_and_a_sweep_that_is_started_again_skips_what_is_done(grown):
    home, before, done = grown
    folder = home / "runs" / "tiny-sweep"
    assert done.stdout.count("nothing to do") == 1
    assert {path: time for path, time in times(folder).items() if path in before} == before
    assert len(times(folder)) == 3 * 2
    states = sorted((row["seed"], row["state"]) for row in table(folder))
    assert states == [("1", "done"), ("1", "failed"), ("2", "done"), ("3", "done")]


def test_submitit_gives_each_job_a_process_and_continues_an_interrupted_one(grown, picture_folder, tmp_path):
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    shutil.copytree(grown[0] / "runs", tmp_path / "runs")
    folder = tmp_path / "runs" / "tiny-sweep"
    (row,) = (row for row in table(folder) if row["seed"] == "2")
    job = folder / row["folder"]
    for name in ("colorizer/complete.json", "colorizer/generator.safetensors", "evaluation/evaluation.json"):
        (job / name).unlink()  # as if the power had failed in the second stage
    facts = json.loads((job / "job.json").read_text())
    (job / "job.json").write_text(json.dumps(facts | {"state": "running"}))
    before = times(folder)

    words = [*data(picture_folder), "model.draft.cardinality=2", "seed=1,2", "hydra/launcher=submitit_local"]
    sweep(*words, cwd=tmp_path)
    assert {path: time for path, time in times(folder).items() if path in before} == before
    assert (job / "evaluation" / "evaluation.json").is_file()
    assert {row["state"] for row in table(folder) if row["seed"] == "2"} == {"done"}
    logs = [path.read_text() for path in folder.glob(".submitit/*/*_log.out")]
    assert sorted(log.count("nothing to do") for log in logs) == [1, 1]  # the job that is done, and one's first stage
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_optuna_searches_for_the_objective_and_a_search_that_is_started_again_skips_what_is_done(
    picture_folder, tmp_path
):
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    storage = "hydra.sweeper.storage='sqlite:///${hydra.sweep.dir}/optuna.db'"
    words = [*data(picture_folder), "hparams_search=optuna", "hydra.sweeper.n_trials=2", storage]
    words += ["model.draft.cardinality=choice(2,3)", "stages=[draft]"]
    sweep(*words, cwd=tmp_path, code=1)
    folder = tmp_path / "runs" / "tiny-search"
    rows = table(folder)
    # A job that fails counts as bad, and the search goes on.
    assert sorted(row["state"] for row in rows) == ["done", "failed"]
    assert len({row["stage.draft.optimizer.lr"] for row in rows}) == 2
    found = (folder / "optimization_results.yaml").read_text()
    assert f"best_value: {float(rows[0]['objective'])}" in found
    assert rows[0]["stage.draft.optimizer.lr"] in found
    assert (folder / "optuna.db").stat().st_size > 0

    before = times(folder)
    again = sweep(*[word for word in words if word != storage], cwd=tmp_path, code=1)
    assert again.stdout.count("nothing to do") == 1
    assert times(folder) == before


def test_a_job_below_the_median_of_its_siblings_is_stopped_and_not_run_again(picture_folder, tmp_path):
    folder = tmp_path / "runs" / "tiny-sweep"
    for number in range(2):  # jobs of other processes, far better than two steps can be
        (folder / f"sibling{number}" / "draft").mkdir(parents=True)
        facts = {"state": "done", "number": 7, "overrides": [f"seed={number + 7}"]}
        (folder / f"sibling{number}" / "job.json").write_text(json.dumps(facts))
        record = {"images_seen": 4, "full_size/psnr_32_foreground_mean": 60.0}
        (folder / f"sibling{number}" / "draft" / "metrics.jsonl").write_text(json.dumps(record) + "\n")
    words = [*data(picture_folder), "callbacks=median_stop", "callbacks.median_stop.least_siblings=2", "seed=1"]
    done = sweep(*words, cwd=tmp_path)
    assert "the median of 2 siblings there is 60" in done.stdout
    (row,) = [row for row in table(folder) if row["seed"] == "1"]
    assert row["state"] == "stopped"
    assert not (folder / row["folder"] / "draft" / "complete.json").exists()
    again = sweep(*words, cwd=tmp_path)
    assert "stopped before" in again.stdout
    assert "Stage 1" not in again.stdout


def test_ctrl_c_stops_the_whole_sweep_and_says_how_to_go_on(picture_folder, tmp_path):
    words = [*data(picture_folder), "stage.draft.steps=2000", "stage.draft.val_every_n_steps=2000", "seed=1,2"]
    with Program("train", "-m", *TINY, *words, cwd=tmp_path) as program:
        program.until(lambda: list(tmp_path.glob("runs/*/*/draft/metrics.jsonl")))
        assert program.stop(signal.SIGINT) == 130
        assert "is not finished (1 interrupted): start the same command again" in program.stderr
    (job,) = tmp_path.glob("runs/*/*/job.json")
    assert (job.parent / "draft" / "checkpoints" / "last.ckpt").is_file()


def test_what_cannot_be_swept_is_refused_before_anything_starts(picture_folder, tmp_path):
    told = sweep(*data(picture_folder), "seed=1,2", cwd=tmp_path, code=2, WORLD_SIZE="2").stderr
    assert "WORLD_SIZE=2 cannot be shared out" in told
    assert not list(tmp_path.iterdir())
