"""A run on disk: its folders, what is complete, and what must not change between two starts."""

import json
import platform
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from linecolor.images import write_atomically
from linecolor.runs.renamed_keys import rename_keys

PACKAGES = (
    "linecolor",
    "torch",
    "lightning",
    "hydra-core",
    "torchmetrics",
    "kornia",
    "opencv-python-headless",
)


CHECKPOINTS = ("last.ckpt", "previous.ckpt")
"""What a stage leaves in its checkpoints/, the newest first."""


@dataclass
class RunFolder:
    """runs/NAME: config.yaml, run.json, a folder a stage, bundle/, evaluation/, report.html.

    Args:
        path: the folder; `record` makes it.
    """

    path: Path

    @classmethod
    def named(cls, runs_dir: str, name: str) -> "RunFolder":
        """The folder of a run; nothing is written before `record`.

        Raises:
            ValueError: if the name is a path or nothing: a run must not land outside of runs_dir.
        """
        name = str(name)
        if not name or name != Path(name).name or name in (".", ".."):
            raise ValueError(f"name={name!r} is no folder name: use letters, digits, - and _, without slashes")
        return cls(Path(str(runs_dir)).expanduser() / name)

    @property
    def bundle(self) -> Path:
        """What colorize and the front ends load."""
        return self.path / "bundle"

    @property
    def report(self) -> Path:
        """The report, one file."""
        return self.path / "report.html"

    @property
    def evaluation(self) -> Path:
        """Figures of the evaluation; the pictures lie beside it."""
        return self.path / "evaluation" / "evaluation.json"

    def stage(self, name: str) -> Path:
        """Folder of a training stage."""
        return self.path / name

    def record(self, config: dict[str, Any], command: list[str]) -> None:
        """Make the folder and write config.yaml and run.json: what was asked for, and with what."""
        self.path.mkdir(parents=True, exist_ok=True)
        for left in self.path.rglob(".*.tmp"):  # of a program that was killed while it wrote
            left.unlink(missing_ok=True)
        write_atomically(self.path / "config.yaml", yaml.safe_dump(config, sort_keys=False).encode())
        facts = {"command": command, "versions": versions(), "commit": commit(), "machine": machine()}
        write_atomically(self.path / "run.json", json.dumps(facts, indent=2).encode())

    def is_complete(self, stage: str, steps: int) -> bool:
        """Whether a stage was trained to its end, which may have been put off since.

        Raises:
            ValueError: if it was trained for longer than these steps.
        """
        done = self.facts(stage).get("steps", 0)
        if done > steps:
            raise ValueError(
                f"{self.stage(stage)} was trained for {done} steps, more than stage.{stage}.steps={steps}: give this "
                "run another name=..., or ask for as many or more"
            )
        return done == steps

    def is_begun(self, stage: str) -> bool:
        """Whether a stage has something to continue from, or to lose."""
        folder = self.stage(stage)
        left = [folder / "complete.json", *(folder / "checkpoints" / name for name in CHECKPOINTS)]
        return any(path.is_file() for path in left)

    def check_resume(self, resume: str, stages: list[str]) -> None:
        """Hold a start to what was said of continuing.

        Args:
            resume: `auto`, `must` or `never`.
            stages: of the run.

        Raises:
            ValueError: for `must` without a begun run, `never` with one.
        """
        begun = [stage for stage in stages if self.is_begun(stage)]
        if resume == "never" and begun:
            raise ValueError(f"{self.path} holds a begun run and resume=never: give the run another name=...")
        if resume == "must" and not begun:
            raise ValueError(f"resume=must, but there is no checkpoint in {self.path}: is name=... right?")

    def complete(self, stage: str, facts: dict[str, Any]) -> None:
        """Mark a stage as trained to its end."""
        facts = {**facts, "finished": time.strftime("%Y-%m-%d %H:%M:%S")}
        write_atomically(self.stage(stage) / "complete.json", json.dumps(facts, indent=2).encode(), durable=True)

    def facts(self, stage: str) -> dict[str, Any]:
        """What `complete` was told; empty for a stage that is not complete."""
        path = self.stage(stage) / "complete.json"
        return read_settings(path) if path.is_file() else {}

    def check(self, stage: str, decisive: dict[str, Any]) -> None:
        """Refuse to continue a stage with other settings than it was begun with.

        A stage without a checkpoint has nothing to lose and is not held to anything.

        Args:
            stage: name of the stage.
            decisive: the settings its weights depend on; devices, workers and loggers do not belong here.

        Raises:
            ValueError: naming every difference.
        """
        path = self.stage(stage) / "settings.yaml"
        if not self.is_begun(stage) or not path.is_file():
            return
        before, now = (_flat(_with_new_keys(stage, settings)) for settings in (read_settings(path), decisive))
        changed = [key for key in sorted({*before, *now}) if before.get(key) != now.get(key)]
        if changed:
            listed = "; ".join(f"{key}: {before.get(key)} then, {now.get(key)} now" for key in changed)
            raise ValueError(
                f"{self.stage(stage)} was begun with other settings ({listed}). "
                f"Give this run another name=..., or delete {self.stage(stage)} to train it anew"
            )

    def hold(self, stage: str, decisive: dict[str, Any]) -> None:
        """Keep the settings of a stage that begins, for `check`."""
        path = self.stage(stage) / "settings.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, yaml.safe_dump(decisive, sort_keys=False).encode(), durable=True)


def read_settings(path: Path) -> dict[str, Any]:
    """A YAML or JSON file of a run.

    Raises:
        FileNotFoundError: if it is missing.
        ValueError: if it is damaged; the message says what to do.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: is missing; is {path.parent} the folder of a run?")
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: is damaged ({type(error).__name__}); delete {path.parent} and train anew") from None
    if not isinstance(settings, dict):
        raise ValueError(f"{path}: is damaged (empty or no mapping); delete {path.parent} and train anew")
    return settings


def read_config(run: Path) -> dict[str, Any]:
    """The configuration of a run, with today's keys.

    Raises:
        FileNotFoundError: if there is no run in the folder.
        ValueError: if config.yaml is damaged.
    """
    if not (run / "config.yaml").is_file():
        raise FileNotFoundError(f"{run}: there is no run here; give a folder such as runs/demo")
    return rename_keys(read_settings(run / "config.yaml"))


def versions() -> dict[str, str]:
    """Versions of Python and the packages that results depend on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def commit() -> str | None:
    """The commit of the checkout the program runs from; None from an installed package."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=root, capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None


def machine() -> dict[str, Any]:
    """The hardware that figures of speed belong to."""
    import os

    import torch

    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "cpu": platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpus": gpus,
    }


def hardware(machine: Mapping[str, Any]) -> str:
    """What `machine` gave, in words."""
    return ", ".join(machine["gpus"]) or f"{machine['cores']} CPU cores ({machine['cpu']})"


def _with_new_keys(stage: str, settings: dict[str, Any]) -> dict[str, Any]:
    """A stage's settings of an older build: its own are not under its name."""
    renamed = rename_keys({**settings, "stage": {stage: settings.get("stage", {})}})
    return {**renamed, "stage": renamed["stage"][stage]}


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + str(key)] = value
    return flat
