"""Which trainings a study needs, and each of them in a process of its own."""

import hashlib
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from omegaconf import OmegaConf

from linecolor.experiment.composition import compose_training
from linecolor.experiment.config import RunConfig
from linecolor.experiment.errors import RunStopped
from linecolor.experiment.plain_paths import quoted
from linecolor.runs.renamed_keys import rename_overrides

TrainingKey = tuple[str, tuple[str, ...], int]
"""Experiment, further overrides, seed."""

_HANDED_ON = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


@dataclass(frozen=True)
class Training:
    """One training of a study: the words of the whole command line of linecolor-train, and what they compose."""

    experiment: str
    seed: int
    words: list[str]
    config: RunConfig

    @property
    def run(self) -> Path:
        """The run's folder."""
        return Path(self.config.runs_dir).expanduser() / self.config.name


def planned(requested: dict[str, Any], folder: Path) -> dict[TrainingKey, Training]:
    """The trainings of a study, whose runs go into its folder; methods that differ in their blending alone share them.

    Raises:
        ValueError: if an override names nothing, or a training cannot work.
    """
    methods = requested["study"]["systems"].values()
    # Nothing but its name hangs on the seed of a run, and composing anew for every seed takes its time.
    composed = {}
    for experiment, overrides, _ in dict.fromkeys(training_key(method, 0) for method in methods):
        words = _words(requested, folder, experiment, overrides)
        config: Any = OmegaConf.to_container(compose_training(words), resolve=True)
        composed[experiment, overrides] = words, config
    trainings = {}
    for seed in requested["seeds"]:
        for method in methods:
            experiment, overrides, _ = key = training_key(method, seed)
            words, config = composed[experiment, overrides]
            name = "+".join(part.split("/")[-1] for part in experiment.strip("[]").split(","))
            if overrides:
                name += "-" + hashlib.sha256(repr(overrides).encode()).hexdigest()[:8]
            own = {"seed": seed, "name": f"{name}-seed{seed}"}
            words = [*words, *(f"{option}={value}" for option, value in own.items())]
            trainings[key] = Training(experiment, seed, words, RunConfig.from_mapping({**config, **own}))
    return trainings


def training_key(method: dict[str, Any], seed: int) -> TrainingKey:
    """Which training a method of a study needs."""
    return method["experiment"], tuple(method.get("overrides") or ()), seed


def run_training(training: Training) -> None:
    """Run linecolor-train; a training that is complete ends at once. Whoever stops the study stops it, too.

    In a process of its own: several devices start processes that run the command line again, and what a training
    leaves in memory is gone before the next.

    Raises:
        RunStopped: if it was asked to stop; it has saved where it was.
        ValueError: if it failed; it has said why.
    """
    process = subprocess.Popen([sys.executable, "-m", "linecolor.cli.train", *training.words])

    def hand_on(number: int, frame: FrameType | None) -> None:
        process.send_signal(number)

    before = {number: signal.signal(number, hand_on) for number in _HANDED_ON}
    # Ctrl-C in a terminal reaches both: the training answers, this process waits for it.
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if code in (128 + signal.SIGINT, -signal.SIGINT):
        raise KeyboardInterrupt
    for number in _HANDED_ON:
        if code in (128 + number, -number):
            raise RunStopped(
                f"stopped by {number.name} during {training.run}; start the same command again to continue", number
            )
    if code:
        raise ValueError(
            f"the training of {training.run} failed (it says why above); mend it and start the same command again"
        )


def _words(requested: dict[str, Any], folder: Path, experiment: str, overrides: tuple[str, ...]) -> list[str]:
    """The command line of a training but for its seed and name."""
    data = {name: value for name, value in requested["data"].items() if value is not None}
    words = [f"data={data.pop('kind')}"] if "kind" in data else []
    words += [f"experiment={experiment}", *requested["budget"]["overrides"]]
    words += [f"data.{name}={quoted(value)}" for name, value in data.items()]
    stages = compose_training([*words, *requested["train"]]).stages
    for group in ("stage", "model"):
        values = requested["budget"][f"{group}s"]
        words += [f"{group}.{stage}.{name}={v}" for stage in stages for name, v in values.get(stage, {}).items()]
    words += [*overrides, f"runs_dir={quoted(str(folder))}", "evaluation.enabled=false"]
    return rename_overrides([*words, *requested["train"], f"resume={requested['resume']}"])
