"""The machine: GPU and bf16, cores, memory, disk, shared memory for loader processes."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from linecolor.diagnosis.finding import Finding, Mark
from linecolor.diagnosis.imports import how_it_ended, run_python

GB = 2**30
_found = partial(Finding, "machine")

Limits = Sequence[tuple[float, Mark, str]]
"""GB from the fewest on; below them the mark, and what it adds to the words."""

# A card may be listed and yet be too old for this build of torch: only a real convolution shows it.
_CHILD = """
import torch
facts = {"torch": torch.__version__, "cuda": torch.version.cuda, "cards": [], "threads": torch.get_num_threads()}
facts["available"] = torch.cuda.is_available()
for index in range(torch.cuda.device_count() if facts["available"] else 0):
    card = torch.cuda.get_device_properties(index)
    major, minor = torch.cuda.get_device_capability(index)
    with torch.cuda.device(index):
        facts_of_card = {"name": card.name, "capability": f"{major}.{minor}", "error": None, "bf16": False}
        facts_of_card["free"], facts_of_card["total"] = torch.cuda.mem_get_info()
        try:
            facts_of_card["bf16"] = torch.cuda.is_bf16_supported(including_emulation=False)
            network = torch.nn.Conv2d(3, 8, 3).cuda()
            network(torch.zeros(1, 3, 16, 16, device="cuda")).sum().item()
        except Exception as error:
            facts_of_card["error"] = (str(error).strip().splitlines() or [type(error).__name__])[0]
        facts["cards"].append(facts_of_card)
say(facts)
"""


def check_machine(runs_dir: Path, torch_usable: bool) -> list[Finding]:
    """Everything about this machine; its GPUs only where torch may be asked for them."""
    facts = torch_facts() if torch_usable else "torch is not usable, see above"
    cores = usable_cores()
    return [
        *check_gpu(facts, has_nvidia_driver(), os.environ.get("CUDA_VISIBLE_DEVICES")),
        check_cores(cores, os.cpu_count() or 1, os.environ),
        check_load(os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0, cores),
        *check_memory(available_memory()),
        check_disk(runs_dir),
        *check_shared_memory(Path("/dev/shm")),
    ]


def torch_facts() -> dict[str, Any] | str:
    """What torch says of the GPUs, in a child process; a string says why there is no answer."""
    output, code = run_python(_CHILD, [], 120.0)
    if output.endswith("\n"):
        facts: dict[str, Any] = json.loads(output)
        return facts
    return f"asking torch about GPUs {how_it_ended(code)}"


def has_nvidia_driver() -> bool:
    """Whether the system has an NVIDIA card, whatever torch says."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def check_gpu(facts: dict[str, Any] | str, driver: bool, visible: str | None) -> list[Finding]:
    """Each card: does it compute, has it bf16; and a card that torch does not see.

    Args:
        facts: of `torch_facts`.
        driver: whether the system has an NVIDIA driver.
        visible: CUDA_VISIBLE_DEVICES, where it is set.
    """
    if isinstance(facts, str):
        return [_found("GPU", "problem", facts, "mend torch first")]
    if not facts["cards"]:
        unseen = f"there is an NVIDIA driver, but torch {facts['torch']}"
        if visible is not None and visible.strip() in ("", "-1"):
            said = f"hidden by CUDA_VISIBLE_DEVICES={visible!r}"
            return [_found("GPU", "note", said, "unset CUDA_VISIBLE_DEVICES")]
        if driver and facts["cuda"] is None:
            cure = "install torch's CUDA build in place of this one"
            return [_found("GPU", "problem", f"{unseen} is built without CUDA", cure)]
        if driver:
            cure = "run nvidia-smi: update a driver that is too old; in a container add --gpus all"
            return [_found("GPU", "problem", f"{unseen} (CUDA {facts['cuda']}) sees no card", cure)]
        return [
            _found("GPU", "note", "none", "experiment=demo trains in minutes without; experiment=paper needs a card")
        ]
    findings = []
    for subject, card in ((f"GPU {index}", card) for index, card in enumerate(facts["cards"])):
        free, total = card["free"] / GB, card["total"] / GB
        said = f"{card['name']}, compute {card['capability']}, {free:.1f} of {total:.1f} GB free"
        if card["error"]:
            cure = "install a torch build for this card's compute capability, or use trainer=cpu"
            findings.append(_found(subject, "problem", f"{said}; a convolution fails: {card['error']}", cure))
            continue
        findings.append(_found(subject, "ok", said))
        if card["bf16"]:
            findings.append(_found(f"{subject} bf16", "ok", "in hardware"))
        else:
            cure = "trainer.precision=16-mixed (trainer=gpu asks for bf16-mixed)"
            findings.append(_found(f"{subject} bf16", "note", "emulated only, without convolutions", cure))
        if free < 0.8 * total:
            cure = "see with nvidia-smi who holds it; linecolor-train preflight=true says what a run needs"
            findings.append(_found(f"{subject} memory", "note", f"{total - free:.1f} GB are taken by others", cure))
    return findings


def usable_cores() -> int:
    """Cores this process may use: affinity and a container's quota count."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return cores if quota == "max" else max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return cores


def check_cores(cores: int, all_cores: int, environment: Mapping[str, str]) -> Finding:
    """Cores, and how many threads OpenMP shall use."""
    said = f"{cores}" if cores == all_cores else f"{cores} of the machine's {all_cores}"
    setting = environment.get("OMP_NUM_THREADS", "")
    if setting:
        said += f", OMP_NUM_THREADS={setting}"
    threads = int(setting) if setting.isdecimal() else 0
    limit, free = f"export OMP_NUM_THREADS={cores}", "unset OMP_NUM_THREADS to train on the CPU with all cores"
    for wrong, why, cure in (
        (threads > cores, "more threads than cores wait for each other", limit),
        (0 < threads * 2 <= cores, "the others stay idle when training on the CPU", free),
        (not setting and cores < all_cores, "libraries may start a thread for each of all", limit),
    ):
        if wrong:
            return _found("cores", "note", f"{said}: {why}", cure)
    return _found("cores", "ok", said)


def check_load(load: float, cores: int) -> Finding:
    """Whether others use the machine: threads that wait for each other on a busy one cost a multiple."""
    said = f"{load:.1f} processes on {cores} cores in the last minute"
    if load > 1.5 * cores:
        return _found(
            "load", "note", f"busy: {said}", "wait for the others, or export OMP_NUM_THREADS=1 while they run"
        )
    return _found("load", "ok", said)


def available_memory() -> int | None:
    """Bytes of memory a new process can take, a container's limit respected; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration):
        return None
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii"))
        return available if limit == "max" else min(available, max(0, int(limit) - used))
    except (OSError, ValueError):
        return available


def check_memory(available: int | None) -> list[Finding]:
    """Whether training has room on the CPU's side."""
    if available is None:
        return []
    cure = "linecolor-train preflight=true says what a run needs; less: stage.draft.micro_batches=8, data.workers=0"
    limits: Limits = [(1.5, "problem", "; experiment=demo takes about 1.5 GB"), (8, "note", "")]
    return [_graded("memory", available, f"{available / GB:.1f} GB free", cure, limits)]


def check_disk(runs_dir: Path) -> Finding:
    """Whether the folder of the runs can be written, and has room for the checkpoints of the largest networks."""
    place = runs_dir.expanduser().absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        cure = "runs_dir=FOLDER with a folder that can be written"
        return _found("disk", "problem", f"{place} cannot be written (runs_dir={runs_dir})", cure)
    free = shutil.disk_usage(place).free
    cure = "free some, or runs_dir=FOLDER on another disk (two checkpoints of experiment=paper are 0.6 GB a stage)"
    limits: Limits = [(1, "problem", ""), (10, "note", "")]
    return _graded("disk", free, f"{free / GB:.1f} GB free for {runs_dir}", cure, limits)


def check_shared_memory(folder: Path) -> list[Finding]:
    """/dev/shm, through which loader processes hand over batches; a container's usual 64 MB are soon full."""
    if not folder.is_dir():
        return []
    size = shutil.disk_usage(folder).total
    cure = "docker run --shm-size=8g (or --ipc=host), or data.workers=0"
    limits: Limits = [
        (1 / 8, "problem", ": loader processes die with 'bus error'"),
        (2, "note", ": too little for several workers with batches of 64 at 512 px"),
    ]
    return [_graded("shared memory", size, f"{size / GB:.2f} GB in {folder}", cure, limits)]


def _graded(subject: str, size: int, said: str, cure: str, limits: Limits) -> Finding:
    """The mark of the first limit that a size stays below, its words added to what is said; `ok` beyond them all."""
    for least, mark, words in limits:
        if size < least * GB:
            return _found(subject, mark, said + words, cure)
    return _found(subject, "ok", said)
