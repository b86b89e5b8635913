"""What a stage's weights depend on: a stage is continued only with the settings it was started with."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from datamodules.sources.folder import FolderScan
from linecolor.experiment.config import RunConfig
from linecolor.lineart.methods import METHODS, REAL
from linecolor.runs.renamed_keys import rename_keys
from linecolor.runs.result import flat
from linecolor.runs.run_folder import RunFolder
from linecolor.systems.registry import SYSTEMS, stage_of, system_with

_FREE = (
    "steps",
    "micro_batches",
    "log_every_n_steps",
    "val_every_n_steps",
    "validation_drawings",
    "checkpoint_every",
    "checkpoint_minutes",
)
"""Settings of a stage that may change between two starts."""

_SCHEDULES = r"lightning_modules\.stages\.schedules\."
_OURS = re.compile(
    rf"linecolor\..*|(?!{_SCHEDULES})lightning_modules\..*|{_SCHEDULES}(constant|step|cosine)|torch\.optim\.Adam"
)
"""Classes that older builds did not name; which of ours it is follows from the stage and the names of its arguments. Of
schedules older builds had these three."""

_OF_SCHEDULE = {"drop_at": "drop_at", "drop_to": "drop_at", "cosine_steps": "cosine_steps", "cosine_to": "cosine_steps"}
"""Arguments of a schedule, and which of them switches each on."""


def check_resumable(stage: str, config: RunConfig, run: RunFolder, scan: FolderScan) -> dict[str, Any]:
    """The settings a stage's weights depend on; for a later stage also which networks of earlier stages it trains with.

    Budgets, devices, micro-batches, workers, loggers and where the same drawings lie may change between two starts.

    Raises:
        ValueError: naming every difference from those of the stage's start, if it was started.
    """
    names = config.system.names
    later = names[names.index(stage) + 1 :]
    fingerprint = {
        "seed": config.seed,
        "data": scan.fingerprint,
        "pairs": config.mapping["pairs"],
        "model": {key: value for key, value in config.model.settings.items() if key not in later},
        "stage": _own_settings(stage, config),
    }
    for name in stage_of(stage).needs:
        weights = run.stage(name) / "generator.safetensors"
        if weights.is_file():
            trained, requested = run.facts(name).get("steps"), config.stages[name].steps
            digest = hashlib.sha256(weights.read_bytes()).hexdigest()
            fingerprint[f"{name}_weights"] = digest if trained == requested else f"those of {requested} steps"
    check_unchanged(stage, fingerprint, run)
    return fingerprint


def check_unchanged(stage: str, fingerprint: dict[str, Any], run: RunFolder) -> None:
    """Refuse to continue a stage with other settings than it was started with.

    A stage without a checkpoint has nothing to lose and may be started with any.

    Raises:
        ValueError: naming every difference.
    """
    saved = run.saved_fingerprint(stage) if run.is_started(stage) else None
    if saved is None:
        return
    before, now = (_comparable(stage, settings) for settings in (saved, fingerprint))
    changed = [key for key in sorted({*before, *now}) if before.get(key) != now.get(key)]
    if changed:
        listed = "; ".join(f"{key}: {before.get(key)} then, {now.get(key)} now" for key in changed)
        raise ValueError(
            f"{run.stage(stage)} was started with other settings ({listed}). "
            f"Give this run another name=..., or delete {run.stage(stage)} to train it anew"
        )


def _own_settings(stage: str, config: RunConfig) -> dict[str, Any]:
    settings = config.stages[stage]
    # What comes from conf/model stands there.
    networks = [value for value in config.model.settings.values() if isinstance(value, Mapping)]
    own = {
        key: value
        for key, value in settings.settings.items()
        if key not in (*_FREE, "name") and value not in networks and value != config.model.settings.get(key, object())
    }
    schedule = own.get("schedule", {})
    whole = [key for key, value in schedule.items() if key.endswith("_steps") and value == settings.steps]
    if whole:
        own["schedule"] = schedule | dict.fromkeys(whole, "the whole stage")
    if stage_of(stage).batch_norm:
        # BatchNorm sees the pictures of one device and one micro-batch.
        own["batch_norm_sees"] = settings.share_of_device(config.trainer.world_size) // settings.micro_batches
    return own


def _comparable(stage: str, fingerprint: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a fingerprint, maybe of an older build, that make a difference, by dotted key."""
    values = flat(rename_keys({**fingerprint, "stage": {stage: fingerprint.get("stage", {})}}))
    schedule = f"stage.{stage}.schedule."
    line_weights = {f"pairs.line.{name}" for name in (*METHODS, REAL)}
    others = {name for system in SYSTEMS.values() for name in system.names} - {*system_with([stage]).names}

    def matters(key: str, value: Any) -> bool:
        name = key.rpartition(".")[2]
        if key.startswith("model.") and key.split(".")[1] in others:
            return False  # debug=tiny says of every system how its networks are made small
        if name == "_target_":
            return not _OURS.fullmatch(str(value))
        if key in line_weights:
            return bool(value)  # some line methods came later: a run started without them is the same run
        if key.startswith(schedule) and name in _OF_SCHEDULE:
            return bool(values.get(schedule + _OF_SCHEDULE[name], True))  # schedules once had those of every kind
        return name != "_partial_"

    return {key: value for key, value in values.items() if matters(key, value)}
