"""Configuration keys that were renamed: old commands, users' own YAML files and older runs are still read."""

import re
import sys
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

RENAMED = {
    "stage.*.record_every": "stage.*.log_every_n_steps",
    "stage.*.validate_every": "stage.*.val_every_n_steps",
    "stage.*.clip": "stage.*.max_grad_norm",
    "stage.*.content_every": "stage.*.content_loss_interval",
    "stage.*.ema_images": "stage.*.ema_half_life",
    "stage.*.accumulate": "stage.*.micro_batches",
    "pairs.crop.uncut": "pairs.crop.full_page_prob",
    "pairs.crop.collage": "pairs.crop.collage_prob",
    "pairs.crop.flip": "pairs.crop.flip_prob",
    "pairs.crop.turn": "pairs.crop.rotate_prob",
    "pairs.color.repaint": "pairs.color.palette_swap",
    "pairs.hints.empty": "pairs.hints.no_hint_prob",
}
"""New dotted keys by old ones; `*` is any one name, here that of a stage."""

_OVERRIDE = re.compile(r"([~+]{0,2})([A-Za-z_][\w.]*)(.*)", re.DOTALL)
_INTERPOLATION = re.compile(r"(?<=\$\{)[A-Za-z_][\w.]*(?=\})")


def new_key(key: str) -> str | None:
    """What a dotted key is called now; None if it was not renamed."""
    return _translate(key, RENAMED)


def old_key(key: str) -> str:
    """What a dotted key was called at first; the key itself if it was not renamed."""
    return _translate(key, {new: old for old, new in RENAMED.items()}) or key


def rename_overrides(words: Sequence[str]) -> list[str]:
    """The words of a command line with today's keys; a line for each old one names the new one.

    Handles `key=value`, `+key=`, `++key=`, `~key`, keys inside `{...}` of a value, and `${key}`.
    """
    return [_rename_override(word) for word in words]


def rename_keys(
    config: Mapping[str, Any], fixed: Collection[str] = (), report: bool = False, prefix: str = ""
) -> dict[str, Any]:
    """A nested configuration with today's keys; interpolations follow. Where old and new stand, the old one counts.

    Args:
        config: plain containers.
        fixed: new dotted keys that count all the same: those of the command line.
        report: whether a line for each old key names the new one.
        prefix: of the keys: where in the whole the configuration stands.
    """
    result: dict[str, Any] = {}
    moved: set[str] = set()
    for name, value in config.items():
        key = f"{prefix}{name}"
        new = new_key(key)
        if new is None:
            if name not in moved:
                result[name] = _rename_value(value, key, fixed, report)
            continue
        if report:
            _report(key, new)
        leaf = new.rpartition(".")[2]
        if new not in fixed or leaf not in config:
            result[leaf] = _rename_value(value, new, fixed, report)
            moved.add(leaf)
    return result


def _rename_value(value: Any, key: str, fixed: Collection[str], report: bool) -> Any:
    if isinstance(value, Mapping):
        return rename_keys(value, fixed, report, f"{key}.")
    if isinstance(value, list):
        return [_rename_value(item, f"{key}[]", fixed, report) for item in value]
    return _rename_text(value) if isinstance(value, str) else value


def _rename_text(text: str) -> str:
    return _INTERPOLATION.sub(lambda match: new_key(match[0]) or match[0], text)


def _rename_override(word: str) -> str:
    match = _OVERRIDE.fullmatch(word)
    if not match:
        return word
    sign, key, rest = match.groups()
    new = new_key(key)
    if new:
        _report(key, new)
    rest = _rename_text(rest)
    return f"{sign}{new or key}{_rename_inside(key, rest) if '{' in rest else rest}"


def _rename_inside(key: str, value: str) -> str:
    """Old keys inside a value such as {uncut: 0.4, collage: 0.1} of pairs.crop."""
    for old, new in RENAMED.items():
        above, leaf = old.rpartition(".")[::2]
        parts = above.split(".")[: key.count(".") + 1]
        if _translate(key, {".".join(parts): key}) is None:
            continue
        value, count = re.subn(rf"(?<=[{{,\s]){leaf}(?=\s*:)", new.rpartition(".")[2], value)
        if count:
            _report(f"{leaf} in {key}", new.rpartition(".")[2])
    return value


def _translate(key: str, table: Mapping[str, str]) -> str | None:
    names = key.split(".")
    for pattern, target in table.items():
        parts = pattern.split(".")
        if len(parts) == len(names) and all(part in ("*", name) for part, name in zip(parts, names)):
            return ".".join(name if part == "*" else part for part, name in zip(target.split("."), names))
    return None


@cache
def _report(old: str, new: str) -> None:
    print(f"{old} is now called {new}; the old name is still read", file=sys.stderr)
