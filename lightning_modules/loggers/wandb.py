"""Tracking with Weights & Biases, in a process of its own."""

import json
import logging
import os
import re
import subprocess
import sys
import uuid
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment

from linecolor.images import write_atomically

log = logging.getLogger("linecolor")


class WandbLogger(Logger):
    """Starts the process that mirrors a stage's record to W&B, and ends it; see `wandb_mirror`.

    Nothing passes through this object: the mirror reads metrics.jsonl and samples/ of the stage, where everything
    stands. Every number and sheet is sent once, also when a stage is continued from a checkpoint.

    Args:
        name: of the stage's run.
        folder: of the stage; `wandb_id` in it keeps the id over all starts.
        offline: keep everything in the run's folder; `wandb sync` sends it later. Otherwise it is sent at once, or
            kept as if offline when W&B cannot be reached.
        log_bundle: send what a run ends with, the bundle, as an artifact.
        reach_timeout: seconds for W&B's first answer before tracking goes on offline.
        init_timeout: seconds for W&B to open the run before tracking goes on offline.
        finish_timeout: seconds at the end of a stage for W&B to take the rest.
        bundle_timeout: seconds for W&B to take the bundle.
        run: what else `wandb.init` takes: `project` (linecolor), `entity` (the user's default), `group` of the stages
            of one run, `job_type` that says which stage it is, and `config`, the settings of the whole run.
    """

    def __init__(
        self,
        *,
        name: str,
        folder: Path,
        offline: bool = True,
        log_bundle: bool = False,
        reach_timeout: float = 3.0,
        init_timeout: float = 30.0,
        finish_timeout: float = 30.0,
        bundle_timeout: float = 900.0,
        **run: Any,
    ) -> None:
        super().__init__()
        self.folder = folder
        self._run_name = name
        self._timeouts = {
            "reach_timeout": reach_timeout,
            "init_timeout": init_timeout,
            "finish_timeout": finish_timeout,
        }
        self._init = {"project": "linecolor", **run, "name": name, "dir": str(folder.parent), "resume": "allow"}
        self._offline = offline
        self._bundle_timeout = bundle_timeout
        self._failed = False
        self._mirror: subprocess.Popen[str] | None = None

    @property
    def name(self) -> str:
        """Name of the logger."""
        return "wandb"

    @property
    def version(self) -> str:
        """The id of the stage's W&B run, the same for every start of the stage; empty before the first."""
        known = self.folder / "wandb_id"
        return known.read_text(encoding="utf-8").strip() if known.is_file() else ""

    @property
    @rank_zero_experiment
    def experiment(self) -> None:
        """Start the mirror; Lightning asks for it when it begins, so that a stage with nothing to do has no run."""
        if self._mirror is None:
            self._start()

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Nothing to do: the mirror reads them from metrics.jsonl."""

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing to do: the configuration of the whole run is sent when the mirror starts."""

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Note how it ended; `close` ends it, because Lightning may still continue after a validation."""
        self._failed = status != "success"

    @rank_zero_only
    def send_bundle(self, bundle: Path) -> None:
        """Send a folder as an artifact of this stage's W&B run."""
        # W&B's artifact names are letters, digits, - _ and dots.
        self._timeouts["finish_timeout"] = self._bundle_timeout
        name = re.sub(r"[^\w.-]", "-", f"{self._init.get('group')}-bundle", flags=re.ASCII)
        self._start({"name": name[:128], "folder": str(bundle)})
        self.close()

    @rank_zero_only
    def close(self) -> None:
        """End the mirror and wait until it has sent the rest, for no longer than the timeouts."""
        mirror, self._mirror = self._mirror, None
        if mirror is None:
            return
        _send(mirror, {"exit_code": int(self._failed)})
        assert mirror.stdin is not None
        try:
            mirror.stdin.close()
            # It keeps to each of its timeouts, and may then write everything anew; should it not, it is stopped here.
            code = mirror.wait(sum(self._timeouts.values()) + 60)
        except BrokenPipeError:
            code = mirror.wait(10)
        except subprocess.TimeoutExpired:
            mirror.kill()
            code = mirror.wait()
        if code:
            log.warning(
                "W&B tracking of %s ended early (exit code %d); metrics.jsonl has everything", self._run_name, code
            )

    def _start(self, artifact: dict[str, str] | None = None) -> None:
        if not self.version:
            write_atomically(self.folder / "wandb_id", uuid.uuid4().hex[:12].encode())
        job = {
            "parent": os.getpid(),
            "init": {**self._init, "id": self.version},
            "offline": self._offline,
            **self._timeouts,
            "folder": str(self.folder),
            "artifact": artifact,
            "again": False,
        }
        try:
            self._mirror = subprocess.Popen(
                # -P: what lies in the current folder must not be imported in a library's place.
                [sys.executable, "-P", "-m", "lightning_modules.loggers.wandb_mirror"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                env={**os.environ, "WANDB_SILENT": "true", "OMP_NUM_THREADS": "1"},
                text=True,
                start_new_session=True,  # Ctrl-C is not for it, and there is no terminal to ask for a password
            )
        except OSError as error:
            log.warning("%s is not tracked by W&B: %s", self._run_name, error)
            return
        _send(self._mirror, job)


def _send(mirror: "subprocess.Popen[str]", message: dict[str, Any]) -> None:
    assert mirror.stdin is not None
    try:
        mirror.stdin.write(json.dumps(message) + "\n")
        mirror.stdin.flush()
    except BrokenPipeError:
        log.debug("the mirror has ended; `close` reports its exit code")
