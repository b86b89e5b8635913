"""Is this installation whole, and what can this machine do? Each fault with its cure.

Runs where packages are broken or missing: it imports the standard library (and `packaging`), reads metadata, and tries
everything else in a child process.
"""

from pathlib import Path

from linecolor.diagnosis.finding import Finding, Mark
from linecolor.diagnosis.imports import check_imports
from linecolor.diagnosis.machine import check_machine
from linecolor.diagnosis.requirements import (
    check_extras,
    check_opencv,
    check_python,
    check_versions,
    installed_version,
    is_compromised,
    own_requirements,
)
from linecolor.diagnosis.weights import check_weights

__all__ = ["Finding", "Mark", "diagnose"]


def diagnose(runs_dir: Path) -> list[Finding]:
    """Look at everything.

    Args:
        runs_dir: where runs will be written.

    Returns:
        Findings in the order packages, weights, machine, extras; never raises for what it finds.
    """
    packages = _packages()
    torch_usable = not any(f.mark == "problem" and f.subject in ("torch", "import torch") for f in packages)
    if is_compromised():
        torch_usable = False
    extras = [finding for finding in packages if finding.area == "extras"]
    own = [finding for finding in packages if finding.area != "extras"]
    return [*own, *check_weights(), *check_machine(runs_dir, torch_usable), *extras]


def _packages() -> list[Finding]:
    try:
        wanted = own_requirements()
        findings = [check_python(wanted.python), *check_versions(wanted.core), check_opencv()]
        extras = check_extras(wanted.extras)
    except FileNotFoundError as error:
        return [Finding("packages", "linecolor", "problem", str(error), "python -m pip install -e . in the checkout")]
    except ImportError:
        cure = "python -m pip install packaging"
        return [Finding("packages", "packaging", "problem", "is missing: versions cannot be compared", cure)]
    if is_compromised():
        said, cure = "not tried, so that no foreign code runs", "mend the compromised package, then run this again"
        findings.append(Finding("packages", "imports", "note", said, cure))
    else:
        findings += check_imports(installed_version)
    return [*findings, *extras]
