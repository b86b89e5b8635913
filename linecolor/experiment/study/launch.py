"""A training in a process of its own, as part of something larger; whoever stops the whole stops it, too."""

import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from linecolor.experiment.processes import RunStopped

_HANDED_ON = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


def run_training(words: list[str], run: Path) -> None:
    """Run linecolor-train with these words; one that is complete ends at once.

    In a process of its own: several devices start processes that run the command line again, and what a training
    leaves in memory is gone before the next.

    Args:
        words: the command line.
        run: the run's folder, to be named.

    Raises:
        RunStopped: if it was asked to stop; it has saved where it was.
        ValueError: if it failed; it has said why.
    """
    process = subprocess.Popen([sys.executable, "-m", "linecolor.cli.train", *words])

    def hand_on(number: int, frame: FrameType | None) -> None:
        process.send_signal(number)

    before = {number: signal.signal(number, hand_on) for number in _HANDED_ON}
    # Ctrl-C in a terminal reaches both: the training answers, this process waits for it.
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if code in (128 + signal.SIGINT, -signal.SIGINT):
        raise KeyboardInterrupt
    for number in _HANDED_ON:
        if code in (128 + number, -number):
            raise RunStopped(f"stopped by {number.name} during {run}; start the same command again to continue", number)
    if code:
        raise ValueError(f"the training of {run} failed (it says why above); mend it and start the same command again")
