"""The part of the plug-in that does not need GIMP: where the program is, its command line, running it, its errors.

Standard library only, for it runs in whatever Python GIMP brings.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

INSTALLATION = "installation.json"
"""Written next to the plug-in by install.py: `{"environment": FOLDER, "model": FILE}`, both absolute."""

LINE, HINTS, COLOR, PICTURE, LAYERS = "line.png", "hints.png", "color.png", "picture.png", "picture.ora"
"""The files of the temporary folder. No name of a layer or an image ever becomes a path or an argument."""

OUTPUTS = {"color": (COLOR,), "picture": (PICTURE,), "both": (COLOR, PICTURE)}
"""The possible outputs with their pictures: colour without lines, the finished picture, or both."""

MIN_RESOLUTION, MAX_RESOLUTION = 64, 2048
TIME_LIMIT = 3600.0
"""Seconds after which a run is stopped: a page takes seconds, the largest some minutes on a slow machine."""

_KILL_TIMEOUT, _POLL = 10.0, 0.1
_MESSAGES = "messages.txt"
_MESSAGE_BYTES, _MESSAGE_LENGTH = 1 << 16, 500
_PROGRAM = "linecolor-colorize"
_CANNOT_START, _KILLED = 127, 137
_SHORT_OF_MEMORY = "memory is short: close other programs or choose a smaller resolution"
# An AppImage or a bundle points these at its own libraries; the small environment has its own Python.
_FOREIGN = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FRAMEWORK_PATH")


class ColoringError(Exception):
    """The drawing could not be coloured; the message is for the artist and says what to do."""


class Cancelled(Exception):
    """The artist stopped it."""


@dataclass(frozen=True)
class Installation:
    """What the plug-in calls.

    Attributes:
        environment: folder of the small virtual environment.
        model: the system as `linecolor-export` writes it, linecolor.onnx.
    """

    environment: Path
    model: Path

    @property
    def python(self) -> Path:
        """The environment's Python."""
        return self._executable("python")

    @property
    def program(self) -> Path:
        """linecolor-colorize of the environment."""
        return self._executable(_PROGRAM)

    def _executable(self, name: str) -> Path:
        return self.environment / "Scripts" / f"{name}.exe" if os.name == "nt" else self.environment / "bin" / name


def read_installation(plug_in: Path) -> Installation:
    """What install.py wrote next to the plug-in.

    Args:
        plug_in: folder of the plug-in.

    Raises:
        ColoringError: if there is none, it is damaged, or something it names is gone.
    """
    again = "Run “python3 gimp/install.py” in the linecolor folder again."
    file = plug_in / INSTALLATION
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        installation = Installation(Path(content["environment"]), Path(content["model"]))
    except FileNotFoundError:
        raise ColoringError(f"linecolor is not installed completely: {file} is missing. {again}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ColoringError(f"{file} is damaged ({type(error).__name__}: {error}). {again}") from None
    if not (installation.environment.is_absolute() and installation.model.is_absolute()):
        raise ColoringError(f"{file} is damaged (its paths must be absolute). {again}")
    for needed in (installation.python, installation.program):
        if not needed.is_file():
            raise ColoringError(f"linecolor's environment is gone or damaged: there is no {needed}. {again}")
    if not installation.model.is_file():
        raise ColoringError(f"linecolor's model is gone: there is no {installation.model}. {again}")
    return installation


def command(installation: Installation, folder: Path, hints: bool, output: str, resolution: int) -> list[str]:
    """The command line that colours `folder / LINE`.

    Args:
        installation: what to call.
        folder: the temporary folder.
        hints: whether `folder / HINTS` is there.
        output: one of `OUTPUTS`.
        resolution: short side in pixels at which the networks see the page; 0 as they were trained.

    Raises:
        ColoringError: for an output or a resolution that is unknown.
    """
    if output not in OUTPUTS:
        raise ColoringError(f"“{output}” is not a possible output: choose {', '.join(OUTPUTS)}.")
    if resolution and not MIN_RESOLUTION <= resolution <= MAX_RESOLUTION:
        raise ColoringError(
            f"The resolution {resolution} is out of reach: choose {MIN_RESOLUTION} to {MAX_RESOLUTION}, or 0 for "
            "the model's own."
        )
    line = [str(installation.program), str(folder / LINE), "--onnx", str(installation.model)]
    if hints:
        line += ["--hints", str(folder / HINTS)]
    if resolution:
        line += ["--resolution", str(resolution)]
    if output == "color":
        return [*line, "--color-only", "-o", str(folder / COLOR)]
    line += ["-o", str(folder / PICTURE)]
    return [*line, "--layers", str(folder / LAYERS)] if output == "both" else line


def color(
    installation: Installation,
    folder: Path,
    hints: bool,
    output: str,
    resolution: int = 0,
    go_on: Callable[[], bool] = lambda: True,
    time_limit: float = TIME_LIMIT,
) -> dict[str, Path]:
    """Colour `folder / LINE`.

    Args:
        installation: what to call.
        folder: the temporary folder with the line and, perhaps, the hints.
        hints: whether `folder / HINTS` is there.
        output: one of `OUTPUTS`.
        resolution: as of `command`.
        go_on: called ten times a second; False stops the program.
        time_limit: seconds.

    Returns:
        The pictures of `OUTPUTS[output]`, by their names.

    Raises:
        ColoringError: what went wrong and what to do.
        Cancelled: `go_on` returned False.
    """
    code = _run(installation, command(installation, folder, hints, output, resolution), folder, go_on, time_limit)
    if code:
        raise ColoringError(_failure(code, folder))
    if output == "both":
        _take_color(folder / LAYERS, folder / COLOR)
    pictures = {name: folder / name for name in OUTPUTS[output]}
    for picture in pictures.values():
        if not picture.is_file():
            raise ColoringError(f"{_PROGRAM} ended without a picture. Run “python3 gimp/install.py” again.")
    return pictures


def own_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables of GIMP's process without those that would lead another Python astray."""
    return {name: value for name, value in variables.items() if name not in _FOREIGN}


def _run(
    installation: Installation, line: list[str], folder: Path, go_on: Callable[[], bool], time_limit: float
) -> int:
    guard = [str(installation.python), "-I", str(Path(__file__).resolve().parent / "guard.py"), str(folder)]
    # GIMP kills the plug-in's process group when it is cancelled; the guard must outlive it to clear up.
    apart = {"creationflags": 0x08000000} if os.name == "nt" else {"start_new_session": True}
    with (folder / _MESSAGES).open("wb") as messages:
        try:
            process = subprocess.Popen(
                [*guard, *line],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=messages,
                env=own_environment(os.environ),
                **apart,
            )
        except OSError as error:
            raise ColoringError(
                f"{installation.python} does not start ({error}). Run “python3 gimp/install.py” again."
            ) from None
    assert process.stdin is not None
    latest = time.monotonic() + time_limit
    try:
        while True:
            try:
                return process.wait(_POLL)
            except subprocess.TimeoutExpired:
                pass
            if not go_on():
                raise Cancelled
            if time.monotonic() > latest:
                raise ColoringError(
                    f"Colouring was stopped after {time_limit:g} seconds. Choose a smaller resolution or image."
                )
    finally:
        process.stdin.close()
        try:
            process.wait(_KILL_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()


def _failure(code: int, folder: Path) -> str:
    """The program's own last words, as the artist can use them."""
    if code == _KILLED:
        return f"{_PROGRAM} was stopped by the system; probably {_SHORT_OF_MEMORY}."
    with (folder / _MESSAGES).open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _MESSAGE_BYTES))
        text = file.read().decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if code == _CANNOT_START:
        return f"{_PROGRAM} does not start ({' '.join(lines[-1:])}). Run “python3 gimp/install.py” again."
    own = [line.removeprefix(f"{_PROGRAM}: ").removeprefix("error: ") for line in lines if line.startswith(_PROGRAM)]
    words = " ".join([line for line in own if not line.endswith("pages could not be coloured")] or lines[-1:])
    for name, meant in ((LINE, "the line layer"), (HINTS, "the hint layer")):
        words = words.replace(str(folder / name), meant)
    words = "".join(letter if letter.isprintable() else " " for letter in words)[-_MESSAGE_LENGTH:]
    if "MemoryError" in words or "bad_alloc" in words:
        words += f"; {_SHORT_OF_MEMORY}"
    return f"linecolor could not colour the drawing: {words or f'it ended with code {code} and said nothing'}"


def _take_color(layers: Path, out: Path) -> None:
    """The colour layer of an OpenRaster file, as a picture of its own."""
    try:
        with zipfile.ZipFile(layers) as archive:
            stack = ET.fromstring(archive.read("stack.xml"))
            source = next(layer.get("src", "") for layer in stack.iter("layer") if layer.get("name") == "color")
            out.write_bytes(archive.read(source))
    except (OSError, KeyError, StopIteration, ET.ParseError, zipfile.BadZipFile) as error:
        raise ColoringError(f"{_PROGRAM} wrote no colour layer ({type(error).__name__}: {error}).") from None
