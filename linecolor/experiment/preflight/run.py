"""linecolor-train preflight=true: what will this run take, and does it fit the card?"""

import json
import math
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from linecolor.experiment.checks import world_size
from linecolor.experiment.preflight.plan import (
    FITS_SHARE,
    MemoryRule,
    mean_step,
    next_accumulation,
    smallest_accumulation,
    step_seconds,
    validations,
)
from linecolor.experiment.preflight.prober import Prober
from linecolor.experiment.preflight.table import table
from linecolor.experiment.processes import is_first_process

if TYPE_CHECKING:
    from datamodules.sources.folder import FolderScan

GB = 2**30
CUDA_CONTEXT = GB // 2
"""What a card holds besides tensors, where there is none to ask: the CUDA context and its kernels, about."""


def run_preflight(config: DictConfig, plain: dict[str, Any], scan: "FolderScan") -> Path | None:
    """Measure a few real steps of each stage and one full-size evaluation, print a table; train nothing.

    It is measured in a process of its own, in a run's order, so that the peak is that of a run; nothing is left on disk
    but the figures, if `preflight.json` asks for them.

    Args:
        config: the run's configuration; everything is read from `plain`.
        plain: the same, resolved, checked, with `trainer.accelerator` decided.
        scan: the drawings.

    Returns:
        The file with the figures, None if none was asked for.

    Raises:
        ValueError: for a wrong setting, or if the run does not fit this machine even in the smallest parts.
    """
    output = _check_settings(plain["preflight"])
    if not is_first_process():
        return None
    print(f"Preflight of {plain['name']}: measuring, training nothing", flush=True)
    with _ended_cleanly(), tempfile.TemporaryDirectory(prefix="linecolor-preflight-") as folder:
        figures = measure_run(Prober(Path(folder), plain, scan.drawings), plain)
    print("\n" + table(figures), flush=True)
    if output:
        from linecolor.images import write_atomically

        write_atomically(output, json.dumps(figures, indent=1).encode())
        print(f"\nThe figures are in {output}")
    return output


def measure_run(probe: Prober, plain: dict[str, Any]) -> dict[str, Any]:
    """Everything about a run.

    Returns:
        `machine`, `stages` by name, `evaluation` or None, `seconds` in all, `peak_bytes` of the whole run,
        `memory_gb` it should fit.
    """
    gpu = plain["trainer"]["accelerator"] != "cpu"
    limit = plain["preflight"]["memory_gb"] * GB * FITS_SHARE
    evaluated = plain["evaluation"]["enabled"]
    if evaluated and probe.largest is None:
        raise ValueError(
            f"{plain['data']['root']}: holds no readable test drawing to evaluate on; raise data.test_share or add "
            "pictures"
        )
    tasks = [*plain["stages"], *(["evaluation"] if evaluated else [])]
    told = probe(tasks)
    culprit = next((task for task in tasks if task not in told), None)
    stages = {}
    for stage in plain["stages"]:
        parts, figures = _run_in_parts(probe, stage, plain, told.get(stage), culprit == stage)
        peaks = _peaks(probe, stage, plain, limit, parts, figures)
        stages[stage] = _stage_figures(probe, stage, plain, limit, parts, figures, peaks)
    evaluation = _evaluation(probe, plain, told.get("evaluation")) if evaluated else None
    everything = [*stages.values(), *([evaluation] if evaluation else [])]
    return {
        "name": plain["name"],
        "machine": _machine(plain, gpu),
        "data": {"training": len(probe.training), "held_out": len(probe.held_out)},
        "stages": stages,
        "evaluation": evaluation,
        "seconds": sum(part["seconds"] for part in everything),
        "peak_bytes": max(part["peak_bytes"] for part in everything),
        "memory_gb": plain["preflight"]["memory_gb"],
    }


def _run_in_parts(
    probe: Prober, stage: str, plain: dict[str, Any], figures: dict[str, Any] | None, ran_out: bool
) -> tuple[int, dict[str, Any]]:
    """The figures of a stage in as many parts as asked for, or where memory runs out in the next number that works."""
    parts = plain["stage"][stage]["micro_batches"]
    if figures is None and not ran_out:
        figures = probe([stage]).get(stage)  # a stage before it ended the measurement
    while figures is None:
        further = next_accumulation(_batch(stage, plain), parts)
        if further is None:
            raise ValueError(
                f"stage {stage} does not fit this machine's memory, not even image by image: lower model.resolution or "
                "the widths of the networks, or use trainer.precision=16-mixed on a GPU"
            )
        print(f"  {stage}: out of memory in {parts} parts; trying {further}", flush=True)
        parts = further
        figures = probe([stage], parts).get(stage)
    return parts, figures


def _peaks(
    probe: Prober, stage: str, plain: dict[str, Any], limit: float, parts: int, figures: dict[str, Any]
) -> dict[int, float]:
    """Bytes of a card by number of parts; where these are too much, with the next number beside it."""
    gpu = plain["trainer"]["accelerator"] != "cpu"
    peaks = {parts: _need_on_card(figures, gpu)}
    further = next_accumulation(_batch(stage, plain), parts)
    if peaks[parts] > limit and further:
        print(f"  {stage}: too much for the card; measuring {further} parts for comparison", flush=True)
        # A process keeps what the stages before it have freed, a card does not: both alone, to be comparable.
        together = not gpu and parts == plain["stage"][stage]["micro_batches"]
        for count in (parts, further) if together else (further,):
            alone = probe([stage], count).get(stage)
            if alone:
                peaks[count] = _need_on_card(alone, gpu)
    return peaks


def _stage_figures(
    probe: Prober,
    stage: str,
    plain: dict[str, Any],
    limit: float,
    parts: int,
    told: dict[str, Any],
    peaks: dict[int, float],
) -> dict[str, Any]:
    settings = plain["stage"][stage]
    batch = _batch(stage, plain)
    loading = told["loading"] * settings["batch_size"] / batch
    work = mean_step(told["with_content"], told["without"], settings.get("content_loss_interval", 1))
    each = step_seconds(work, loading, plain["data"]["workers"], told["threads"], _cores())
    looks = validations(settings["steps"], settings["val_every_n_steps"])
    looking = looks * min(settings["validation_drawings"], len(probe.held_out)) * told["validation"]
    asked = settings["micro_batches"]
    return {
        "images": settings["batch_size"],
        "parts": parts,
        "asked_parts": asked,
        "peak_bytes": told["peak"] + told["other_on_card"],
        "training_peak_bytes": told["training_peak"] + told["other_on_card"],
        "before_bytes": told["before"],
        "need_bytes": peaks[parts],
        "fits": peaks[parts] <= limit,
        "suggested_parts": _suggestion(peaks, batch, limit, asked),
        "compared_bytes": {str(count): peak for count, peak in peaks.items()},
        "work_seconds": work,
        "loading_seconds": loading,
        "step_seconds": each,
        "shortened": told["shortened"],
        "measured_steps": told["steps"],
        "steps": settings["steps"],
        "validation_seconds": looking,
        "seconds": settings["steps"] * each + looking,
    }


def _batch(stage: str, plain: dict[str, Any]) -> int:
    """Images of a step on one device."""
    return plain["stage"][stage]["batch_size"] // world_size(plain["trainer"])


def _suggestion(peaks: dict[int, float], batch: int, limit: float, asked: int) -> int | None:
    """The fewest parts that fit; what was measured counts more than the rule through two measurements."""
    fitting = [parts for parts, peak in peaks.items() if peak <= limit]
    if fitting or len(peaks) < 2:
        return min(fitting, default=None)
    (parts, peak), (further, less) = peaks.items()
    rule = MemoryRule.through(batch // parts, peak, batch // further, less)
    return smallest_accumulation(batch, rule, limit, above=max(further, asked))


def _need_on_card(told: dict[str, Any], gpu: bool) -> float:
    """Bytes of a card; measured on a CPU, what the process took beyond its libraries stands for the tensors."""
    if gpu:
        return told["peak"] + told["other_on_card"]
    return told["peak"] - told["before"] + CUDA_CONTEXT


def _evaluation(probe: Prober, plain: dict[str, Any], told: dict[str, Any] | None) -> dict[str, Any]:
    told = told or probe(["evaluation"]).get("evaluation")
    if told is None:
        raise ValueError(
            "the full-size evaluation of one drawing does not fit this machine's memory: lower model.resolution"
        )
    gpu = plain["trainer"]["accelerator"] != "cpu"
    drawings = min(plain["evaluation"]["drawings"], len(probe.held_out))
    # On a GPU the drawings of the report's sheet wait in the computer's own memory.
    held = 0 if gpu else told["held"] * (min(plain["evaluation"]["sheet"], drawings) - 1)
    return {
        "peak_bytes": told["peak"] + told["other_on_card"] + max(0, held),
        "one_drawing_bytes": told["peak"] + told["other_on_card"],
        "need_bytes": _need_on_card(told, gpu),
        "drawings": drawings,
        "drawing_seconds": told["seconds"],
        "size": [told["height"], told["width"]],
        "hints": plain["evaluation"]["hints"],
        "seconds": drawings * told["seconds"],
    }


def _machine(plain: dict[str, Any], gpu: bool) -> dict[str, Any]:
    trainer = plain["trainer"]
    told = {
        "gpu": None,
        "cores": _cores(),
        "precision": str(trainer["precision"]),
        "devices": world_size(trainer),
        "workers": plain["data"]["workers"],
    }
    if gpu:
        import torch

        told["gpu"] = torch.cuda.get_device_name()
        told["gpu_bytes"] = torch.cuda.get_device_properties(0).total_memory
    return told


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _ended_cleanly() -> Iterator[None]:
    """Let SIGTERM unwind, so that the measuring process is stopped and the temporary folder removed."""
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _check_settings(settings: dict[str, Any]) -> Path | None:
    memory = settings["memory_gb"]
    if type(memory) not in (int, float) or not 0 < memory < math.inf:
        raise ValueError(f"preflight.memory_gb={memory} must be the gigabytes of a card, such as 11")
    output = settings["json"]
    if output is None:
        return None
    path = Path(str(output)).expanduser()
    if path.suffix != ".json" or path.is_dir():
        raise ValueError(f"preflight.json={output} must be a file whose name ends in .json")
    return path
