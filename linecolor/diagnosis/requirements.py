"""What linecolor asks for, and what is installed: versions, and packages that get in each other's way.

Nothing is imported but the standard library and `packaging`, so that it runs where the rest is broken; only metadata
is read, so that no code of a suspicious package is run.
"""

import importlib.metadata
import platform
import re
import shlex
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from linecolor.diagnosis.finding import Finding

COMPROMISED = {"lightning": ("2.6.2", "2.6.3")}
"""Releases on the registry that carried foreign code."""
REASONS = {
    "omegaconf": "2.4 silently drags hydra-core back to 1.3.0",
    "albumentations": "its successor has another licence",
}
OPENCV = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
CAUTIONS = {"inception": "(a torchvision that was not built for your torch breaks lightning)"}
"""What to know before an extra is installed."""
DEVELOPERS = ("dev",)
"""Extras that only developers need."""

Installed = Callable[[str], str | None]
_found = partial(Finding, "packages")


@dataclass
class Requirements:
    """What pyproject.toml asks for: a range of Python, what everybody needs, and by name what some commands need."""

    python: str
    core: list[str]
    extras: dict[str, list[str]] = field(default_factory=dict)


def installed_version(name: str) -> str | None:
    """The version of an installed distribution by its metadata; None if it is not installed, "" if it is damaged."""
    try:
        return importlib.metadata.version(name) or ""
    except importlib.metadata.PackageNotFoundError:
        return None
    except Exception:  # whatever half an installation makes the reader of metadata stumble over
        return ""


def own_requirements() -> Requirements:
    """From pyproject.toml in a checkout, where the installed metadata may be older; else from that metadata.

    Raises:
        FileNotFoundError: if there is neither: linecolor was copied, not installed.
    """
    path = Path(__file__).resolve().parents[2] / "pyproject.toml"
    if path.is_file():
        project = tomllib.loads(path.read_text(encoding="utf-8")).get("project", {})
        if project.get("name") == "linecolor":
            extras = project.get("optional-dependencies", {})
            return Requirements(project["requires-python"], project["dependencies"], extras)
    try:
        metadata = importlib.metadata.metadata("linecolor")
        lines = importlib.metadata.requires("linecolor") or []
    except importlib.metadata.PackageNotFoundError:
        raise FileNotFoundError("linecolor is not installed: neither metadata nor pyproject.toml is there") from None
    requirements = Requirements(metadata["Requires-Python"] or "", [])
    for line in lines:
        requirement = _parsed(line)
        plain = line.split(";")[0].strip()
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            requirements.core.append(plain)
            continue
        for extra in metadata.get_all("Provides-Extra") or []:
            if requirement.marker.evaluate({"extra": extra}):
                requirements.extras.setdefault(extra, []).append(plain)
    return requirements


def check_python(wanted: str, version: str | None = None) -> Finding:
    """Whether this Python is new enough."""
    version = version or platform.python_version()
    if _parsed(f"python{wanted}").specifier.contains(version, prereleases=True):
        return _found("Python", "ok", version)
    cure = f"install linecolor with a Python {wanted}, for example: make PYTHON=python3.12 install"
    return _found("Python", "problem", f"{version} is outside of {wanted}", cure)


def check_versions(core: list[str], installed: Installed = installed_version) -> list[Finding]:
    """Each package everybody needs, against its range."""
    return [_check_version(line, installed) for line in core]


def is_compromised(installed: Installed = installed_version) -> bool:
    """Whether a release with foreign code is installed: then nothing may be imported."""
    return any(installed(name) in versions for name, versions in COMPROMISED.items())


def check_opencv(installed: Installed = installed_version) -> Finding:
    """Whether two distributions share the folder cv2/, where each overwrites and removes files of the other."""
    present = [name for name in OPENCV if installed(name) is not None]
    if len(present) < 2:
        return _found("cv2", "ok", f"from {present[0]} alone" if present else "no distribution")
    cure = f"{_pip('uninstall', '-y', *present)} && {_pip('install', 'opencv-python-headless')}"
    said = f"{' and '.join(present)} are both installed and overwrite each other's files"
    return _found("cv2", "problem", said, cure)


def check_extras(extras: dict[str, list[str]], installed: Installed = installed_version) -> list[Finding]:
    """What is there of the extras; a missing one is a note, for not everybody needs it."""
    findings = []
    for extra, lines in extras.items():
        if extra in DEVELOPERS:
            continue
        checks = {line: _check_version(line, installed) for line in lines}
        missing = [line for line in lines if installed(_parsed(line).name) is None]
        wrong = [line for line, check in checks.items() if check.mark == "problem" and line not in missing]
        name = f"linecolor[{extra}]"
        if missing:
            names = ", ".join(_parsed(line).name for line in missing)
            said = f"not installed: {names}" if len(missing) == len(lines) else f"incomplete: {names} missing"
            cure = f"{_pip('install', *missing)} {CAUTIONS.get(extra, '')}".rstrip()
            findings.append(Finding("extras", name, "note", said, cure))
        elif wrong:
            said = "; ".join(f"{checks[line].subject} {checks[line].said}" for line in wrong)
            findings.append(Finding("extras", name, "problem", said, _pip("install", *wrong)))
        else:
            findings.append(Finding("extras", name, "ok", ", ".join(f"{c.subject} {c.said}" for c in checks.values())))
    return findings


def _check_version(line: str, installed: Installed) -> Finding:
    requirement = _parsed(line)
    name, wanted, version = requirement.name, str(requirement.specifier), installed(requirement.name)
    cure = _pip("install", f"{name}{wanted}")
    if version is None:
        return _found(name, "problem", f"is not installed (needs {wanted or 'any version'})", cure)
    if not version:
        cure = _pip("install", "--force-reinstall", "--no-deps", f"{name}{wanted}")
        return _found(name, "problem", "is only half installed: its metadata cannot be read", cure)
    if version in COMPROMISED.get(name, ()):
        said = f"{version} was compromised on the registry: it carries foreign code"
        cure = f"{_pip('uninstall', '-y', name)} && {cure}, then change every password and token this machine holds"
        return _found(name, "problem", said, cure)
    try:
        fits = requirement.specifier.contains(version, prereleases=True)
    except Exception:  # a version no rule can read: somebody's own build
        return _found(name, "note", f"{version} cannot be compared with {wanted}")
    if fits:
        return _found(name, "ok", version)
    reason = f" ({REASONS[name]})" if name in REASONS else ""
    return _found(name, "problem", f"{version} is outside of {wanted}{reason}", cure)


def _pip(*words: str) -> str:
    """A pip command as one types it: quoted where a shell would take < and > for its own."""
    return "python -m pip " + " ".join(shlex.quote(word) for word in words)


def _parsed(line: str) -> Any:
    """A requirement, by the library that knows how versions compare; pip carries a copy of its own."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        from pip._vendor.packaging.requirements import Requirement  # type: ignore[assignment]
    return Requirement(re.sub(r"\s+#.*", "", line))
