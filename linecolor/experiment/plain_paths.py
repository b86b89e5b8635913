"""The words of a command before Hydra reads them: a path or a name stands for itself, whatever characters it has."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override
from hydra.errors import HydraException

PATHS = ("data.root", "data.lines", "data.manifest", "runs_dir", "run", "out", "hint_layers", "preflight.json")
NAMES = ("name", "sweep.name", "logger.wandb.project", "logger.wandb.entity", "logger.wandb.group")
LISTS = ("data.more", "systems")
"""Keys whose values are a path, a name, or a list or mapping of paths."""

_OVERRIDE = re.compile(r"(\+{0,2})([\w.]+)=(.*)", re.DOTALL)
_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_CHOICE = re.compile(rf"\s*(?:{_QUOTED})\s*(?=,|\Z)|(?:\\.|[^,\\]|\\\Z)*", re.DOTALL)
_QUOTE = re.compile(_QUOTED, re.DOTALL)


def with_plain_paths(words: Sequence[str]) -> list[str]:
    """The words of a Hydra command, with quotes round what Hydra's grammar would not read as the same plain string.

    `~` is expanded, in `--config-dir`, too. What Hydra reads as it was meant stays: a value in quotes, `null`,
    `${...}`. With -m a comma separates values, and `choice(...)`, `glob(...)` and their kin are left to Hydra.
    """
    options = get_args_parser().parse_known_args(list(words))[0]
    sweep = bool(options.multirun) or any("hydra.mode=multirun" in word.lower() for word in words)
    folder = options.config_dir
    home = _at_home(folder) if folder else folder
    result = []
    for word in words:
        if folder and folder != home and word.endswith(folder) and (word == folder or word.startswith("-")):
            word = word.removesuffix(folder) + home
        result.append(_read_plainly(word, sweep))
    return result


def quoted(value: object) -> str:
    """A value as Hydra reads it, whatever characters a path has."""
    if not isinstance(value, str):
        return str(value)
    # Hydra takes a backslash for an escape before a quote alone, where the closing one counts, too.
    return "'" + re.sub(r"(\\*)('|\Z)", lambda match: match[1] * 2 + ("\\'" if match[2] else ""), value) + "'"


def _read_plainly(word: str, sweep: bool) -> str:
    match = _OVERRIDE.fullmatch(word)
    if not match:
        return word
    sign, key, value = match.groups()
    if key in LISTS:
        read = _parsed(value) is not None and "~" not in value
        return word if read else f"{sign}{key}={_members(value)}"
    if key not in PATHS + NAMES:
        return word
    plain = _plain_path if key in PATHS else _plain
    if not sweep:
        return f"{sign}{key}={plain(value)}"
    parsed = _parsed(value)
    if parsed is not None and parsed.is_sweep_override():
        choices = parsed.value()
        if not (isinstance(choices, ChoiceSweep) and choices.simple_form):
            return word
    return f"{sign}{key}={','.join(plain(choice.strip()) for choice in _choices(value))}"


def _plain(value: str, known: Callable[[str], str] = str) -> str:
    """One value, quoted if Hydra would read something else than these very characters."""
    parsed = _parsed(value)
    read = value
    if parsed is not None and not parsed.is_sweep_override():
        if parsed.value() is None:
            return value
        if isinstance(parsed.value(), str) and (value[:1] in ("'", '"') or "\\" in value):
            read = str(parsed.value())  # quoted or escaped as Hydra wants it
        if parsed.value() == read == known(read):
            return value
    return quoted(known(read))


def _plain_path(value: str) -> str:
    return _plain(value, _at_home)


def _at_home(path: str) -> str:
    """A path with `~` expanded; of nobody's home it is a name like another."""
    if not path.startswith("~"):
        return path
    try:
        return str(Path(path).expanduser())
    except RuntimeError:
        return str(Path.cwd() / path)


def _members(value: str) -> str:
    """A list or mapping of paths, each of them quoted if need be."""
    value = value.strip()
    if value[:1] == "[" and value[-1:] == "]":
        return f"[{','.join(_members(member) for member in _outside_brackets(value[1:-1]))}]"
    if value[:1] == "{" and value[-1:] == "}":
        pairs = [member.partition(":")[::2] for member in _outside_brackets(value[1:-1])]
        return "{" + ",".join(f"{key.strip()}:{_members(paths)}" for key, paths in pairs) + "}"
    return _plain_path(value)


def _outside_brackets(text: str) -> list[str]:
    """What stands between the commas of a list or mapping; those inside of brackets and quotes do not count."""
    members, depth, at = [""], 0, 0
    while at < len(text):
        starts = members[-1].rstrip()[-1:] in ("", ":", "[", "{", ",")  # in the midst of a name ' is a letter
        match = _QUOTE.match(text, at) if starts else None
        part = match[0] if match else text[at]
        at += len(part)
        depth += (part in "[{") - (part in "]}")
        if part == "," and depth == 0:
            members.append("")
        else:
            members[-1] += part
    return members if text.strip() else []


def _choices(value: str) -> list[str]:
    """The values of a sweep: what stands between the commas outside of quotes."""
    choices, start = [], 0
    while start <= len(value):
        match = _CHOICE.match(value, start)
        end = match.end() if match else len(value)
        choices.append(value[start:end])
        start = end + 1
    return choices


def _parsed(value: str) -> Override | None:
    try:
        return OverridesParser.create().parse_override(f"path={value}")
    except HydraException:
        return None
