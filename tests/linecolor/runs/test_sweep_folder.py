"""A sweep on disk: one folder a job whatever the order of its overrides, and what became of it."""

import json
import os
import subprocess
import sys
import time

import pytest

from linecolor.runs.sweep_folder import DONE, INTERRUPTED, RUNNING, JobFolder, SweepFolder, job_hash


def test_a_job_is_its_values_whatever_their_order_and_where_it_lies_in_every_version():
    assert job_hash(["seed=1", "+a.b=2", "data=folder"]) == job_hash(["data=folder", "seed=1", "a.b=2"])
    hashes = {job_hash(words) for words in (["seed=1"], ["seed=2"], ["seed=1", "a=1"], ["seed=1", "a=2"], [])}
    assert len(hashes) == 5
    plain = job_hash(["seed=1"])
    assert job_hash(["seed=1", "runs_dir=/elsewhere", "name=x", "resume=must", "sweep.objective=obeyed"]) == plain
    assert job_hash(["experiment=demo", "seed=1"]) == "b01d04f8b4"


def test_a_sweep_lands_neither_outside_of_runs_dir_nor_in_a_single_run(tmp_path):
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "run.json").write_text("{}")
    refused = dict.fromkeys(("../up", "", ".", "a/b"), r"sweep\.name") | {"demo": "is a single run"}
    for name, message in refused.items():
        with pytest.raises(ValueError, match=message):
            SweepFolder.named(str(tmp_path), name)


def test_facts_are_kept_beside_those_that_are_known(tmp_path):
    job = SweepFolder(tmp_path).job(["seed=1"])
    job.record(number=3, overrides=["seed=1", "+model.width=8"])
    job.record(state=DONE)
    assert job.facts == {"number": 3, "overrides": ["seed=1", "+model.width=8"], "state": DONE}
    assert job.overrides == {"seed": "1", "model.width": "8"}


def test_jobs_come_in_the_order_of_the_sweep_and_damaged_ones_are_left_out(tmp_path):
    sweep = SweepFolder(tmp_path)
    for number, seed in ((1, 5), (0, 7)):
        sweep.job([f"seed={seed}"]).record(number=number, overrides=[f"seed={seed}"])
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "job.json").write_text("{nonsense")
    assert [job.overrides["seed"] for job in sweep.jobs()] == ["7", "5"]


def test_a_job_is_had_by_one_at_a_time(tmp_path):
    first, second = JobFolder(tmp_path), JobFolder(tmp_path)
    with first.held() as ours, second.held() as theirs:
        assert (ours, theirs) == (True, False)
    with second.held() as theirs:
        assert theirs


def test_a_job_whose_process_died_is_interrupted_and_not_running(tmp_path):
    JobFolder(tmp_path).record(state=RUNNING)
    code = (
        "import sys, time; from pathlib import Path; from linecolor.runs.sweep_folder import JobFolder\n"
        "with JobFolder(Path(sys.argv[1])).held(): print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, env=os.environ)
    try:
        assert process.stdout.readline() == b"held\n"
        assert JobFolder(tmp_path).state == RUNNING
    finally:
        process.kill()
        process.wait()
    deadline = time.monotonic() + 5
    while JobFolder(tmp_path).state == RUNNING and time.monotonic() < deadline:
        time.sleep(0.05)
    assert JobFolder(tmp_path).state == INTERRUPTED


def test_figures_hold_the_share_of_obeyed_hints(tmp_path):
    job = JobFolder(tmp_path)
    assert job.figures == {}
    job.run.evaluation.parent.mkdir()
    job.run.evaluation.write_text(json.dumps({"figures": {"psnr_4_mean": 20.0}, "obedience": {"obeyed": 0.9}}))
    assert job.figures == {"psnr_4_mean": 20.0, "obeyed": 0.9}
    job.run.evaluation.write_text("cut of")
    assert job.figures == {}
