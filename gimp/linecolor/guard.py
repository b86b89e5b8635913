"""Runs one program that ends with the plug-in that started it.

GIMP cancels a plug-in by killing it (`gimp_plug_in_close`, SIGKILL), so that the plug-in cannot clean up. This small
process does it instead. Its standard input is a pipe from the plug-in. When that pipe ends before the program does, the
plug-in is gone or has cancelled: the program is killed and the temporary folder removed.

    python guard.py FOLDER PROGRAM [ARGUMENT ...]
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading

CANNOT_START = 127
_KILLED_BY = 128


def main(arguments: list[str]) -> int:
    """Run the program; returns its exit code, 128 + the signal that killed it, 127 if it does not start."""
    folder, command = arguments[0], arguments[1:]
    own_group = {} if os.name == "nt" else {"start_new_session": True}
    try:
        program = subprocess.Popen(command, stdin=subprocess.DEVNULL, **own_group)
    except OSError as error:
        print(error, file=sys.stderr)
        return CANNOT_START
    abandoned = threading.Event()

    def wait_for_the_end_of_the_plug_in() -> None:
        # os.read and not sys.stdin: a thread that holds the buffer's lock at exit aborts the interpreter.
        while os.read(0, 64):
            pass
        abandoned.set()
        _kill(program)

    threading.Thread(target=wait_for_the_end_of_the_plug_in, daemon=True).start()
    code = program.wait()
    if abandoned.is_set():
        shutil.rmtree(folder, ignore_errors=True)
    return code if code >= 0 else _KILLED_BY - code


def _kill(program: subprocess.Popen) -> None:
    if os.name == "nt":
        program.kill()
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
