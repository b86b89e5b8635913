"""G'MIC's smart coloring, a strong colouring method without training, run as a program of its own.

Tschumperlé, Fourey and Revoy's filter (Fourey et al. 2018, "A fast and efficient semi-guided algorithm for flat
coloring line-arts"): gaps of outlines are closed by splines, then hints spread by a watershed. The binary is the
machine's, in Debian the package `gmic`; it is not needed by anything else.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from linecolor.arrays import Line, Picture, check_line
from linecolor.evaluation.fills import bare_line, times_line
from linecolor.evaluation.protocol import Hint, paint_hints
from linecolor.images import UnreadableImage, read_color, write_png

FILTER = ("fx_colorize_lineart_smart", "1,95,0,0,1,24,200,0,75,2,60,20,90,1,10,1,1")
"""Its defaults but for the first argument, 1 for colours from spots, and the last, which rules the preview alone."""

TIMEOUT = 300.0
"""Seconds; a page of 1,024 px takes about one, one of 4,096 px about thirty."""

_TERMINAL_COLOR = re.compile(r"\x1b\[[0-9;]*m")
_MAX_WORDS = 600


def missing() -> str | None:
    """Why G'MIC cannot run here and what to do, or None where it can."""
    if shutil.which("gmic"):
        return None
    return "no program gmic on the PATH; in Debian and Ubuntu: apt-get install gmic"


def smart_coloring(line: Line, hints: Sequence[Hint], timeout: float = TIMEOUT) -> Picture:
    """G'MIC's "Colorize Lineart [Smart Coloring]" with the hints as colour spots, a fill as those of `fills`.

    Files of the user's own G'MIC, which may redefine the filter, are not read.

    Raises:
        RuntimeError: there is no G'MIC, it failed (with its own words), took more than `timeout` seconds, or left no
            picture of the line's size.
    """
    if not hints:
        return bare_line(line)
    check_line(line)
    with tempfile.TemporaryDirectory(prefix="linecolor-gmic-") as folder:
        write_png(Path(folder) / "spots.png", paint_hints(hints, line.shape))
        write_png(Path(folder) / "line.png", line)
        words = _run(["spots.png", "line.png", *FILTER, "output[-1]", "colors.png"], folder, timeout)
        colors = _read(Path(folder) / "colors.png", line.shape, words)
    return times_line(colors, line)


def _run(arguments: list[str], folder: str, timeout: float) -> str:
    """Run G'MIC inside a folder; returns what it said."""
    program = shutil.which("gmic")
    if program is None:
        raise RuntimeError(f"G'MIC: {missing()}")
    try:
        done = subprocess.run(
            # The PATH may hold relative folders, which would be looked for below the temporary one.
            [Path(program).absolute(), *arguments],
            cwd=folder,
            # Where G'MIC looks for a user's own commands and updates of its filters.
            env={**os.environ, "GMIC_PATH": folder},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        said = f"G'MIC was stopped after {timeout:g} seconds; give it more time or a smaller page"
        raise RuntimeError(said) from error
    except OSError as error:
        raise RuntimeError(f"G'MIC ({program}) cannot be started: {error.strerror or error}") from error
    words = _plain(done.stdout)
    if done.returncode:
        raise RuntimeError(f"G'MIC ended with exit code {done.returncode}: {words}")
    return words


def _read(path: Path, shape: tuple[int, int], words: str) -> Picture:
    try:
        colors, _ = read_color(path)
    except UnreadableImage as error:
        raise RuntimeError(f"G'MIC left no usable picture ({error.reason}); it said: {words}") from error
    if colors.shape[:2] != shape:
        given, left = (f"{width} x {height}" for height, width in (shape, colors.shape[:2]))
        raise RuntimeError(f"G'MIC was given a line of {given} px and left {left}; it said: {words}")
    return colors


def _plain(said: bytes) -> str:
    """What G'MIC said on one line, its errors alone where there are any, without the terminal's colours."""
    lines = _TERMINAL_COLOR.sub("", said.decode(errors="replace")).splitlines()
    errors = [line for line in lines if "*** Error" in line]
    return " ".join(" ".join(errors or lines).split())[:_MAX_WORDS] or "(nothing)"
