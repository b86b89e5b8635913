"""Which of several processes this one is, and that somebody interrupted it."""

import os
import signal
from types import FrameType


def is_first_process() -> bool:
    """Whether this process is the one that writes files: of several devices' processes, rank 0."""
    ranks = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID")
    return all(int(os.environ.get(rank, 0)) == 0 for rank in ranks)


class RunStopped(RuntimeError):
    """A signal stopped a run; nothing is lost, and the same command continues it. The message is for the user."""

    def __init__(self, message: str, signum: int) -> None:
        super().__init__(message)
        self.signum = signum


_interrupted = False


def remember_interrupts() -> None:
    """From now on, until `raise_if_interrupted`, Ctrl-C is remembered as well as raised."""
    signal.signal(signal.SIGINT, _remember)


def raise_if_interrupted() -> None:
    """Raise an interrupt that came since `remember_interrupts`, in case a bare `except:` swallowed it.

    Python's own handler is back afterwards: any other one is taken for a launcher's by those who train.

    Raises:
        KeyboardInterrupt: if there was one.
    """
    if signal.getsignal(signal.SIGINT) is _remember:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if _interrupted:
        raise KeyboardInterrupt


def _remember(number: int, frame: FrameType | None) -> None:
    global _interrupted
    _interrupted = True
    raise KeyboardInterrupt
