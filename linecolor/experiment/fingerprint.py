"""What a stage's weights depend on: a stage is continued only with the settings it was started with."""

import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from linecolor.runs.renamed_keys import rename_keys
from linecolor.systems.registry import stage_of

if TYPE_CHECKING:
    from datamodules.sources.folder import FolderScan
    from linecolor.experiment.config import RunConfig
    from linecolor.runs.run_folder import RunFolder

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

_OURS = re.compile(r"(linecolor|lightning_modules)\..*|torch\.optim\.Adam")
"""Classes that older builds did not name; which of ours it is follows from the stage and the names of its arguments."""


def resume_fingerprint(stage: str, config: "RunConfig", run: "RunFolder", scan: "FolderScan") -> dict[str, Any]:
    """The settings a stage's weights depend on; for a later stage also which networks of earlier stages it trains with.

    Budgets, devices, micro-batches, workers, loggers and where the same drawings lie may change between two starts.
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
    return _normalized(stage, fingerprint)


def check_resumable(stage: str, config: "RunConfig", run: "RunFolder", scan: "FolderScan") -> dict[str, Any]:
    """The fingerprint of a stage, which is that of the stage's start if it was started.

    Raises:
        ValueError: naming every difference.
    """
    fingerprint = resume_fingerprint(stage, config, run, scan)
    check_unchanged(stage, fingerprint, run)
    return fingerprint


def check_unchanged(stage: str, fingerprint: dict[str, Any], run: "RunFolder") -> None:
    """Refuse to continue a stage with other settings than it was started with.

    A stage without a checkpoint has nothing to lose and may be started with any.

    Raises:
        ValueError: naming every difference.
    """
    saved = run.saved_fingerprint(stage) if run.is_started(stage) else None
    if saved is None:
        return
    before, now = (_flat(_normalized(stage, settings)) for settings in (saved, fingerprint))
    changed = [key for key in sorted({*before, *now}) if before.get(key) != now.get(key)]
    if changed:
        listed = "; ".join(f"{key}: {before.get(key)} then, {now.get(key)} now" for key in changed)
        raise ValueError(
            f"{run.stage(stage)} was started with other settings ({listed}). "
            f"Give this run another name=..., or delete {run.stage(stage)} to train it anew"
        )


def _own_settings(stage: str, config: "RunConfig") -> dict[str, Any]:
    settings = config.stages[stage]
    # What comes from conf/model stands there.
    networks = [value for value in config.model.settings.values() if isinstance(value, Mapping)]
    own = {
        key: value
        for key, value in settings.settings.items()
        if key != "name" and value not in networks and value != config.model.settings.get(key, object())
    }
    if own.get("schedule", {}).get("cosine_steps") == settings.steps:
        own["schedule"] = own["schedule"] | {"cosine_steps": "the whole stage"}
    if stage_of(stage).batch_norm:
        # BatchNorm sees the pictures of one device and one micro-batch.
        own["batch_norm_sees"] = settings.share_of_device(config.trainer.world_size) // settings.micro_batches
    return own


def _normalized(stage: str, fingerprint: Mapping[str, Any]) -> dict[str, Any]:
    """A fingerprint, maybe of an older build, without what was named in another way then or makes no difference."""
    renamed = rename_keys({**fingerprint, "stage": {stage: fingerprint.get("stage", {})}})
    own = {key: value for key, value in renamed["stage"][stage].items() if key not in _FREE}
    schedule = dict(own.get("schedule", {}))
    # Schedules once had the arguments of every kind.
    for switch, also in (("drop_at", "drop_to"), ("cosine_steps", "cosine_to")):
        if not schedule.get(switch):
            schedule = {key: value for key, value in schedule.items() if key not in (switch, also)}
    # Ways to draw a line that came later and are not used: a run started without them is the same run.
    pairs = renamed.get("pairs", {})
    line = {key: value for key, value in pairs.get("line", {}).items() if value or key not in ("outline", "grey")}
    return _without_our_classes({**renamed, "pairs": {**pairs, "line": line}, "stage": {**own, "schedule": schedule}})


def _without_our_classes(settings: Mapping[str, Any]) -> dict[str, Any]:
    kept = {
        key: value
        for key, value in settings.items()
        if key != "_partial_" and not (key == "_target_" and _OURS.fullmatch(str(value)))
    }
    return {key: _without_our_classes(value) if isinstance(value, Mapping) else value for key, value in kept.items()}


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
