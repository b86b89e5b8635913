"""How long a user waits for --help."""

import statistics
import subprocess
import sys
import time

BARS = {"train": 1.5, "evaluate": 1.5, "data": 0.5, "colorize": 0.5, "export": 0.5, "app": 0.5}


def measure(repeats: int = 5) -> dict[str, float]:
    """Median seconds of `linecolor-COMMAND --help`, by command."""
    found = {}
    for command in BARS:
        times = []
        for _ in range(repeats):
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", f"linecolor.cli.{command}", "--help"], check=True, capture_output=True
            )
            times.append(time.perf_counter() - started)
        found[command] = statistics.median(times)
    return found
