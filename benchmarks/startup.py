"""How long a user waits for --help."""

import subprocess
import sys

from benchmarks.stopwatch import median_seconds

BARS = {"train": 1.5, "evaluate": 1.5, "data": 0.5, "colorize": 0.5, "export": 0.5, "app": 0.5}


def measure(repeats: int = 5) -> dict[str, float]:
    """Median seconds of `linecolor-COMMAND --help`, by command."""
    lines = {name: [sys.executable, "-m", f"linecolor.cli.{name}", "--help"] for name in BARS}
    return {
        name: median_seconds(lambda: subprocess.run(line, check=True, capture_output=True), repeats)  # noqa: B023
        for name, line in lines.items()
    }
