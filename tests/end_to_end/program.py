"""The commands as a user starts them: each in a process of its own, with one thread.

A short command spends most of its time importing torch and Lightning. Here a server imports them once, and every
command is forked from it; our own packages are imported by each. `fresh=True` starts an interpreter from nothing
instead, as a shell does.
"""

import atexit
import multiprocessing
import os
import runpy
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from types import TracebackType

# Not our own: what they make when they are imported would be shared by all programs.
LIBRARIES = (
    "lightning.pytorch torchmetrics hydra kornia albumentations pyarrow.parquet safetensors.torch jinja2 "
    "skimage.filters skimage.measure skimage.segmentation"
)
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload([*LIBRARIES.split(), "tests.end_to_end.preloaded"])

TINY = ("experiment=demo", "debug=tiny")


def data(folder: Path) -> list[str]:
    """The words that train on the suite's drawings and their lines, three of ten held out."""
    return ["data=folder", f"data.root={folder / 'color'}", f"data.lines={folder / 'line'}", "data.test_share=0.3"]


def study_data(folder: Path) -> list[str]:
    """The same for linecolor-study."""
    return [word.replace("data=folder", "data.kind=folder") for word in data(folder)]


class Program:
    """A command that runs; the end of its `with` block is its end, too.

    Args:
        module: of linecolor.cli.
        words: its arguments.
        cwd: the folder it is started in.
        fresh: whether in a new interpreter.
        launcher: words that a new interpreter gets before those of the command.
        before: called in the command's own process, unless that is a new interpreter.
        environment: variables beside the suite's own.
    """

    def __init__(
        self,
        module: str,
        *words: object,
        cwd: Path,
        fresh: bool = False,
        launcher: tuple[str, ...] = (),
        before: Callable[[], object] | None = None,
        **environment: str,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory()
        arguments = [*launcher, "-m", f"linecolor.cli.{module}", *map(str, words)]
        variables = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
        what = (arguments, fresh or bool(launcher), before, cwd, variables, self._folder.name)
        self._process = SERVER.Process(target=_become, args=what)
        self._process.start()
        self.pid: int = self._process.pid
        while not Path(self._folder.name, "stderr").exists() and self.poll() is None:
            time.sleep(0.001)  # it has no process group of its own yet

    @property
    def stdout(self) -> str:
        """What it has said so far."""
        return self._read("stdout")

    @property
    def stderr(self) -> str:
        return self._read("stderr")

    def _read(self, name: str) -> str:
        return Path(self._folder.name, name).read_text(encoding="utf-8", errors="replace")

    def poll(self) -> int | None:
        """The exit code, negative after a signal; None while it runs."""
        return self._process.exitcode

    def wait(self) -> int:
        self._process.join()
        return self._process.exitcode

    def until(self, condition: Callable[[], object]) -> None:
        """Wait for something to become true while it runs."""
        while not condition():
            assert self.poll() is None, f"it ended before: {self.stdout[-1000:]}\n{self.stderr[-3000:]}"
            time.sleep(0.01)

    def stop(self, kind: signal.Signals, group: bool = False) -> int:
        """Send a signal, to all of its processes as a terminal does or to the first alone; its exit code."""
        (os.killpg if group else os.kill)(self.pid, kind)
        return self.wait()

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.poll() is None:
            self.stop(signal.SIGKILL, group=True)
        self._folder.cleanup()


def _become(
    arguments: list[str],
    fresh: bool,
    before: Callable[[], object] | None,
    cwd: Path,
    variables: dict[str, str],
    out: str,
) -> None:
    """Be the command, in the forked process."""
    os.setsid()
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        file = os.open(f"{out}/{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, descriptor)
        os.close(file)
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(cwd)
    tempfile.tempdir = None  # it is remembered
    multiprocessing.set_start_method(None, force=True)  # its own processes are started as everywhere
    if fresh:
        os.execv(sys.executable, [sys.executable, *arguments])
    if before is not None:
        before()
    _, module, *sys.argv[1:] = arguments
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except KeyboardInterrupt:  # as an interpreter ends
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    finally:
        atexit._run_exitfuncs()  # a forked process leaves them out


def run(module: str, *words: object, cwd: Path, code: int = 0, **options: object) -> CompletedProcess[str]:
    """Run a command to its end, which must come with this exit code and without a traceback."""
    with Program(module, *words, cwd=cwd, **options) as program:
        found = program.wait()
        done = CompletedProcess([module, *words], found, program.stdout, program.stderr)
    assert found == code, f"exit code {found}\n{done.stdout[-1000:]}\n{done.stderr[-3000:]}"
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    return done


def refused(module: str, *words: object, cwd: Path, **options: object) -> str:
    """Run a command that a user's mistake must end with exit code 2; what it says on standard error."""
    return run(module, *words, cwd=cwd, code=2, **options).stderr
