"""make bench: every measurement of this folder as a table and as JSON in benchmarks/results/."""

import json
import os
import platform
import sys
import time
from pathlib import Path

import torch

from benchmarks import blending, colorizing, curation, devices, sampling, shards, startup, survival, tracking, training
from linecolor.runs.run_folder import commit, versions

RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Measure, print and write; 1 if a bar is missed."""
    rows: list[tuple[str, float, float | None, bool]] = []  # what, figure, bar, whether more is better
    threads = torch.get_num_threads()
    step = training.measure()
    rows += [
        ("pair synthesis / small draft training step", step["synthesis_share"], 0.10, False),
        ("our training step / bare PyTorch loop", step["step_ratio"], 1.10, False),
        ("loading at 1 worker / training consumes", step["loader_ratio"], 1.0, True),
        ("small draft training step, s", step["step_s"], None, False),
    ]
    blend = blending.measure()
    rows += [
        (f"blend={mode} at 4096 / cv2 resize + blur", blend[f"{mode}_ratio"], 2.5, False) for mode in ("clean", "paper")
    ]
    seconds = startup.measure()
    rows += [(f"linecolor-{name} --help, s", seconds[name], bar, False) for name, bar in startup.BARS.items()]
    sampled = sampling.measure()
    colored = colorizing.measure()
    rows += [
        ("colouring a page of 2,048 px, s", colored["seconds"], colorizing.SECONDS_AT_2048, False),
        ("memory at 8,192 px without the pictures, GB", colored["gb"], colorizing.GB_AT_8192, False),
        ("low-resolution sample, whole passes / cached", sampled["ratio"], sampling.BAR, True),
        ("low-resolution sample of 28 x 28, s", sampled["cached_seconds"], None, False),
    ]
    lasting, two, sharded = survival.measure(step["step_s"]), devices.measure(), shards.measure()
    torch.set_num_threads(threads)  # a loader process has one, and so had the shards' benchmark
    tracked, curated = tracking.measure(), curation.rates()
    rows += [
        ("checkpoints and bookkeeping / training step", lasting["share"], 0.05, False),
        ("step of two processes / without exchange", two["ratio"], 1.05, False),
        ("loading from shards on disk / from a folder", sharded["disk_ratio"], 0.95, True),
        ("step with W&B's network dead / without W&B", tracked["step_ratio"], tracking.BAR, False),
    ]
    rows += [
        (f"curating {kind} of 1,000 px, a second and core", curated[kind], curation.BAR, True)
        for kind in ("drawing_jpeg", "drawing_png")
    ]
    figures: dict[str, object] = {
        "training": step,
        "blending": blend,
        "startup": seconds,
        "survival": lasting,
        "devices": two,
        "shards": sharded,
        "tracking": tracked,
        "curation": curated,
        "colorizing": colored,
        "sampling": sampled,
    }
    if torch.cuda.is_available():
        from benchmarks import paper_size

        figures["paper_size"] = paper = paper_size.measure()
        rows += [(f"model=paper {name}", value, None, True) for name, value in paper.items()]

    missed = False
    print(f"\n{'':52}{'figure':>9} {'bar':>9}")
    for what, figure, bar, more in rows:
        good = bar is None or (figure >= bar if more else figure <= bar)
        missed |= not good
        limit = "" if bar is None else f"{'>=' if more else '<='} {bar:g}"
        print(f"{what:52}{figure:9.3f} {limit:>9}  {'' if good else 'MISSED'}")
    machine = {
        "cores": os.cpu_count(),
        "threads": threads,
        "processor": _processor(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }
    RESULTS.mkdir(exist_ok=True)
    name = "gpu" if torch.cuda.is_available() else "cpu"
    path = RESULTS / f"{name}.json"
    result = {
        "date": time.strftime("%Y-%m-%d"),
        "command": "make bench",
        "commit": commit(),
        "machine": machine,
        "versions": versions(),
        **figures,
    }
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"\n{machine}\nwritten to {path}")
    return int(missed)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    sys.exit(main())
