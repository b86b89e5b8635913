"""How a command ends when something is wrong."""

import os
import sys
import traceback
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from linecolor.experiment.processes import RunStopped, is_first_process
from linecolor.systems.registry import packages


def run_command(command: Callable[[], object]) -> None:
    """Run a command; what a user can mend ends it with one clear message and exit code 2, not a traceback.

    A run that a signal stopped ends with 128 + the signal's number: 130 Ctrl-C, 138 SIGUSR1, 143 SIGTERM.
    LINECOLOR_TRACEBACK=1 shows the traceback all the same.
    """
    try:
        command()
    except RunStopped as stopped:
        # Of several devices' processes one speaks; the others' exit must not look like a failure of theirs.
        if is_first_process():
            _stop(str(stopped), code=128 + stopped.signum)
    except KeyboardInterrupt:
        _stop("interrupted; start the same command again to continue", code=130)
    except Exception as error:
        told = _cause(error)
        if not is_for_people(told) or os.environ.get("LINECOLOR_TRACEBACK"):
            raise
        _stop(str(told), code=2)


def is_for_people(error: BaseException) -> bool:
    """Whether an error was raised by our own code to tell the user something, not by a fault in it.

    House rule: `ValueError`, `FileNotFoundError` and their kin raised in our packages, or in one that registers a
    system, are for users, `assert` is for invariants; the same kinds raised inside a library are faults, and keep their
    traceback.
    """
    if isinstance(error, OSError) and error.filename is not None:
        return True  # a read-only folder, a full disk, a file in a folder's place: the system's message names it
    if not isinstance(error, (ValueError, OSError, RuntimeError, ImportError)):
        return False
    frames = traceback.extract_tb(error.__traceback__)
    specs = (find_spec(room) for room in ("linecolor", "lightning_modules", "datamodules", *packages()))
    places = (place for spec in specs if spec for place in spec.submodule_search_locations or [spec.origin or ""])
    rooms = [Path(place).resolve() for place in places if place]
    return bool(frames) and any(Path(frames[-1].filename).resolve().is_relative_to(room) for room in rooms)


def _cause(error: Exception) -> BaseException:
    """What went wrong in a constructor that a YAML file's `_target_` names, without Hydra's wrapping."""
    from hydra.errors import InstantiationException

    return error.__cause__ if isinstance(error, InstantiationException) and error.__cause__ else error


def _stop(message: str, code: int) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(code)
