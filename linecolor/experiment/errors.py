"""How a command ends when something is wrong: exit codes, one clear line for what a user can mend, interrupts."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from linecolor.runs.full_disk import in_words, lack_of_room
from linecolor.systems.registry import packages

MISTAKE, INTERRUPTED = 2, 130
USER_ERRORS = (ValueError, OSError, ImportError)
"""What a command that works on a user's files reports in one line, wherever it is raised."""


class RunStopped(RuntimeError):
    """A signal stopped a run; nothing is lost, and the same command continues it. The message is for the user."""

    def __init__(self, message: str, signum: int) -> None:
        super().__init__(message)
        self.signum = signum


def exit_code(
    command: Callable[[], object],
    program: str = "",
    interrupted: str = "interrupted; start the same command again to continue",
    reported: tuple[type[Exception], ...] = (),
) -> int:
    """Run a command; what a user can mend ends it with one clear line on stderr, not with a traceback.

    LINECOLOR_TRACEBACK=1 shows the traceback all the same.

    Args:
        command: does the work; may return an exit code of its own.
        program: its name, for messages.
        interrupted: what to say after Ctrl-C.
        reported: kinds of errors that are reported in one line though a library raised them.

    Returns:
        The code of the command, 0 if it has none; 2 for a mistake in the request; for a run that a signal stopped
        128 + the signal's number: 130 Ctrl-C, 138 SIGUSR1, 143 SIGTERM.
    """
    try:
        code = command()
    except RunStopped as stopped:
        return stop_code(stopped, program)
    except KeyboardInterrupt:
        return _report(interrupted, program, INTERRUPTED)
    except Exception as error:
        cause, full = root_cause(error), lack_of_room(error)
        known = full is not None or isinstance(cause, reported) or is_user_error(cause)
        if os.environ.get("LINECOLOR_TRACEBACK") or not known:
            raise
        return _report(str(cause) if full is None else in_words(full), program, MISTAKE)
    return code if isinstance(code, int) else 0


def exit_on_error(command: Callable[[], object], even_faults: bool = False) -> None:
    """Run a command of Hydra's, and end the program if it fails; see `exit_code`.

    Even faults may end it, with their traceback: Hydra makes a mere warning of what a callback raises.
    """
    try:
        code = exit_code(command)
    except Exception:
        if not even_faults:
            raise
        traceback.print_exc()
        code = 1
    if code:
        sys.exit(code)


def stop_code(stopped: RunStopped, program: str = "") -> int:
    """Report that a signal stopped a run; returns the exit code."""
    # Of several devices' processes one speaks; the others' exit must not look like a failure of theirs.
    return _report(str(stopped), program, 128 + stopped.signum) if is_first_process() else 0


def is_user_error(error: BaseException) -> bool:
    """Whether an error was raised by our own code as a message to the user, not by a fault in it.

    House rule: `ValueError`, `FileNotFoundError` and their kin raised in our packages, or in one that registers a
    system, are for users, `assert` is for invariants; the same kinds raised inside a library are faults, and keep their
    traceback.
    """
    if isinstance(error, OSError) and error.filename is not None:
        return True  # a read-only folder, a full disk, a file in a folder's place: the system's message names it
    if not isinstance(error, (ValueError, OSError, RuntimeError, ImportError)):
        return False
    frames = traceback.extract_tb(error.__traceback__)
    specs = (find_spec(package) for package in ("linecolor", "lightning_modules", "datamodules", *packages()))
    places = (place for spec in specs if spec for place in spec.submodule_search_locations or [spec.origin or ""])
    ours = [Path(place).resolve() for place in places if place]
    return bool(frames) and any(Path(frames[-1].filename).resolve().is_relative_to(folder) for folder in ours)


def root_cause(error: Exception) -> BaseException:
    """What went wrong in a constructor that a YAML file's `_target_` names, without Hydra's wrapping."""
    # By name: commands that read no configuration work without Hydra.
    wrapped = type(error).__name__ == "InstantiationException"
    return error.__cause__ if wrapped and error.__cause__ else error


def _report(message: str, program: str, code: int) -> int:
    kind = "error: " if code == MISTAKE or not program else ""
    print(f"{program + ': ' if program else ''}{kind}{' '.join(message.split())}", file=sys.stderr)
    return code


def is_first_process() -> bool:
    """Whether this process is the one that writes files: of several devices' processes, rank 0."""
    ranks = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID")
    return all(int(os.environ.get(rank, 0)) == 0 for rank in ranks)


_interrupted = False


def remember_interrupts() -> None:
    """From now on, until `raise_if_interrupted`, Ctrl-C is remembered as well as raised."""
    signal.signal(signal.SIGINT, _remember)


def raise_if_interrupted() -> None:
    """Raise an interrupt that came since `remember_interrupts`, in case a bare `except:` swallowed it.

    Python's own handler is back afterwards: any other one is taken for a launcher's by those who train.

    Raises:
        KeyboardInterrupt: if there was one.
    """
    if signal.getsignal(signal.SIGINT) is _remember:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if _interrupted:
        raise KeyboardInterrupt


def _remember(number: int, frame: FrameType | None) -> None:
    global _interrupted
    _interrupted = True
    raise KeyboardInterrupt
