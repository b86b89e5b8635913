"""What tracking by W&B costs a training step when W&B does not answer.

A server that accepts connections and never says a word is the worst network there is: W&B by itself waits for it for
more than 100 s. Blocks of steps with the mirror at work and with it held still alternate within one process, so that
whatever else the machine does meets both alike.
"""

import os
import resource
import signal
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.stopwatch import show
from benchmarks.training import DEVICE, BareLoop, draft_stage, few_pairs, named
from lightning_modules.loggers.jsonl import JsonlLogger
from lightning_modules.loggers.wandb import WandbLogger

BLOCKS, STEPS = 20, 8
"""Blocks of steps with the mirror at work, each followed by one without."""

BAR = 1.01


def measure() -> dict[str, float]:
    """Seconds and ratios of the draft stage's training step, each with its line in the record.

    Returns:
        `step_ratio`: wall time of a step while the mirror runs over one without (bar: 1.01 on a machine that does
        nothing else; another program on the same cores blurs it by more than that); `step_cpu_ratio`: the same in
        processor time of the process that trains (bar: 1.01), which no other program blurs; `mirror_share`: share of
        one core the mirror takes while training; `once_cpu_s`: seconds of processor time, on any core, the mirror takes
        once a stage to start, to ask, to turn to an offline run and to end; `step_s`.
    """
    config = named("demo")
    with tempfile.TemporaryDirectory() as folder, _silent_server():
        pairs, loop = few_pairs(config, 2), BareLoop(draft_stage(config).to(DEVICE))
        once = _cpu_seconds_of(_tracker(Path(folder) / "once" / "draft"), lambda: None)
        draft = Path(folder) / "run" / "draft"
        record, tracker = JsonlLogger(draft / "metrics.jsonl"), _tracker(draft)
        wall: dict[bool, list[float]] = {True: [], False: []}
        cpu: dict[bool, list[float]] = {True: [], False: []}

        def steps() -> None:
            assert tracker._mirror is not None
            for count in range(2 * BLOCKS * STEPS):
                tracked = count // STEPS % 2 == 0
                os.kill(tracker._mirror.pid, signal.SIGCONT if tracked else signal.SIGSTOP)
                loop.steps = 1  # no step has the content term, so that all have the same to do
                started, busy = time.perf_counter(), time.process_time()
                loop.step(pairs)
                for logger in (record, tracker):
                    logger.log_metrics({"reconstruction": 0.5, "step": count}, step=2 * count)
                wall[tracked].append(time.perf_counter() - started)
                cpu[tracked].append(time.process_time() - busy)
            os.kill(tracker._mirror.pid, signal.SIGCONT)

        loop.step(pairs)
        whole = _cpu_seconds_of(tracker, steps)
    return {
        "step_ratio": statistics.median(wall[True]) / statistics.median(wall[False]),
        "step_cpu_ratio": statistics.median(cpu[True]) / statistics.median(cpu[False]),
        "mirror_share": (whole - once) / sum(wall[True]),
        "once_cpu_s": once,
        "step_s": statistics.median(wall[False]),
    }


def _cpu_seconds_of(tracker: WandbLogger, work: Callable[[], None]) -> float:
    """Processor time of a mirror and of W&B's process from start to end, while some work is done."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _ = tracker.experiment
    work()
    tracker.close()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@contextmanager
def _silent_server() -> Iterator[None]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        os.environ["WANDB_BASE_URL"] = f"http://127.0.0.1:{listener.getsockname()[1]}"
        os.environ.setdefault("WANDB_API_KEY", "0123456789" * 4)
        yield


def _tracker(draft: Path) -> WandbLogger:
    return WandbLogger(
        project="linecolor",
        entity=None,
        group="benchmark",
        offline=False,
        log_bundle=False,
        reach_timeout=3.0,
        init_timeout=30.0,
        finish_timeout=30.0,
        bundle_timeout=30.0,
        name="benchmark-draft",
        job_type="draft",
        folder=draft,
        config={},
    )


if __name__ == "__main__":
    show(measure())
