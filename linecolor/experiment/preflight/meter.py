"""What the preflight reads off the machine: memory and time, on a GPU or without."""

import contextlib
import sys
import time
from pathlib import Path

import torch


def peak_memory(device: torch.device) -> int:
    """Bytes: the most this process held, of a GPU what torch's allocator took, else resident memory."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    return resident_memory("VmHWM")


def forget_peak(device: torch.device) -> None:
    """Begin a new peak; where the system does not let a process do so, the old one goes on counting."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    else:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def resident_memory(kind: str) -> int:
    """Resident memory of this process in bytes: `VmRSS` now, `VmHWM` the most so far.

    Not by getrusage alone: a process inherits its mark from the one that started it.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(kind + ":"))
    except (OSError, StopIteration):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def other_on_card() -> int:
    """Bytes of the GPU that are not the allocator's: the CUDA context, and whatever else runs there."""
    free, total = torch.cuda.mem_get_info()
    return max(0, total - free - torch.cuda.memory_reserved())


def now() -> float:
    """Seconds, after all work of the GPU is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
