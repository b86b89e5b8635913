"""The measurements of the preflight, in a process of their own: stages' steps, one full-size evaluation.

`python -m linecolor.experiment.preflight.probe REQUEST RESULT`: both lie in a folder of the preflight's own.
"""

import json
import logging
import os
import pickle
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from hydra.utils import instantiate
from torch import nn

from datamodules.held_out import FullDrawings
from datamodules.sources.drawing import Drawing
from linecolor.evaluation.full_size import FullSizeEvaluation, measure_hint_adherence, measure_references
from linecolor.evaluation.methods import TrainedMethod
from linecolor.experiment.config import RunConfig
from linecolor.experiment.errors import is_user_error
from linecolor.experiment.preflight.meter import forget_peak, now, other_on_card, peak_memory, resident_memory
from linecolor.experiment.preflight.steps import ENOUGH_S, extractor, line_colorizer, measure_stage
from linecolor.experiment.stage import is_out_of_memory
from linecolor.samples import FullDrawing


def main() -> None:
    """Read the request, measure, write the result."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module=r"lightning\.|torch\.optim\.lr_scheduler|torch\.utils\.data")
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    request, result = pickle.loads(Path(sys.argv[1]).read_bytes()), Path(sys.argv[2])
    report: dict[str, Any] = {"measured": {}}
    try:
        for task, figures in measure(**request, folder=result.parent):
            report["measured"][task] = figures
            result.write_text(json.dumps(report), encoding="utf-8")
    except Exception as error:
        if is_out_of_memory(error):
            report["out_of_memory"] = True
        elif is_user_error(error):
            report["refused"] = str(error)
        else:
            raise
    result.write_text(json.dumps(report), encoding="utf-8")


def measure(
    tasks: list[str], config: RunConfig, drawings: list[Drawing], held_out: Drawing | None, folder: Path
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Measure one after the other, as a run does: what a stage leaves in memory is there in the next.

    Args:
        tasks: `draft`, `colorizer`, `evaluation`, in this order.
        config: of the run; `batch_size` of a stage is this device's share.
        drawings: to train on.
        held_out: to validate on, if there is one.
        folder: for what Lightning might write.

    Yields:
        The task with its figures: those of `measure_stage` or `measure_evaluation`, and in bytes `before`, what the
        process took before the first task (0 on a GPU), and `other_on_card`, what else of the GPU is taken.
    """
    L.seed_everything(config.seed, verbose=False)
    networks: dict[str, nn.Module] = {}
    gpu = config.trainer.on_gpu
    before = 0 if gpu else resident_memory("VmRSS")
    for task in tasks:
        forget_peak(torch.device(config.trainer.device))
        validates = task == "evaluation" or config.stages[task].validation_drawings
        drawing = FullDrawings([held_out])[0] if held_out and validates else None
        if task == "evaluation":
            assert drawing is not None
            figures = measure_evaluation(config, drawing, networks)
        else:
            figures = measure_stage(config.stages[task], config, drawings, drawing, networks, folder)
        yield task, {**figures, "before": before, "other_on_card": other_on_card() if gpu else 0}


def measure_evaluation(config: RunConfig, drawing: FullDrawing, networks: dict[str, nn.Module]) -> dict[str, Any]:
    """One drawing through the final evaluation: coloured with each number of hints, measured, compared, hint adherence.

    Networks of stages that are missing are built, untrained.

    Returns:
        `peak` in bytes, `held` bytes a drawing that is shown in the report keeps, `seconds` a drawing,
        `height` and `width` in pixels.
    """
    print("  evaluation: one held-out drawing", flush=True)
    device = torch.device(config.trainer.device)
    chain = {
        stage: (networks[stage] if stage in networks else instantiate(config.model.settings[stage])).to(device)
        for stage in config.stages
    }
    for network in chain.values():
        network.requires_grad_(False)
    colorizer = line_colorizer(config, chain, device)
    method = TrainedMethod(colorizer)
    evaluation = FullSizeEvaluation(config.evaluation.hints, extractor(config)).to(device)
    started = now()
    results = evaluation.add(method, drawing)
    if now() - started < ENOUGH_S:  # the first time also builds kernels; the second can be waited for
        started = now()
        results = evaluation.add(method, drawing)
    measure_references([drawing])
    most = max(config.evaluation.hints)
    if most:
        measure_hint_adherence(colorizer, [drawing], most)
    seconds = now() - started
    shown: list[Any] = [drawing, *(result.coloring for result in results.values())]
    arrays = [getattr(page, field.name) for page in shown for field in fields(page)]
    return {
        "peak": peak_memory(device),
        "held": sum(array.nbytes for array in arrays if isinstance(array, np.ndarray)),
        "seconds": seconds,
        "height": drawing.line.shape[0],
        "width": drawing.line.shape[1],
    }


def _end_with(parent: int) -> None:
    """End this process when the one that started it is gone, however long a step still takes."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    main()
