"""linecolor-train -m: each job a run of its own; what is refused, skipped, recorded, and reported at the end."""

import gc
import multiprocessing
import os
import sys
import time
import traceback
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from linecolor.experiment.errors import RunStopped, exit_on_error, is_first_process, root_cause, stop_code
from linecolor.experiment.plain_paths import quoted
from linecolor.experiment.sweep.plan import ONE_PROCESS, check_devices, machines, planned_jobs
from linecolor.runs.full_disk import in_words, lack_of_room
from linecolor.runs.renamed_keys import new_key


def in_sweep() -> bool:
    """Whether this is one of the jobs of `-m`."""
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN


class SweepWatch(Callback):
    """Called by Hydra when a sweep starts and ends; conf/train.yaml names it."""

    started: ClassVar["tuple[Any, str] | None"] = None
    """The sweep of this process that has not ended yet, and the id of this start."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Refuse what cannot be swept, before anything is started, and make the folder."""
        exit_on_error(lambda: _begin(config), even_faults=True)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Write the table and tell what failed."""
        exit_on_error(lambda: _end(config), even_faults=True)


def run_job(config: DictConfig, train: Callable[[DictConfig], object]) -> float:
    """Run one job of a sweep by `train`, unless it is done; an error of it does not end the others.

    Returns:
        The objective; infinitely bad if the job failed or was stopped.
    """
    from linecolor.runs.sweep_folder import SweepFolder

    hydra = HydraConfig.get()
    overrides = [str(override) for override in hydra.overrides.task]
    sweep = SweepFolder(Path(hydra.sweep.dir))
    job = sweep.job(overrides)
    started = sweep.facts
    place = f"{hydra.job.num + 1} of {started.get('jobs', '?')}"
    if os.environ.get("SUBMITIT_EXECUTOR") == "local" and int(os.environ.get("SUBMITIT_LOCAL_NTASKS", 1)) > 1:
        # Of several processes that submitit started on this machine, tell each its rank; SLURM does itself.
        from submitit.helpers import TorchDistributedEnvironment

        TorchDistributedEnvironment().export(set_cuda_visible_devices=False, overwrite=True)
    if multiprocessing.get_start_method(allow_none=True) == "loky":
        # Joblib's processes start others by pickling, which the loaders' batches do not survive.
        multiprocessing.set_start_method(multiprocessing.get_all_start_methods()[0], force=True)
    if not is_first_process():
        return _run(config, train, job, overrides, place)
    print(f"\n=== Job {place} ({job.path}): {' '.join(overrides)}", flush=True)
    with job.held() as ours:
        if not ours:
            print("  another process is at it; left to it")
            return _objective(config).worst
        job.record(number=hydra.job.num, overrides=overrides, start=started.get("start"))
        known = _known(config, job)
        if known is not None:
            return known
        job.record(state="running", message="")
        return _run(config, train, job, overrides, place)


def report_interrupted_sweep() -> None:
    """Say where a sweep stands that was broken off: by Ctrl-C, or because a launcher lost a job's process."""
    if SweepWatch.started is None:
        return
    sweep, start = SweepWatch.started
    SweepWatch.started = None
    states = [job.state for job in sweep.jobs() if job.facts.get("start") == start]
    if states:
        counted = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
        print(f"The sweep in {sweep.path} is not finished ({counted}): start the same command again", file=sys.stderr)


def _begin(config: DictConfig) -> None:
    from linecolor.images import write_atomically
    from linecolor.runs.sweep_folder import SweepFolder

    _rename_search_space(config)
    jobs = planned_jobs(config)
    sweep = SweepFolder.named(str(config.runs_dir), str(config.sweep.name))
    if config.preflight.enabled:
        raise ValueError("preflight=true measures one run: leave out -m")
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        raise ValueError(ONE_PROCESS.format(what=f"torchrun's WORLD_SIZE={os.environ['WORLD_SIZE']}"))
    for job in machines(config, jobs) if isinstance(jobs, list) else [config]:
        check_devices(job, config.hydra.launcher)
    objective = _objective(config)
    if not config.evaluation.enabled and "optuna" in config.hydra.sweeper._target_:
        raise ValueError("a search needs its objective: leave out evaluation.enabled=false")
    # What the jobs change (name, experiment) must not change where the sweep lies.
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.sweep.dir = str(sweep.path)
        config.hydra.overrides.hydra.append(f"hydra.sweep.dir={quoted(str(sweep.path))}")
    start = uuid.uuid4().hex
    count = len(jobs) if isinstance(jobs, list) else jobs
    sweep.begin(
        start=start,
        jobs=count,
        command=["linecolor-train", *sys.argv[1:]],
        objective=objective.figure,
        direction=objective.direction,
        started=time.strftime("%Y-%m-%d %H:%M:%S"),
    )
    # Hydra writes this file next, and would answer a full disk with a traceback.
    write_atomically(sweep.path / "multirun.yaml", OmegaConf.to_yaml(config).encode())
    SweepWatch.started = sweep, start
    jobs_in_words = f"{count} job{'s' * (count != 1)}"
    print(f"Sweep {sweep.path}: {jobs_in_words}, ranked by {objective.figure} ({objective.direction})", flush=True)


def _rename_search_space(config: DictConfig) -> None:
    """Old keys of a user's own hydra.sweeper.params."""
    params = config.hydra.sweeper.get("params") or {}
    with read_write(config.hydra), open_dict(config.hydra):
        for key in [str(key) for key in params if new_key(str(key))]:
            params[new_key(key)] = params.pop(key)


def _end(config: DictConfig) -> None:
    from linecolor.experiment.data import read_truths
    from linecolor.reports.sweep import MOST_ROWS, SweepTable
    from linecolor.runs.sweep_folder import DONE, FAILED, INTERRUPTED, STOPPED, SweepFolder

    SweepWatch.started = None
    sweep = SweepFolder(Path(config.hydra.sweep.dir))
    table = SweepTable(sweep, _objective(config))
    results = table.results()
    rows = table.write_csv(sweep.path / "sweep.csv")
    page = table.write_page(sweep.path / "sweep.html", read_truths(results, MOST_ROWS))
    print(f"\n{table.text()}\n")
    if table.best:
        figure = f"{table.objective.figure} {table.best.value:.4g}"
        print(f"Best: {table.label(table.best)} ({figure}) in {table.best.job.path}")
    for row in table.stopped:
        print(f"Stopped: {table.label(row)}: {row.facts.get('message')}")
    print(f"Table: {rows}\nOpen the page: {page}")
    ours = [row for row in table.rows if row.facts.get("start") == sweep.facts.get("start")]
    for row in ours:
        if row.state == FAILED:
            trace = row.job.path / "error.txt"
            message = f"{row.facts.get('message')}{f' (traceback in {trace})' if trace.is_file() else ''}"
            print(f"failed: {table.label(row)}: {message}", file=sys.stderr)
        elif row.state not in (DONE, STOPPED):
            print(f"{row.state}: {table.label(row)}", file=sys.stderr)
    bad = [row for row in ours if row.state in (FAILED, INTERRUPTED)]
    if bad:
        print(f"error: {len(bad)} of {len(ours)} jobs are not done; the same command tries them again", file=sys.stderr)
        sys.exit(1)


def _run(
    config: DictConfig, train: Callable[[DictConfig], object], job: Any, overrides: list[str], place: str
) -> float:
    from linecolor.runs.sweep_folder import DONE, FAILED, STOPPED, StoppedBelowMedian

    objective = _objective(config)
    with read_write(config), open_dict(config):
        config.sweep.name, config.runs_dir, config.name = job.path.parent.name, str(job.path.parent), job.path.name
    state, message = FAILED, ""
    # For run.json, the command that is this one job; launchers' processes have their own in sys.argv.
    before, own = sys.argv, [word for word in overrides if not word.startswith(("runs_dir=", "name="))]
    sys.argv = ["linecolor-train", *own, f"runs_dir={job.path.parent}", f"name={job.path.name}"]
    try:
        train(config)
        state = DONE
    except RunStopped as stopped:
        sys.exit(stop_code(stopped))  # the sweep ends with it
    except StoppedBelowMedian as better:
        state, message = STOPPED, str(better)
    except Exception as failure:
        cause = root_cause(failure)
        told, full = isinstance(cause, (ValueError, OSError, RuntimeError)), lack_of_room(failure)
        message = str(cause) if told else f"{type(cause).__name__}: {cause}"
        message = message if full is None else in_words(full)
        if is_first_process() and full is None:
            job.path.mkdir(parents=True, exist_ok=True)
            (job.path / "error.txt").write_text(traceback.format_exc(), encoding="utf-8")
    finally:
        sys.argv = before
    # The next job of this process needs what this one held.
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    if not is_first_process():
        return objective.worst
    figures = job.figures if state == DONE else {}
    if state == DONE and config.evaluation.enabled and objective.figure not in figures:
        state, message = FAILED, f"evaluation.json has no {objective.figure}"
    job.record(state=state, message=message, finished=time.strftime("%Y-%m-%d %H:%M:%S"))
    if state == DONE:
        (job.path / "error.txt").unlink(missing_ok=True)
    else:
        print(f"Job {place} {state}: {message}", file=sys.stderr, flush=True)
    return objective.worth(figures)


def _known(config: DictConfig, job: Any) -> float | None:
    """What a job that need not be run again is worth; None if it is to be run."""
    from linecolor.runs.sweep_folder import DONE, STOPPED

    objective = _objective(config)
    state = job.facts.get("state")
    if state == STOPPED:
        print(f"  stopped before: {job.facts.get('message')}; delete {job.path / 'job.json'} to go on with it")
        return objective.worst
    whole = objective.figure in job.figures if config.evaluation.enabled else job.run.bundle.is_dir()
    if state != DONE or not whole:
        return None
    print(f"  done since {job.facts.get('finished')}; nothing to do")
    return objective.worth(job.figures)


def _objective(config: DictConfig) -> Any:
    from linecolor.experiment.config_sections import check_hints
    from linecolor.runs.objective import Objective

    hints: Any = OmegaConf.to_container(config.evaluation.hints)
    check_hints(hints)
    return Objective.chosen(config.sweep.objective, config.sweep.direction, hints)
