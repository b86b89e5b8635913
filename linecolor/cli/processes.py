"""Which of several processes this one is, and that it was asked to stop."""

import os


def is_first_process() -> bool:
    """Whether this process is the one that writes files: of several devices' processes, rank 0."""
    ranks = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID")
    return all(int(os.environ.get(rank, 0)) == 0 for rank in ranks)


class RunStopped(RuntimeError):
    """A signal stopped a run; nothing is lost, and the same command continues it.

    Args:
        message: for people.
        signum: the signal.
    """

    def __init__(self, message: str, signum: int) -> None:
        super().__init__(message)
        self.signum = signum
