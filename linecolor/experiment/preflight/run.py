"""linecolor-train preflight=true: what will this run take, and does it fit the card?"""

import json
import math
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from datamodules.sources.drawing import Drawing, of_split
from datamodules.sources.folder import FolderScan
from linecolor.experiment.config import RunConfig
from linecolor.experiment.config_sections import PreflightConfig, StageConfig
from linecolor.experiment.errors import is_first_process
from linecolor.experiment.preflight.plan import (
    FITS_SHARE,
    MemoryRule,
    fewest_micro_batches,
    mean_step,
    next_micro_batches,
    step_seconds,
    validations,
)
from linecolor.experiment.preflight.table import table
from linecolor.images import UnreadableImage, image_size, write_atomically

GB = 2**30
CUDA_CONTEXT = GB // 2
"""What a card holds besides tensors, where there is none to ask: the CUDA context and its kernels, about."""


Figures = dict[str, Any]


class Prober:
    """Starts measurements of a run, each time in a fresh process; the folder is for their requests and results."""

    def __init__(self, folder: Path, config: RunConfig, drawings: Sequence[Drawing]) -> None:
        self.folder = folder
        self.config = config
        self.training = list(of_split(drawings, "train"))
        self.held_out = list(of_split(drawings, "test"))
        self.largest = _largest(self.held_out, config.evaluation.drawings)

    def __call__(self, tasks: list[str], micro_batches: int | None = None) -> dict[str, Figures]:
        """Measure stages and `evaluation` in a run's order, the stages in the configured micro-batches or in these.

        Returns:
            Figures by task; from the one with which memory ran out, none.

        Raises:
            ValueError: if the measurement failed for another reason, which its process has reported.
        """
        world_size = self.config.trainer.world_size
        stages = {
            name: stage.changed(
                batch_size=stage.share_of_device(world_size), micro_batches=micro_batches or stage.micro_batches
            )
            for name, stage in self.config.stages.items()
        }
        request, result = self.folder / "request", self.folder / "result.json"
        config = self.config.with_stages(stages)
        what = {"tasks": tasks, "config": config, "drawings": self.training, "held_out": self.largest}
        request.write_bytes(pickle.dumps(what))
        result.write_text('{"measured": {}}', encoding="utf-8")
        words = [sys.executable, "-P", "-m", "linecolor.experiment.preflight.probe", str(request), str(result)]
        # The same packages as here, wherever this was started.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        code = subprocess.run(words, stdin=subprocess.DEVNULL, env=environment, check=False).returncode
        # SIGKILL is the system's answer to a process that wants more memory than there is.
        if code not in (0, -signal.SIGKILL):
            raise ValueError(f"measuring {', '.join(tasks)} failed (exit code {code}); its own messages stand above")
        report = json.loads(result.read_text(encoding="utf-8"))
        if "refused" in report:
            raise ValueError(report["refused"])
        measured: dict[str, Figures] = report["measured"]
        return measured


def run_preflight(config: RunConfig, settings: PreflightConfig, scan: FolderScan) -> Path | None:
    """Measure a few real steps of each stage and one full-size evaluation, print a table; train nothing.

    It is measured in a process of its own, in a run's order, so that the peak is that of a run; nothing is left on disk
    but the figures, if `preflight.json` asks for them: their file is returned.

    Raises:
        ValueError: if the run does not fit this machine even in the smallest micro-batches.
    """
    if not is_first_process():
        return None
    print(f"Preflight of {config.name}: measuring, training nothing", flush=True)
    with _ended_cleanly(), tempfile.TemporaryDirectory(prefix="linecolor-preflight-") as folder:
        figures = measure_run(Prober(Path(folder), config, scan.drawings), settings.memory_gb)
    print("\n" + table(figures), flush=True)
    if settings.json:
        write_atomically(settings.json, json.dumps(figures, indent=1).encode())
        print(f"\nThe figures are in {settings.json}")
    return settings.json


def measure_run(probe: Prober, memory_gb: float) -> Figures:
    """Everything about a run that should fit a card of so many gigabytes.

    Returns:
        `machine`, `stages` by name, `evaluation` or None, `seconds` in all, `peak_bytes` of the whole run,
        `memory_gb` it should fit.
    """
    config = probe.config
    evaluated = config.evaluation.enabled
    if evaluated and probe.largest is None:
        raise ValueError(
            f"{config.data.root}: holds no readable test drawing to evaluate on; raise data.test_share or add pictures"
        )
    tasks = [*config.stages, *(["evaluation"] if evaluated else [])]
    measured = probe(tasks)
    ran_out = next((task for task in tasks if task not in measured), None)
    limit = memory_gb * GB * FITS_SHARE
    stages = {
        name: _stage(probe, stage, limit, *_run_in_parts(probe, stage, measured.get(name), ran_out == name))
        for name, stage in config.stages.items()
    }
    evaluation = _evaluation(probe, measured.get("evaluation")) if evaluated else None
    everything = [*stages.values(), *([evaluation] if evaluation else [])]
    return {
        "name": config.name,
        "machine": _machine(config),
        "data": {"training": len(probe.training), "held_out": len(probe.held_out)},
        "stages": stages,
        "evaluation": evaluation,
        "seconds": sum(part["seconds"] for part in everything),
        "peak_bytes": max(part["peak_bytes"] for part in everything),
        "memory_gb": memory_gb,
    }


def _run_in_parts(probe: Prober, stage: StageConfig, figures: Figures | None, ran_out: bool) -> tuple[int, Figures]:
    """The figures of a stage in as many micro-batches as requested, or if memory runs out in the next that work."""
    parts = stage.micro_batches
    if figures is None and not ran_out:
        figures = probe([stage.name]).get(stage.name)  # a stage before it ended the measurement
    while figures is None:
        further = next_micro_batches(_batch(probe, stage), parts)
        if further is None:
            raise ValueError(
                f"stage {stage.name} does not fit this machine's memory, not even image by image: lower "
                "model.resolution or the widths of the networks, or use trainer.precision=16-mixed on a GPU"
            )
        print(f"  {stage.name}: out of memory in {parts} micro-batches; trying {further}", flush=True)
        parts = further
        figures = probe([stage.name], parts).get(stage.name)
    return parts, figures


def _stage(probe: Prober, stage: StageConfig, limit: float, parts: int, measured: Figures) -> Figures:
    """What a stage will take, measured in so many micro-batches; where that is more than `limit` bytes, in more too."""
    config, batch, gpu = probe.config, _batch(probe, stage), probe.config.trainer.on_gpu
    peaks = {parts: _need_on_card(measured, gpu)}
    further = next_micro_batches(batch, parts)
    if peaks[parts] > limit and further:
        print(f"  {stage.name}: too much for the card; measuring {further} micro-batches for comparison", flush=True)
        # A process keeps what the stages before it have freed, a card does not: both alone, to be comparable.
        together = not gpu and parts == stage.micro_batches
        for count in (parts, further) if together else (further,):
            alone = probe([stage.name], count).get(stage.name)
            if alone:
                peaks[count] = _need_on_card(alone, gpu)
    loading = measured["loading"] * stage.batch_size / batch
    work = mean_step(measured["with_content"], measured["without"], stage.content_loss_interval)
    each = step_seconds(work, loading, config.data.workers, measured["threads"], _cores())
    times = validations(stage.steps, stage.val_every_n_steps)
    validating = times * min(stage.validation_drawings, len(probe.held_out)) * measured["validation"]
    return {
        "images": stage.batch_size,
        "parts": parts,
        "asked_parts": stage.micro_batches,
        "peak_bytes": measured["peak"] + measured["other_on_card"],
        "training_peak_bytes": measured["training_peak"] + measured["other_on_card"],
        "before_bytes": measured["before"],
        "need_bytes": peaks[parts],
        "fits": peaks[parts] <= limit,
        "suggested_parts": _suggestion(peaks, batch, limit, stage.micro_batches),
        "compared_bytes": {str(count): peak for count, peak in peaks.items()},
        "work_seconds": work,
        "loading_seconds": loading,
        "step_seconds": each,
        "shortened": measured["shortened"],
        "measured_steps": measured["steps"],
        "steps": stage.steps,
        "validation_seconds": validating,
        "seconds": stage.steps * each + validating,
    }


def _batch(probe: Prober, stage: StageConfig) -> int:
    """Images of a step on one device."""
    return stage.share_of_device(probe.config.trainer.world_size)


def _suggestion(peaks: dict[int, float], batch: int, limit: float, requested: int) -> int | None:
    """The fewest micro-batches that fit; what was measured counts more than the rule through two measurements."""
    fitting = [parts for parts, peak in peaks.items() if peak <= limit]
    if fitting or len(peaks) < 2:
        return min(fitting, default=None)
    (parts, peak), (further, less) = peaks.items()
    rule = MemoryRule.through(batch // parts, peak, batch // further, less)
    return fewest_micro_batches(batch, rule, limit, above=max(further, requested))


def _need_on_card(measured: Figures, gpu: bool) -> float:
    """Bytes of a card; measured on a CPU, what the process took beyond its libraries stands for the tensors."""
    if gpu:
        return measured["peak"] + measured["other_on_card"]
    return measured["peak"] - measured["before"] + CUDA_CONTEXT


def _evaluation(probe: Prober, measured: Figures | None) -> Figures:
    measured = measured or probe(["evaluation"]).get("evaluation")
    if measured is None:
        raise ValueError(
            "the full-size evaluation of one drawing does not fit this machine's memory: lower model.resolution"
        )
    settings, gpu = probe.config.evaluation, probe.config.trainer.on_gpu
    drawings = min(settings.drawings, len(probe.held_out))
    # On a GPU the drawings of the report's sheet wait in the computer's own memory.
    held = 0 if gpu else measured["held"] * (min(settings.sheet, drawings) - 1)
    return {
        "peak_bytes": measured["peak"] + measured["other_on_card"] + max(0, held),
        "one_drawing_bytes": measured["peak"] + measured["other_on_card"],
        "need_bytes": _need_on_card(measured, gpu),
        "drawings": drawings,
        "drawing_seconds": measured["seconds"],
        "size": [measured["height"], measured["width"]],
        "hints": list(settings.hints),
        "seconds": drawings * measured["seconds"],
    }


def _machine(config: RunConfig) -> Figures:
    facts: Figures = {
        "gpu": None,
        "cores": _cores(),
        "precision": config.trainer.precision,
        "devices": config.trainer.world_size,
        "workers": config.data.workers,
    }
    if config.trainer.on_gpu:
        import torch

        facts["gpu"] = torch.cuda.get_device_name()
        facts["gpu_bytes"] = torch.cuda.get_device_properties(0).total_memory
    return facts


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _largest(held_out: list[Drawing], count: int) -> Drawing | None:
    """The largest of the drawings that will be evaluated: its memory is the evaluation's."""
    from datamodules.held_out import readable

    sized = []
    for drawing in held_out[:count]:
        try:
            sized.append((math.prod(image_size(drawing.color)), drawing))
        except UnreadableImage:
            continue  # the evaluation, too, goes on without it, and names it
    for _, drawing in sorted(sized, key=lambda pair: pair[0], reverse=True):
        if readable([drawing], 1):
            return drawing
    return None


@contextmanager
def _ended_cleanly() -> Iterator[None]:
    """Let SIGTERM unwind, so that the measuring process is stopped and the temporary folder removed."""
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
