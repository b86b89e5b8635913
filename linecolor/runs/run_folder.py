"""A run on disk: its folders, what is complete, and what must not change between two starts."""

import json
import os
import platform
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from linecolor.images import write_atomically
from linecolor.runs.renamed_keys import rename_keys

PACKAGES = ("linecolor", "torch", "lightning", "hydra-core", "torchmetrics", "kornia", "opencv-python-headless")

CHECKPOINTS = ("last.ckpt", "previous.ckpt")
"""What a stage leaves in its checkpoints/, the newest first."""


@dataclass
class RunFolder:
    """runs/NAME, which `record` makes: config.yaml, run.json, a folder a stage, bundle/, evaluation/, report.html."""

    path: Path

    def __post_init__(self) -> None:
        self.bundle = self.path / "bundle"  # what colorize and the front ends load
        self.report = self.path / "report.html"
        self.evaluation = self.path / "evaluation" / "evaluation.json"  # figures; the pictures lie next to it

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

    def stage(self, name: str) -> Path:
        """Folder of a training stage."""
        return self.path / name

    def record(self, config: Mapping[str, Any], command: list[str]) -> None:
        """Make the folder and write config.yaml and run.json: what was requested, and with what."""
        self.path.mkdir(parents=True, exist_ok=True)
        for partial in self.path.rglob(".*.tmp"):  # of a program that was killed while it wrote
            partial.unlink(missing_ok=True)
        write_atomically(self.path / "config.yaml", yaml.safe_dump(dict(config), sort_keys=False).encode())
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
                "run another name=..., or request as many or more"
            )
        return done == steps

    def is_started(self, stage: str) -> bool:
        """Whether a stage has something to continue from, or to lose."""
        folder = self.stage(stage)
        traces = [folder / "complete.json", *(folder / "checkpoints" / name for name in CHECKPOINTS)]
        return any(path.is_file() for path in traces)

    def check_resume(self, resume: str, stages: Iterable[str]) -> None:
        """Refuse (ValueError) `must` without a run that was started, and `never` with one."""
        started = any(self.is_started(stage) for stage in stages)
        if resume == "never" and started:
            raise ValueError(f"{self.path} holds a started run and resume=never: give the run another name=...")
        if resume == "must" and not started:
            raise ValueError(f"resume=must, but there is no checkpoint in {self.path}: is name=... right?")

    def complete(self, stage: str, facts: dict[str, Any]) -> None:
        """Mark a stage as trained to its end."""
        facts = {**facts, "finished": time.strftime("%Y-%m-%d %H:%M:%S")}
        write_atomically(self.stage(stage) / "complete.json", json.dumps(facts, indent=2).encode(), durable=True)

    def facts(self, stage: str) -> dict[str, Any]:
        """What `complete` recorded; empty for a stage that is not complete."""
        path = self.stage(stage) / "complete.json"
        return read_settings(path) if path.is_file() else {}

    def save_fingerprint(self, stage: str, fingerprint: dict[str, Any]) -> None:
        """Keep the settings that the weights of a stage depend on, before it starts."""
        path = self.stage(stage) / "settings.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, yaml.safe_dump(fingerprint, sort_keys=False).encode(), durable=True)

    def saved_fingerprint(self, stage: str) -> dict[str, Any] | None:
        """What `save_fingerprint` kept; None if there is nothing. A damaged file is refused as by `read_settings`."""
        path = self.stage(stage) / "settings.yaml"
        return read_settings(path) if path.is_file() else None


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
    result = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            result[package] = version(package)
        except PackageNotFoundError:
            result[package] = "not installed"
    return result


def commit() -> str | None:
    """The commit of the checkout the program runs from; None from an installed package."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=root, capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return described.stdout.strip() or None


def machine() -> dict[str, Any]:
    """The hardware that figures of speed belong to."""
    import torch

    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {"cpu": platform.machine(), "cores": os.cpu_count(), "threads": torch.get_num_threads(), "gpus": gpus}


def hardware(machine: Mapping[str, Any]) -> str:
    """What `machine` gave, in words."""
    return ", ".join(machine["gpus"]) or f"{machine['cores']} CPU cores ({machine['cpu']})"
