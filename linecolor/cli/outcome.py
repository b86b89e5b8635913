"""How a command that argparse reads ends: exit codes, and one clear line for what a user can mend."""

import sys
from collections.abc import Callable

MISTAKE, INTERRUPTED = 2, 130


def outcome(program: str, run: Callable[[], int | None], stopped: str) -> int:
    """Run a command.

    Args:
        program: its name, for messages.
        run: does the work; returns an exit code, None for 0.
        stopped: what to say after Ctrl-C.

    Returns:
        The exit code: that of `run`, 2 for a mistake in the request, 130 when interrupted.
    """
    try:
        return run() or 0
    except (ValueError, OSError, ImportError) as error:
        print(f"{program}: error: {' '.join(str(error).split())}", file=sys.stderr)
        return MISTAKE
    except KeyboardInterrupt:
        print(f"{program}: {stopped}", file=sys.stderr)
        return INTERRUPTED
