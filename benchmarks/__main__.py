"""make bench: every measurement of this folder as a table and as JSON in benchmarks/results/."""

import json
import sys
import time
from pathlib import Path

import torch

from benchmarks import blending, colorizing, curation, devices, sampling, shards, startup, survival, tracking, training
from linecolor.runs.run_folder import commit, machine, versions

RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Measure, print and write; 1 if a bar is missed."""
    threads = torch.get_num_threads()
    step = training.measure()
    blend, seconds, sampled, colored = (part.measure() for part in (blending, startup, sampling, colorizing))
    lasting, two, sharded = survival.measure(step["step_s"]), devices.measure(), shards.measure()
    torch.set_num_threads(threads)  # a loader process has one, and so had the shards' benchmark
    tracked, curated = tracking.measure(), curation.rates()
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
    rows: list[tuple[str, float, float | None, bool]] = [  # what, figure, bar, whether more is better
        ("pair synthesis / small draft training step", step["synthesis_share"], 0.10, False),
        ("our training step / bare PyTorch loop", step["step_ratio"], 1.10, False),
        ("loading at 1 worker / training consumes", step["loader_ratio"], 1.0, True),
        ("small draft training step, s", step["step_s"], None, False),
        ("blend=clean at 4096 / cv2 resize + blur", blend["clean_ratio"], 2.5, False),
        ("blend=paper at 4096 / cv2 resize + blur", blend["paper_ratio"], 2.5, False),
        *((f"linecolor-{name} --help, s", seconds[name], bar, False) for name, bar in startup.BARS.items()),
        ("colouring a page of 2,048 px, s", colored["seconds"], colorizing.SECONDS_AT_2048, False),
        ("memory at 8,192 px without the pictures, GB", colored["gb"], colorizing.GB_AT_8192, False),
        ("low-resolution sample, whole passes / cached", sampled["ratio"], sampling.BAR, True),
        ("low-resolution sample of 28 x 28, s", sampled["cached_seconds"], None, False),
        ("checkpoints and bookkeeping / training step", lasting["share"], 0.05, False),
        ("step of two processes / without exchange", two["ratio"], 1.05, False),
        ("loading from shards on disk / from a folder", sharded["disk_ratio"], 0.95, True),
        ("step with W&B's network dead / without W&B", tracked["step_ratio"], tracking.BAR, False),
        ("curating drawing_jpeg of 1,000 px, a second and core", curated["drawing_jpeg"], curation.BAR, True),
        ("curating drawing_png of 1,000 px, a second and core", curated["drawing_png"], curation.BAR, True),
    ]
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
    RESULTS.mkdir(exist_ok=True)
    name = "gpu" if torch.cuda.is_available() else "cpu"
    path = RESULTS / f"{name}.json"
    result = {
        "date": time.strftime("%Y-%m-%d"),
        "command": "make bench",
        "commit": commit(),
        "machine": machine(),
        "versions": versions(),
        **figures,
    }
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"\n{result['machine']}\nwritten to {path}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
