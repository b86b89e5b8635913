"""The process that mirrors a training stage to Weights & Biases: `python -m lightning_modules.loggers.wandb_mirror`.

It reads what training writes anyway, metrics.jsonl and samples/, and sends what was not sent before. Training waits for
it at no time: no network, server or fault of W&B reaches the process that trains. It knows neither torch nor Lightning.

Standard input says what to do, an object of JSON a line: first the job (see `WandbLogger`), at the end
{"exit_code": 0}. If the process that trains dies without a word, this one sends what is there and ends as well.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from linecolor.images import write_atomically

INTERVAL = 1.0
"""Seconds between two readings of the record."""

SENT = "wandb_sent.json"
"""What W&B has of a stage, next to its `wandb_id`."""

DIED = 255
"""The exit code W&B gets when the process that trains has died."""


class StageMirror:
    """Sends the rows of metrics.jsonl and the sheets of samples/ to a W&B run, each once over all starts of the stage.

    A stage that continues from a checkpoint writes rows anew that were sent before it was stopped. Therefore the file
    `wandb_sent.json` keeps, for each name, the highest images_seen that was sent; numbers at or below it are left out.
    By name, because a training record, a validation record and a sheet share their images_seen. It also keeps the
    number of rows, which is W&B's own step: rows of several starts, kept offline, do not overwrite each other.

    W&B writes its offline file in blocks of 32 KiB, the last one at the end only. So what was kept offline counts when
    `commit` says that it ended well; if it did not, because of a kill or a power failure, the file is set aside and
    its rows are sent once more. What went out online counts at once.

    Args:
        run: of W&B: `log`, `step`, `dir` and `define_metric` are used.
        folder: of the stage.
        offline: whether the run is kept offline.
        again: send once more what the last start sent, also if it was online.
    """

    def __init__(self, run: Any, folder: Path, offline: bool, again: bool = False) -> None:
        self.run = run
        self.record = folder / "metrics.jsonl"
        self.samples = folder / "samples"
        self._state = folder / SENT
        known: dict[str, Any] = {"rows": 0, "images_seen": {}, "uncommitted": None}
        if self._state.is_file():
            try:
                kept = json.loads(self._state.read_text(encoding="utf-8"))
                known = {name: kept[name] for name in known}
            except (ValueError, KeyError, TypeError):
                remedy = "delete it, and what W&B has of the stage is sent once more"
                raise ValueError(f"{self._state} is damaged: {remedy}") from None
        broken = known["uncommitted"]
        if broken and (broken["offline"] or again):
            known = broken["before"]
            lost = folder.parent / "wandb" / Path(broken["folder"]).name
            if lost.is_dir():
                lost.rename(lost.with_name(f"superseded-{lost.name}"))  # which nobody takes for one to be sent
        self._rows: int = max(known["rows"], run.step)
        self._highest: dict[str, int] = dict(known["images_seen"])
        before = {"rows": self._rows, "images_seen": dict(self._highest)}
        self._uncommitted = {"folder": run_folder(run).name, "offline": offline, "before": before}
        self._offset = 0
        self._save(self._uncommitted)
        run.define_metric("images_seen")
        run.define_metric("*", step_metric="images_seen")

    def commit(self) -> None:
        """The run has ended well: W&B, or its offline file, has everything."""
        self._save(None)

    def send_new(self) -> None:
        """Send what was written since the last call."""
        before = self._rows
        for images_seen, values in self._new_rows():
            self._send(images_seen, values)
        for images_seen, path in self._new_sheets():
            import wandb

            self._send(images_seen, {"samples": wandb.Image(str(path))})
        if self._rows > before:
            self._save(self._uncommitted)

    def _save(self, uncommitted: dict[str, Any] | None) -> None:
        state = {"rows": self._rows, "images_seen": self._highest, "uncommitted": uncommitted}
        write_atomically(self._state, json.dumps(state).encode())

    def _send(self, images_seen: int, values: dict[str, Any]) -> None:
        fresh = {name: value for name, value in values.items() if images_seen > self._highest.get(name, -1)}
        if not fresh.keys() - {"step"}:
            return
        self.run.log({**fresh, "images_seen": images_seen}, step=self._rows, commit=True)
        self._rows += 1
        self._highest |= dict.fromkeys(fresh, images_seen)

    def _new_rows(self) -> Iterator[tuple[int, dict[str, float]]]:
        if not self.record.is_file():
            return
        with self.record.open("rb") as file:
            # Shorter than before: it was cut back to a checkpoint.
            file.seek(self._offset if os.fstat(file.fileno()).st_size >= self._offset else 0)
            start, text = file.tell(), file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._offset = start + len(whole)
        for line in whole.splitlines():
            try:
                row = json.loads(line)
                images_seen = int(row.pop("images_seen"))
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # cut off by a power failure; whoever continues the stage removes it
            yield images_seen, {name: value for name, value in row.items() if isinstance(value, (int, float))}

    def _new_sheets(self) -> Iterator[tuple[int, Path]]:
        sheets = {int(path.stem): path for path in self.samples.glob("*.png") if path.stem.isdecimal()}
        for images_seen in sorted(sheets):
            if images_seen > self._highest.get("samples", -1):
                yield images_seen, sheets[images_seen]


def main() -> None:
    """Do the job that standard input names."""
    # Ctrl-C and a cluster's SIGTERM are for the process that trains; its end ends this one.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    job = json.loads(sys.stdin.readline())
    training = _Training(job["parent"])
    try:
        _track(job, training)
    except Exception as error:  # whatever it is, training goes on without W&B and has its own record
        _keep_offline(job, training, f"W&B failed: {reason(error)}")
    sys.stderr.flush()
    os._exit(0)  # W&B's own last hooks would wait for the network once more


def _track(job: dict[str, Any], training: "_Training") -> None:
    run, offline = open_run(job)
    mirror = StageMirror(run, Path(job["folder"]), offline, again=job["again"])
    if job["artifact"]:
        import wandb

        artifact = wandb.Artifact(job["artifact"]["name"], type="model")
        # Immutable and without the cache: no second copy of the weights in the user's home.
        artifact.add_dir(job["artifact"]["folder"], skip_cache=True, policy="immutable")
        run.log_artifact(artifact)
    while not training.has_ended():
        mirror.send_new()
    mirror.send_new()

    # In a thread, so that a network that has gone holds nobody up for longer.
    finishing = ThreadPoolExecutor(1).submit(run.finish, exit_code=training.exit_code)
    try:
        finishing.result(job["finish_timeout"])
    except TimeoutError:
        raise TimeoutError(f"it did not take everything within {job['finish_timeout']:g} s") from None
    mirror.commit()


def _keep_offline(job: dict[str, Any], training: "_Training", failure: str) -> None:
    """Let another process, which has nothing of the failure in it, write the rows of this start to an offline run."""
    name = job["init"]["name"]
    if job["again"]:
        warn(f"{name} is not tracked ({failure}); training and metrics.jsonl are not affected")
        return
    warn(f"{name} is written to an offline run when its stage ends ({failure}); training is not affected")
    while not training.has_ended():
        pass
    second = {**job, "parent": os.getpid(), "offline": True, "again": True}
    words = f"{json.dumps(second)}\n{json.dumps({'exit_code': training.exit_code})}\n"
    command = [sys.executable, "-P", "-m", "lightning_modules.loggers.wandb_mirror"]
    # Not W&B's own process of this one, where the id counts as in use.
    environment = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}
    wait = job["finish_timeout"] + 20
    try:
        subprocess.run(command, input=words, text=True, stdout=subprocess.DEVNULL, env=environment, timeout=wait)
    except (OSError, subprocess.TimeoutExpired) as error:
        warn(f"{name} is not tracked ({reason(error)}); metrics.jsonl has everything")


class _Training:
    """The process that trains: whether it has ended, and how."""

    def __init__(self, parent: int) -> None:
        self.exit_code = DIED
        self._parent = parent
        self._ended = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in sys.stdin:
            self.exit_code = json.loads(line)["exit_code"]
            break
        self._ended.set()

    def has_ended(self) -> bool:
        """Wait for a moment first."""
        # Loader processes hold the other end of the pipe open when the process that trains is killed.
        return self._ended.wait(INTERVAL) or os.getppid() != self._parent


def open_run(job: dict[str, Any]) -> tuple[Any, bool]:
    """The W&B run, and whether it is kept offline.

    Online if that is wanted and works, else offline with a warning that says how to send it later.
    """
    os.environ["WANDB_ERROR_REPORTING"] = "false"
    import wandb

    settings = wandb.Settings(
        init_timeout=job["init_timeout"],
        silent=True,
        console="off",
        # Neither code nor what the machine is: the run's own run.json has what matters.
        disable_git=True,
        disable_code=True,
        save_code=False,
        x_disable_machine_info=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_save_requirements=False,
    )
    if job["offline"]:
        run = wandb.init(mode="offline", settings=settings, **job["init"])
        if job["again"]:
            warn(f"{job['init']['name']} is kept offline; send it later with: wandb sync {run_folder(run)}")
        return run, True
    server = wandb.setup(settings=settings).settings.base_url
    failure = unreachable(server, job["reach_timeout"])
    if failure is None:
        try:
            return wandb.init(mode="online", settings=settings, **job["init"]), False
        except Exception as error:  # no key, a refused key, no answer: W&B has a class for each
            failure = reason(error)
    wandb.teardown()  # else the id would count as in use
    run = wandb.init(mode="offline", settings=settings, **job["init"])
    warn(
        f"{job['init']['name']} is tracked offline: W&B at {server} cannot be used ({failure}); send it later with: "
        f"wandb sync {run_folder(run)}"
    )
    return run, True


def unreachable(server: str, timeout: float) -> str | None:
    """Why a server does not answer within so many seconds, or None if it does: with anything at all, even an error."""
    failure: str | None = f"no answer within {timeout:g} s"

    def request() -> None:
        nonlocal failure
        try:
            urllib.request.urlopen(server, timeout=timeout).close()
            failure = None
        except (OSError, ValueError) as error:
            failure = None if isinstance(error, urllib.error.HTTPError) else reason(error)

    # In a thread: looking up a name has no time limit of its own.
    requesting = threading.Thread(target=request, daemon=True)
    requesting.start()
    requesting.join(timeout)
    return failure


def reason(error: Exception) -> str:
    """The first line of what an error says."""
    message = str(getattr(error, "reason", "")) or str(error) or type(error).__name__
    return message.splitlines()[0]


def warn(message: str) -> None:
    """A line for the user, below the progress bar."""
    print(f"{chr(10) if sys.stderr.isatty() else ''}warning: {message}", file=sys.stderr, flush=True)


def run_folder(run: Any) -> Path:
    """What `wandb sync` takes: wandb/run-ID or wandb/offline-run-ID."""
    return Path(run.dir).parent


if __name__ == "__main__":
    main()
