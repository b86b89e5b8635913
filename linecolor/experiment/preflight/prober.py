"""Starts the preflight's measurements, each time in a fresh process."""

import json
import math
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datamodules.sources.drawing import Drawing
    from linecolor.experiment.config import RunConfig


class Prober:
    """Starts measurements, each time in a fresh process.

    Args:
        folder: for their requests and results.
        config: of the run.
        drawings: of the data set.
    """

    def __init__(self, folder: Path, config: "RunConfig", drawings: "Sequence[Drawing]") -> None:
        self.folder = folder
        self.config = config
        self.training = [drawing for drawing in drawings if drawing.split == "train"]
        self.held_out = [drawing for drawing in drawings if drawing.split == "test"]
        self.largest = _largest(self.held_out, config.evaluation.drawings)

    def __call__(self, tasks: list[str], micro_batches: int | None = None) -> dict[str, dict[str, Any]]:
        """Measure stages and `evaluation` one after the other.

        Args:
            tasks: in a run's order.
            micro_batches: of the stages, where it shall not be the configured number.

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
        measured: dict[str, dict[str, Any]] = report["measured"]
        return measured


def _largest(held_out: "list[Drawing]", count: int) -> "Drawing | None":
    """The largest of the drawings that will be evaluated: its memory is the evaluation's."""
    from datamodules.held_out import readable
    from linecolor.images import UnreadableImage, image_size

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
