"""A measurement that was stopped goes on: what was measured so far, on disk."""

import io
import sys
import time
from pathlib import Path

import torch

from linecolor.evaluation.measurement import Measurement
from linecolor.images import write_atomically


class Progress:
    """What was measured so far, on disk, so that hours of measuring survive a stop.

    Args:
        out: the measurement's folder.
        asked: what is measured; another measurement's progress is not taken up.
    """

    EVERY_S = 60.0

    def __init__(self, out: Path, asked: str) -> None:
        self.path = out / "progress.pt"
        self.asked = asked
        self._kept = time.monotonic()

    def restore(self, measurement: Measurement) -> None:
        """Take up what is there, if it is of this measurement and whole."""
        if not self.path.is_file():
            return
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            if state["asked"] == self.asked:
                measurement.load_state(state)
                print(f"Measurement: going on after {len(measurement.drawings)} drawings")
        except Exception as error:  # torch raises a different kind for each way of being damaged
            print(
                f"{self.path}: cannot be read ({type(error).__name__}); measuring from the beginning", file=sys.stderr
            )

    def keep(self, measurement: Measurement) -> None:
        """Write, unless that was done just now."""
        if time.monotonic() - self._kept < self.EVERY_S:
            return
        buffer = io.BytesIO()
        torch.save({**measurement.state(), "asked": self.asked}, buffer)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, buffer.getvalue())
        self._kept = time.monotonic()

    def drop(self) -> None:
        """Remove it: the measurement is complete."""
        self.path.unlink(missing_ok=True)
