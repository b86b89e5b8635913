"""Which of several processes this one is."""

import os


def is_first_process() -> bool:
    """Whether this process is the one that writes files: of several devices' processes, rank 0."""
    return all(int(os.environ.get(name, 0)) == 0 for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))
