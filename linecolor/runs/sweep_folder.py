"""A sweep on disk: a folder a job, named after what the job changes, and what became of each."""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linecolor.images import write_atomically
from linecolor.runs.lock import open_lock, try_lock
from linecolor.runs.renamed_keys import old_key
from linecolor.runs.run_folder import RunFolder

DONE, FAILED, STOPPED, RUNNING, INTERRUPTED = "done", "failed", "stopped", "running", "interrupted"
"""What a job can be: trained and evaluated; ended by an error; worse than its siblings; at it now; started, and no
process is at it any more."""

_ELSEWHERE = ("runs_dir", "name", "resume")
"""Where a job lies and how it is taken up: no part of what it is."""


class StoppedBelowMedian(Exception):
    """A job was stopped because its siblings were better at the same number of images; the message has the figures."""


@dataclass
class JobFolder:
    """runs_dir/SWEEP/HASH, the run's folder of one job; job.json beside the run's own files says what became of it."""

    path: Path

    def __post_init__(self) -> None:
        self.run = RunFolder(self.path)

    @property
    def facts(self) -> dict[str, Any]:
        """What `record` kept; empty where there is nothing, or nothing that can be read."""
        return _read(self.path / "job.json")

    @property
    def overrides(self) -> dict[str, str]:
        """The job's overrides, value by key."""
        return dict(key_and_value(override) for override in self.facts.get("overrides", []))

    @property
    def state(self) -> str:
        """One of DONE, FAILED, STOPPED, RUNNING, INTERRUPTED."""
        state = str(self.facts.get("state", INTERRUPTED))
        if state != RUNNING:
            return state
        with self.held() as free:
            return INTERRUPTED if free else RUNNING

    @property
    def evaluation(self) -> dict[str, Any]:
        """What evaluation.json holds; empty where there is none."""
        found = _read(self.run.evaluation)
        return found if isinstance(found.get("figures"), dict) else {}

    @property
    def figures(self) -> dict[str, float]:
        """The figures of the evaluation, and `obeyed`, the share of hints that were followed; empty without one."""
        evaluation = self.evaluation
        obedience = evaluation.get("obedience") or {}
        return {**evaluation.get("figures", {}), **({"obeyed": obedience["obeyed"]} if "obeyed" in obedience else {})}

    def record(self, **facts: Any) -> None:
        """Keep facts about the job beside those that are known: `state`, `overrides`, `error`, ..."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path / "job.json", json.dumps({**self.facts, **facts}, indent=1).encode())

    @contextlib.contextmanager
    def held(self) -> Iterator[bool]:
        """Have the job for oneself; False if another process has it. The system lets go of it when a process dies."""
        self.path.mkdir(parents=True, exist_ok=True)
        with open_lock(self.path / "job.lock") as descriptor:
            yield try_lock(descriptor) is not False


@dataclass
class SweepFolder:
    """runs_dir/SWEEP, which `begin` makes: a folder a job; sweep.json, sweep.csv and sweep.html."""

    path: Path

    @classmethod
    def named(cls, runs_dir: str, name: str) -> "SweepFolder":
        """The folder of a sweep; nothing is written before `begin`.

        Raises:
            ValueError: if the name is a path or nothing, or if a single run lies there.
        """
        try:
            path = RunFolder.named(runs_dir, name).path
        except ValueError as error:
            raise ValueError(f"sweep.{error}") from None
        if (path / "run.json").is_file():
            raise ValueError(f"{path} is a single run, no sweep: give the sweep another sweep.name=...")
        return cls(path)

    @property
    def facts(self) -> dict[str, Any]:
        """What `begin` kept; empty where there is nothing."""
        return _read(self.path / "sweep.json")

    def begin(self, **facts: Any) -> None:
        """Make the folder and note this start of the sweep."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path / "sweep.json", json.dumps(facts, indent=1).encode())

    def job(self, overrides: Sequence[str]) -> JobFolder:
        """The folder of the job with these overrides; their order does not matter."""
        return JobFolder(self.path / job_hash(overrides))

    def jobs(self) -> list[JobFolder]:
        """All jobs there are, those of earlier starts too, in the order of the sweep."""
        found = [JobFolder(path.parent) for path in self.path.glob("*/job.json")]
        facts = {job.path: job.facts for job in found}
        known = [job for job in found if facts[job.path]]
        return sorted(known, key=lambda job: (facts[job.path].get("number", 0), job.path.name))


def job_hash(overrides: Sequence[str]) -> str:
    """Ten hexadecimal digits that stand for a set of overrides, whatever their order.

    Where the job lies (`runs_dir`, `name`), how it is taken up (`resume`) and the sweep's own settings are left out.
    Keys go in by their first names: a sweep goes on though one of them was renamed.
    """
    pairs = [(old_key(key), value) for key, value in map(key_and_value, overrides)]
    own = sorted(pair for pair in pairs if pair[0] not in _ELSEWHERE and not pair[0].startswith("sweep."))
    return hashlib.sha256(json.dumps(own).encode()).hexdigest()[:10]


def key_and_value(override: str) -> tuple[str, str]:
    """`+group.key=value` -> (`group.key`, `value`)."""
    key, _, value = override.partition("=")
    return key.lstrip("+~"), value


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # not there yet, or damaged: the job is started anew, and its stages know what is complete
    return found if isinstance(found, dict) else {}
